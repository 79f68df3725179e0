"""The one kind of error that a user can cause."""

import re

# Control characters, which a terminal obeys, and halves of characters, which no file takes.
_NO_TEXT = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_BEGINNING, _END = 1000, 500


class UserError(Exception):
    """A wrong command line or input file: one line that says what is wrong and what to do.

    The command line prints it on stderr and exits with 2; nothing has been written by then. It may
    quote what somebody else wrote, so that its lines are joined, and what no line of text can hold
    is a question mark. Of one that is very long the middle is left out.
    """

    def __init__(self, message: str) -> None:
        line = _NO_TEXT.sub("?", " ".join(message.splitlines()))
        if len(line) > _BEGINNING + _END:
            line = f"{line[:_BEGINNING]} … {line[-_END:]}"
        super().__init__(line)
