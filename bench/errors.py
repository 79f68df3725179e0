"""The one kind of error that a user can cause, and text that is safe to print."""

import difflib
import errno
import importlib.metadata
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

_LINE_ENDS = re.compile(r"[\t-\r\x1c-\x1e\x85\u2028\u2029]")
# Control characters, which a terminal obeys; ##[ and a first ::, which a CI obeys; bidirectional
# marks (Unicode Standard Annex #9, table 4); halves of characters; and what XML forbids.
_UNPRINTABLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
    r"|##(?=(?:vso)?\[)|\A\s*::"
)
_BEGINNING, _END = 1000, 500
USUAL = "Fix its permissions"  # the remedy of most errors
_REMEDIES = {
    errno.ENOSPC: "Free some space",
    errno.EDQUOT: "Free some space",
    errno.EFBIG: "Raise the limit of file sizes (ulimit -f)",
    errno.EMFILE: "Raise the limit of open files (ulimit -n)",
    errno.ENFILE: "Close other programs",
    errno.ENOMEM: "Free some memory",
}


class UserError(Exception):
    """A wrong command line, input file or disk: one line that says what is wrong and what to do.

    The command line prints it on stderr and exits with 2. What was finished by then is kept.
    """

    def __init__(self, message: str) -> None:
        super().__init__(join_lines(message))


def clean_text(text: str) -> str:
    """Return an untrusted text as one line that can be printed.

    Line ends and tabs become spaces. Control characters, bidirectional marks, what is no character
    and the start of a command of a CI become question marks.
    """
    return _UNPRINTABLE.sub("?", _LINE_ENDS.sub(" ", text))


def join_lines(text: str) -> str:
    """Return a message, which may quote untrusted text, as one line that can be printed.

    Cuts out the middle of a text of more than 1,500 characters.
    """
    lines = (line.strip() for line in text.splitlines())
    line = clean_text(" ".join(filter(None, lines)))
    if len(line) <= _BEGINNING + _END:
        return line
    return f"{line[:_BEGINNING]} … {line[-_END:]}"


def suggest_remedy(error: OSError, usual: str = USUAL) -> str:
    """Return what the user can do about an error of the system; ``usual`` fits most of them."""
    return _REMEDIES.get(error.errno or 0, usual)


@contextmanager
def report_write_errors(place: object, usual: str = USUAL, more: str = "") -> Iterator[None]:
    """Raise UserError in place of OSError in a block that writes; more: what follows the remedy."""
    try:
        yield
    except OSError as error:
        remedy = suggest_remedy(error, usual) + more
        raise UserError(f"cannot write to {place}: {error.strerror or error}. {remedy}") from error


def suggest_install(extra: str) -> str:
    """Return the command that adds an extra to the suite where that came from.

    The name alone is enough where pip took the suite by name. In other cases pip has noted the
    origin, which must be given: an index may have a stranger's package of this name.
    """
    if (Path(__file__).parents[1] / "pyproject.toml").exists():
        return f"pip install -e '.[{extra}]' in the suite's folder"
    requirement = f"softmax-bench[{extra}]"
    suite = importlib.metadata.distribution("softmax-bench")
    if origin := json.loads(suite.read_text("direct_url.json") or "{}"):
        vcs = origin.get("vcs_info")
        url = f"{vcs['vcs']}+{origin['url']}@{vcs['commit_id']}" if vcs else origin["url"]
        requirement += f" @ {url}"
    return f"pip install '{requirement}'"


def make_read_error(path: Path, error: OSError) -> UserError:
    """Return the error of a file or folder of a run that cannot be read."""
    remedy = suggest_remedy(error, "Fix its permissions, or choose another folder")
    return UserError(f"{path}: cannot be read: {error.strerror}. {remedy}")


class DataError(UserError):
    """The data set cannot be found or read."""


def make_unknown_name_error(kind: str, name: str, names: Sequence[str]) -> UserError:
    """Return the error for an unknown name; it suggests similar names, or lists all."""
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    near = near or [candidate for candidate in names if name and name in candidate]
    hint = f"Did you mean {' or '.join(near)}?" if near else f"Choose from {', '.join(names)}"
    return UserError(f"unknown {kind} {name!r}. {hint}")
