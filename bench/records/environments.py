"""The environments of a run, a file each: written once, before the first record that names it."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypedDict

import msgspec

from bench.errors import UserError
from bench.records import decoding, files
from bench.records.decoding import DamagedError
from bench.records.paths import hide_paths
from bench.records.schema import Count, Environment
from bench.worker import machine

# Bytes of a file's name, less what is put behind it.
MAX_NAME = 200


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
    features: Count | float | str | None
    classes: Count | float | str | None
    test_images: Count


class _Facts(msgspec.Struct):
    """The facts that something is computed from; the others are only shown."""

    machine: _Machine
    software: _Software
    data: _Data


def is_file_name(name: str) -> bool:
    """Return whether a record's text can name a file in its folder, and no other file."""
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        return False
    return 0 < size <= MAX_NAME and name[0] != "." and not {"/", "\0"} & set(name)


def make_environment(facts: Mapping[str, Any]) -> Environment:
    """Return the environment with these facts, without paths of this host; its id is their hash."""
    facts = hide_paths(dict(facts))
    return Environment(id=machine.fingerprint(facts), **facts)


def check_facts(environment: Environment) -> None:
    """Raise DamagedError for a fact of the wrong type, where something is computed from it."""
    try:
        msgspec.convert(environment, _Facts, from_attributes=True)
    except msgspec.ValidationError as error:
        raise DamagedError(f"not an Environment: {error}") from error


def read_undamaged(folder: Path) -> tuple[dict[str, Environment], list[str]]:
    """Return a run's environments by their ids, and a line for each damaged one that says why.

    Raises UserError where a file cannot be read.
    """
    environments, faults = {}, []
    for path, environment in _read_all(folder):
        if isinstance(environment, Environment):
            environments[environment.id] = environment
        else:
            faults.append(f"environments/{path.name}: {environment}")
    return environments, faults


def set_damaged_aside(folder: Path) -> None:
    """Rename damaged environments, so that they are written again. Raises OSError."""
    for path, environment in _read_all(folder):
        if not isinstance(environment, Environment):
            path.rename(path.with_name(f"{path.name}.damaged"))
            files.sync_folder(path.parent)


def _read_all(folder: Path) -> Iterator[tuple[Path, Environment | str]]:
    """Yield each file with its environment, or with the reason why it is damaged."""
    for path in sorted((folder / "environments").glob("*.json")):
        try:
            environment = decoding.decode(files.read_file(path), Environment, str(path))
            check_facts(environment)
        except OSError as error:
            raise UserError(f"{path}: cannot be read: {error.strerror}") from error
        except DamagedError as error:
            yield path, str(error)
        else:
            named = is_file_name(environment.id) and path.name == f"{environment.id}.json"
            yield path, environment if named else f"it is of environment {environment.id!r}"
