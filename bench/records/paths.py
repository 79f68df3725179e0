"""Hide absolute paths and host names in everything that a run records.

A published run must not name its users or hosts. Known folders are replaced by placeholders:
``<scratch>`` (of a trial), ``<suite>``, ``<python>`` (a virtual environment), ``.`` (the current
folder) and ``~``.
"""

import os
import re
import shlex
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from itertools import chain, islice
from pathlib import Path
from typing import Any, TypeVar, cast

import msgspec

from bench.records.schema import Case
from bench.worker import machine

Recorded = TypeVar("Recorded")

# Fields that hold a path, a name, or None.
_PATHS = {"data_source", "file", "interpreter", "modules", "name", "path"}
_COMMANDS = {"command", "arguments", "prepare"}
# In a command, a path may follow the = of an option, a comma or a space, and may have spaces.
_ARGUMENT = re.compile(r"(?<![^=,\s])/[^,]*?(?=,|\s/|$)")
# In the URL of a wheel or a repository.
_FILE = re.compile(r"(?<=file://)/[^\s#@\"'<>,\\]*")
# Absolute paths of two names or more, except those below folders that every system has. Before one
# there may be an escaped line end, as in JSON, a compiler's -I, or file://.
_ABSOLUTE = re.compile(
    r"(?:(?<![\w.~>/-])|(?<=\\[nrt])|(?<=\s-[A-Z])|(?<=file://))"
    r"/(?!(?:bin|dev|etc|lib|lib64|opt|proc|sbin|sys|usr)/)(?:[\w.@+-]+/)+[\w.@+-]*"
)
MAX_PRIVATE_TEXTS = 10  # of a file: more would not help anybody
_ADDRESS = re.compile(r"\b(tcp|tls|ucxx?|wss?|inproc)://[^\s\"'<>,\\]+")


def hide_paths(value: Recorded, folders: Mapping[Path, str] | None = None) -> Recorded:
    """Return a plan, a record or facts without absolute paths of this machine.

    folders: more folders with their placeholders; see ``find_case_folders``.
    """
    folders = {**(folders or {}), **_near_folders(), machine.ROOT: "<suite>"}
    # Packages may come from another environment, by a .pth file.
    packages = (Path(path) for path in sys.path if path.endswith("/site-packages"))
    for python in (Path(sys.prefix), *(path.parent.parent.parent for path in packages)):
        if python not in {Path("/usr"), Path("/usr/local")}:
            folders |= {python: "<python>", python.resolve(): "<python>"}
    return cast("Recorded", _Hider(folders).hide(value))


def find_private_texts(text: str) -> list[str]:
    """Return the first absolute paths and addresses in a text that may name a user or a host."""
    matches = chain(_ABSOLUTE.finditer(text), _ADDRESS.finditer(text))
    return list(dict.fromkeys(match[0] for match in islice(matches, MAX_PRIVATE_TEXTS)))


def find_case_folders(case: Case) -> dict[Path, str]:
    """Return the folders of a case's file and Python, by placeholder; messages may name them."""
    folders = {}
    if case.file is not None:
        folders[Path(case.file).resolve().parent] = "<path>"
    if case.interpreter is not None and Path(case.interpreter).is_absolute():
        folders[Path(case.interpreter).parent.parent] = "<python>"
    return folders


def shorten_path(path: str) -> str:
    """Return a path relative to the current folder or to the home folder.

    An absolute path elsewhere is shortened to its last part: ``<path>/name``.
    """
    if not Path(path).is_absolute():
        return path
    # Path.resolve() would follow the links of a virtual environment to the base Python.
    whole = Path(os.path.abspath(path))  # noqa: PTH100 - see above
    for folder, mark in _near_folders().items():
        if whole.is_relative_to(folder):
            below = whole.relative_to(folder)
            return f"{mark}/{below}" if below.parts else mark
    return f"<path>/{whole.name}"


class _Hider:
    def __init__(self, folders: Mapping[Path, str]) -> None:
        marks = {str(folder): mark for folder, mark in folders.items() if len(folder.parts) > 1}
        folder_names = "|".join(map(re.escape, sorted(marks, key=len, reverse=True)))
        temporary = {tempfile.gettempdir(), os.path.realpath(tempfile.gettempdir())}
        scratch = "|".join(map(re.escape, temporary))
        # A path begins at the start of a word or after a compiler's -I, and ends with a word.
        self._pattern = re.compile(
            r"(?:(?<![\w.~>])|(?<=\s-[A-Z]))"
            rf"(?:(?:{scratch})/softmax-bench-[\w-]+|(?:{folder_names})(?![\w-]))"
        )
        self._marks = marks

    def hide(self, value: Any, field: str = "") -> Any:
        match value:
            case _ if field == "env":  # part of the case, so it stays as the user gave it
                return value
            case str():
                return self._hide_text(value, field)
            case dict():
                return {key: self.hide(item) for key, item in value.items()}
            case list() | tuple():
                return type(value)(self.hide(item) for item in value)
            case msgspec.Struct():
                fields = msgspec.structs.asdict(value)
                changed = {name: self.hide(item, name) for name, item in fields.items()}
                return msgspec.structs.replace(value, **changed)
        return value

    def _hide_text(self, text: str, field: str) -> str:
        if field in _PATHS:
            text = shorten_path(text)
        text = _FILE.sub(lambda path: shorten_path(path[0]), text)
        if field in _COMMANDS:
            words = shlex.split(text)
            hidden = [_ARGUMENT.sub(lambda path: shorten_path(path[0]), word) for word in words]
            text = text if hidden == words else shlex.join(hidden)
        text = self._pattern.sub(lambda path: self._marks.get(path[0], "<scratch>"), text)
        return _ADDRESS.sub(r"\1://<host>", text)


def _near_folders() -> dict[Path, str]:
    """Return the current and the home folder by placeholder, also with links resolved."""
    folders = {Path.cwd(): "."}
    with suppress(RuntimeError):  # the home folder is unknown
        home = Path.home()
        folders |= {home: "~", home.resolve(): "~"}
    return {folder: mark for folder, mark in folders.items() if len(folder.parts) > 1}
