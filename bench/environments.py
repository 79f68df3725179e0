"""The environments of a run, a file each: written once, before the first record that names it."""

import os
from collections.abc import Iterator, Mapping
from itertools import chain, count, islice
from pathlib import Path
from typing import Any, TypedDict

import msgspec

from bench import durable, machine, regular, strict
from bench.error import UserError
from bench.paths import hide_paths
from bench.result import Count, Environment
from bench.strict import DamagedError

# What a file's name may have, less what is put behind it.
LONGEST = 200
# Bytes of a file, of all, and how many: a published one has some 6,000, a run few of them.
MOST, MOST_BYTES, MOST_FILES = 2**20, 16 * 2**20, 1000


class _Machine(TypedDict, total=False):
    id: str
    name: str | None
    gpus: list[str]


class _Software(TypedDict, total=False):
    python: str | None
    blas: str | None
    distributions: dict[str, str | None]


class _Data(TypedDict, total=False):
    name: str | None
    sha256: dict[str, str]
    features: Count | float | str | None  # what is no whole number tells nothing
    classes: Count | float | str | None
    test_images: Count


class _Told(msgspec.Struct):
    """What is computed with, or looked into, of the facts; the others are only shown."""

    machine: _Machine
    software: _Software
    data: _Data


def plain(name: str) -> bool:
    """Tell whether a record's text can be the name of a file in its folder, and nothing else."""
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        return False
    return 0 < size <= LONGEST and name[0] != "." and not {"/", "\0"} & set(name)


def read(folder: Path) -> tuple[dict[str, Environment], list[str]]:
    """Return the environments of a run by their ids, and of each that is damaged why, in a line.

    Raises UserError where one that is there cannot be read, or there is more than any run has.
    """
    found, faults = {}, []
    for path, environment in _judged(folder):
        if isinstance(environment, Environment):
            found[environment.id] = environment
        else:
            faults.append(f"environments/{path.name}: {environment}")
    return found, faults


def mend(folder: Path) -> None:
    """Set damaged ones aside, so that they are written anew; nothing is deleted.

    Raises OSError where that cannot be, and what reading raises.
    """
    for path, environment in _judged(folder):
        if not isinstance(environment, Environment):
            path.rename(_aside(path))
            durable.settle(path.parent)


def _aside(path: Path) -> Path:
    """Return a name for what is damaged that nothing has yet."""
    found = path.with_name(f"{path.name}.damaged")
    names = (found.with_name(f"{found.name}.{number}") for number in count(2))
    return next(name for name in chain([found], names) if not os.path.lexists(name))


def _judged(folder: Path) -> Iterator[tuple[Path, Environment | str]]:
    """Yield each file with its environment, or with the reason why it is damaged."""
    size, place = 0, folder / "environments"
    for path in _files(place):
        data = _bytes(path)
        if (size := size + len(data)) > MOST_BYTES:
            raise UserError(f"{place}: more than {MOST_BYTES // 2**20} MiB of files; leave it out")
        try:
            yield path, _decoded(data, path)
        except DamagedError as fault:
            yield path, str(fault)


def _files(place: Path) -> list[Path]:
    found = sorted(islice(place.glob("*.json"), MOST_FILES + 1))
    if len(found) > MOST_FILES:
        raise UserError(f"{place}: more than {MOST_FILES:,} files; leave it out")
    return found


def _bytes(path: Path) -> bytes:
    try:
        return regular.read(path, MOST)
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error


def of(facts: Mapping[str, Any]) -> Environment:
    """Return the environment of these facts, without paths of this host; its id is their hash."""
    facts = hide_paths(dict(facts))
    return Environment(id=machine.fingerprint(facts), **facts)


def check(found: Environment) -> None:
    """Raise DamagedError where what is computed with of the facts is not what it should be."""
    try:
        msgspec.convert(found, _Told, from_attributes=True)
    except msgspec.ValidationError as error:
        raise DamagedError(f"not an Environment: {error}") from error


def _decoded(data: bytes, path: Path) -> Environment:
    found = strict.decoded(data, Environment, str(path))
    check(found)
    if not plain(found.id) or path.name != f"{found.id}.json":
        raise DamagedError(f"it is of environment {found.id!r}")
    return found
