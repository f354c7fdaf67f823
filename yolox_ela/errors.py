"""The one exception for mistakes that a user can fix, also those in a user's own code."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager


class UserError(Exception):
    """Bad input, with a message that names the file or option and the remedy.

    The tools print the message without a traceback and exit with code 2.
    """

    def __init__(self, message: str) -> None:
        # A DataLoader worker hands an error on as the text of its traceback, which ends in ours.
        marker = f"{type(self).__module__}.{type(self).__qualname__}: "
        super().__init__(message.rpartition(marker)[2].strip())


class EndedElsewhereError(UserError):
    """Another process of the same run has failed, and reports why; this one only ends."""


@contextmanager
def code_of_others(message: Callable[[str], str]) -> Iterator[None]:
    """Within `with`, turn whatever a user's code raises into one message; Ctrl-C passes.

    That includes sys.exit, which would end a command without a word.

    Args:
        message: makes the message from a description of the error, as in `ValueError: too small`.

    Raises:
        UserError: the code raised it itself, or anything else.
    """
    try:
        yield
    except (UserError, KeyboardInterrupt):
        raise
    except BaseException as error:
        try:
            text = str(error)
        except Exception:  # it is the user's, too
            text = "(its text cannot be read)"
        raise UserError(message(f"{type(error).__name__}: {text}")) from error
