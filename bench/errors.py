"""The one kind of error that a user can cause."""

import re

# Control characters, which a terminal obeys, and halves of characters, which no file takes.
_NO_TEXT = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_BEGINNING, _END = 1000, 500


class UserError(Exception):
    """A wrong command line, input file or disk: one line that says what is wrong and what to do.

    The command line prints it on stderr and exits with 2. What was finished by then is kept.
    """

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


def one_line(text: str) -> str:
    """Make one line of a text that may quote what somebody else wrote.

    What no line can hold is a question mark; of what is very long the middle is left out.
    """
    found = _NO_TEXT.sub("?", " ".join(text.splitlines()))
    if len(found) <= _BEGINNING + _END:
        return found
    return f"{found[:_BEGINNING]} … {found[-_END:]}"


class DataError(UserError):
    """The data set cannot be found or read."""
