"""A run without its host, its users and its paths; what was measured, and with what, stays.

In texts a host's name becomes ``<host>``, a user's ``<user>``, and of an absolute path only the
last part is left: ``<path>/x.py``. What is anonymous already stays as it is.
"""

import re
import shlex
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any, TypeVar, get_args

import msgspec

from bench import environments
from bench.contract import Device, Objective
from bench.result import Case, Environment, Kind, Record, Run, Status
from bench.workload import WORKLOADS
from implementations import FIGURES, IMPLEMENTATIONS, PROBES

Told = TypeVar("Told", bound=msgspec.Struct)

# A home folder is somebody's, wherever it lies.
_HOME = re.compile(r"/(?:home|Users)/([\w.@+-]*[\w@+-])")
_URL = re.compile(r"""(tcp|tls|ucxx?|wss?|ssh|inproc)://[^\s"'<>]+""")
_REST = r"""(?:\\[ ]|[^\s"'`<>|,;:()\[\]{}])*"""
# In quotes a path may have spaces; behind a letter a slash divides, unless a home follows.
_PATH = re.compile(
    r"""(?<=")/[^"\n]+(?=") | (?<=')/[^'\n]+(?=')"""
    r" | (?<!<path>)(?<!<scratch>)(?<!<host>)(?<!<user>)(?<!<id>)"
    rf"(?:/(?:home|Users)/[^/\s]"
    rf"|(?:(?<=file://)|(?<=[\s'\"]-[A-Z])|(?<![\w.~*/\\)\]}}]))/[\w.~+@%-]){_REST}",
    re.VERBOSE,
)
# Of a command's argument, behind a flag's sign or a comma too.
_ARGUMENT = re.compile(r"(?<![^=,])/[^,]*")
_HARDWARE = re.compile(r"(GPU|MIG)-[0-9a-f]{8}[0-9a-f/-]*")
_WORD = re.compile(r"[^\W_]+")
# The numbers of a trial's id, which stay: a host may be called n1.
_NUMBER = re.compile(r"[rbtn][0-9]+")
_NUMBERS = {int, float}
_FILES = {"file", "interpreter", "data"}
_NAMES = {"run", "trial", "version", "implementation", "module", "framework", "extra", "workload"}
# What a machine is: a host that is called like its processor is not told by it.
_SHOWN = {"id", "cpu", "gpus", "name", "architecture", "system", "distribution"}


class Anonymous:
    """Takes hosts and users, whose names are known, and all paths out of what a run holds."""

    def __init__(self, hosts: Iterable[str] = (), users: Iterable[str] = ()) -> None:
        own = _own_words()
        known = {**dict.fromkeys(users, "<user>"), **dict.fromkeys(hosts, "<host>")}
        self._names = {name.lower(): token for name, token in known.items()
                       if len(name) > 1 and _WORD.search(name) and not name.isdigit()
                       and name.lower() not in own}  # fmt: skip
        listed = "|".join(map(re.escape, sorted(self._names, key=len, reverse=True)))
        # As a word; but not what stands for one.
        stands = "(?<=<)(?:host|user|path|scratch|id)>"
        self._known = re.compile(
            rf"(?<![^\W_])(?!{stands})(?:{listed or '(?!)'})(?![^\W_])", re.IGNORECASE
        )
        self._case = lru_cache(1024)(self._read_case)

    def run(self, run: Run) -> Run:
        """Return a plan without them."""
        return msgspec.structs.replace(
            self._struct(run), command=self._command(run.command),
            rounds={self._text(name, "workload"): each for name, each in run.rounds.items()},
        )  # fmt: skip

    def environment(self, environment: Environment) -> Environment:
        """Return an environment without them, under the id that its facts then have."""
        facts = self._facts(msgspec.structs.asdict(environment))
        del facts["id"]
        machine = {key: each for key, each in environment.machine.items() if key in _SHOWN}
        facts["machine"] = {**facts["machine"], **machine}
        facts["machine"].pop("host", None)
        if isinstance(versions := facts["software"].get("distributions"), dict):
            own = {self._words(name): version for name, version in versions.items()}
            facts["software"]["distributions"] = own
        return environments.of(facts)

    def record(self, record: Record, environment: str) -> Record:
        """Return a record without them, in an environment of this id; what it printed is gone."""
        found = self._struct(msgspec.structs.replace(record, stderr_tail=None))
        return msgspec.structs.replace(found, environment=environment)

    def _struct(self, of: Told) -> Told:
        return msgspec.structs.replace(of, **self._facts(msgspec.structs.asdict(of)))

    def _facts(self, found: Mapping[str, Any]) -> dict[str, Any]:
        return {name: self._value(each, name) for name, each in found.items()}

    def _value(self, value: Any, name: str = "") -> Any:
        """Take them out of every text, by the name of the field that it is in."""
        match value:
            case str():
                return self._text(value, name)
            case dict():
                return {key: self._value(each) for key, each in value.items()}
            case list() | tuple() if not _NUMBERS.issuperset(map(type, value)):
                return type(value)(self._value(each) for each in value)
            case Case():
                return self._case(msgspec.json.encode(value))
            case msgspec.Struct():
                return self._struct(value)
        return value

    def _read_case(self, data: bytes) -> Case:
        return self._struct(msgspec.json.decode(data, type=Case))

    def _text(self, text: str, name: str) -> str:
        if name in _FILES:
            return self._words(_file(text))
        short = _URL.sub(r"\1://<host>", _HARDWARE.sub(r"\1-<id>", text))
        return self._words(_PATH.sub(_last, short), but=_NUMBER if name in _NAMES else None)

    def _command(self, text: str) -> str:
        """Keep of a command's absolute paths the last parts."""
        try:
            words = shlex.split(text)
        except ValueError:  # no shell has taken it
            return self._text(text, "")
        short = [self._text(_ARGUMENT.sub(lambda path: _file(path[0]), each), "") for each in words]
        return text if short == words else shlex.join(short)

    def _words(self, text: str, but: re.Pattern[str] | None = None) -> str:
        def token(found: re.Match[str]) -> str:
            stays = but is not None and but.fullmatch(found[0])
            return found[0] if stays else self._names.get(found[0].lower(), "<host>")

        return self._known.sub(token, text)


def hosts(environment: Environment) -> set[str]:
    """Return by which names its host may be called: whole, and without or by its domain."""
    host = environment.machine.get("host")
    if not isinstance(host, str):
        return set()
    first, _, domain = host.partition(".")
    return {host, first, *([domain] if "." in domain else [])} - {""}


def users(told: msgspec.Struct) -> set[str]:
    """Return whose home folders a plan, an environment or a record tells of."""
    data = msgspec.json.encode(told)
    found = b"/home/" in data or b"/Users/" in data
    return set(_HOME.findall(data.decode())) if found else set()


def _file(path: str) -> str:
    return PurePosixPath(path).name or "<path>"


def _last(path: re.Match[str]) -> str:
    return f"<path>/{path[0].rstrip('/').rpartition('/')[2]}"


@lru_cache
def _own_words() -> frozenset[str]:
    """Return the words of the suite's own names, which tell of no host and no user."""
    entries = (*IMPLEMENTATIONS, *FIGURES, *PROBES)
    names = [text for each in entries
             for text in (each.name, each.module, each.framework, each.extra)]  # fmt: skip
    kinds = [name for kind in (Device, Objective, Kind, Status) for name in get_args(kind)]
    kinds += ["idiomatic", "tuned", "own", "resident", "streamed", *WORKLOADS]
    return frozenset(word.lower() for name in (*names, *kinds) for word in _WORD.findall(name))
