"""The one exception for mistakes that a user can mend."""


class UserError(Exception):
    """Bad input, with a message that names the file or option and the remedy.

    The tools print the message without a traceback and exit with code 2.
    """
