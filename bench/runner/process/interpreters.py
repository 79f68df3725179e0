"""Other Pythons: find them."""

import os
import shutil

from bench.errors import UserError


def find_executable(text: str) -> str | None:
    """Return the absolute path of a Python, given as a path or as a name on PATH, or None.

    Links are kept, because a virtual environment is found by the path of its link.
    """
    if "/" in text:
        # Path.resolve() follows links, and PATH would be searched for a bare name.
        return shutil.which(os.path.abspath(os.path.expanduser(text)))  # noqa: PTH100, PTH111 - see above
    path = shutil.which(text) if text.startswith(("python", "pypy")) else None
    return None if path is None else os.path.abspath(path)  # noqa: PTH100 - see above


def require_executable(text: str) -> str:
    """Return the absolute path of a Python. Raises UserError where there is none."""
    if python := find_executable(text):
        return python
    raise UserError(f"{text} is no executable. Name a Python, such as env/bin/python")
