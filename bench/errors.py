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
        super().__init__(join_lines(message))


def join_lines(text: str) -> str:
    """Return the text, which may quote untrusted text, as one line that can be printed.

    Replaces characters that a terminal or a file cannot take by question marks. Cuts out the middle
    of a text of more than 1,500 characters.
    """
    lines = (line.strip() for line in text.splitlines())
    line = _NO_TEXT.sub("?", " ".join(filter(None, lines)))
    if len(line) <= _BEGINNING + _END:
        return line
    return f"{line[:_BEGINNING]} … {line[-_END:]}"


class DataError(UserError):
    """The data set cannot be found or read."""
