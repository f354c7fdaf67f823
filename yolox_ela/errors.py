"""The one exception for mistakes that a user can fix."""


class UserError(Exception):
    """Bad input, with a message that names the file or option and the remedy.

    The tools print the message without a traceback and exit with code 2.
    """

    def __init__(self, message: str) -> None:
        # A DataLoader worker hands an error on as the text of its traceback, which ends in ours.
        marker = f"{type(self).__module__}.{type(self).__qualname__}: "
        super().__init__(message.rpartition(marker)[2].strip())


# What code of others may raise, such as an experiment's file: by sys.exit, it would end a command
# without a word.
ANY_FAILURE = (Exception, SystemExit, GeneratorExit)


class EndedElsewhereError(UserError):
    """Another process of the same run has failed, and reports why; this one only ends."""
