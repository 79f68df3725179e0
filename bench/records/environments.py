"""The environments of a run, ``environments/<id>.json``: read, check, repair, list versions.

An environment is written once, before the first record that names it.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypedDict

import msgspec

from bench.errors import make_read_error
from bench.records import files, jsonl
from bench.records.files import is_file_name
from bench.records.jsonl import DamagedError
from bench.records.layout import ENVIRONMENTS
from bench.records.paths import hide_paths
from bench.records.schema import Count, Environment
from bench.worker import machine


class _Machine(TypedDict, total=False):
    id: str
    name: str | None
    gpus: list[str]
    processors: Count | None
    cores: Count | None


class _Software(TypedDict, total=False):
    python: str | None
    blas: str | None
    distributions: dict[str, str | None]


class _Suite(TypedDict, total=False):
    version: str | None
    commit: str | None


class _Data(TypedDict, total=False):
    name: str | None
    sha256: dict[str, str]
    features: Count | float | str | None
    classes: Count | float | str | None
    test_images: Count


class _Facts(msgspec.Struct):
    """The facts that are used in computations. All others are only shown."""

    machine: _Machine
    software: _Software
    suite: _Suite
    data: _Data


def make_environment(facts: Mapping[str, Any]) -> Environment:
    """Return the environment with these facts. Paths are hidden; the id is the facts' hash."""
    facts = hide_paths(dict(facts))
    return Environment(id=machine.fingerprint(facts), **facts)


def read_undamaged(folder: Path) -> tuple[dict[str, Environment], list[str]]:
    """Return a run's environments by id, and the reason for each damaged file, in one line.

    Raises UserError if a file cannot be read.
    """
    environments, faults = {}, []
    for path, environment in _read_all(folder):
        if isinstance(environment, Environment):
            environments[environment.id] = environment
        else:
            faults.append(f"{ENVIRONMENTS}/{path.name}: {environment}")
    return environments, faults


def set_damaged_aside(folder: Path) -> None:
    """Rename damaged files, so that their environments are written again. Raises OSError."""
    for path, environment in _read_all(folder):
        if not isinstance(environment, Environment):
            path.rename(path.with_name(f"{path.name}.damaged"))


def _read_all(folder: Path) -> Iterator[tuple[Path, Environment | str]]:
    """Yield every file with its environment, or with the reason why it is damaged."""
    for path in sorted((folder / ENVIRONMENTS).glob("*.json")):
        try:
            environment = jsonl.decode_json(files.read_file(path), Environment)
            msgspec.convert(environment, _Facts, from_attributes=True)
        except OSError as error:
            raise make_read_error(path, error) from error
        except (DamagedError, msgspec.ValidationError) as error:
            yield path, f"{error}"
        else:
            matches = is_file_name(environment.id) and path.name == f"{environment.id}.json"
            yield path, environment if matches else f"it holds environment {environment.id!r}"


def list_versions(environments: Iterable[Environment]) -> dict[str, str]:
    """Return versions by name. Several versions are joined: "1.2 and 1.3".

    Names are those of Python distributions, ``python``, ``blas``, ``system`` (the kernel),
    ``distribution`` (of the operating system) and ``suite`` (version and commit).
    """
    by_name: defaultdict[str, set[str]] = defaultdict(set)
    for environment in environments:
        software, machine, suite = environment.software, environment.machine, environment.suite
        # The version alone seldom changes.
        parts = (suite.get("version"), str(suite.get("commit") or "")[:7])
        changed = "changed" if suite.get("dirty") else ""
        versions = {
            **software.get("distributions", {}),
            "python": software.get("python"),
            "blas": software.get("blas"),
            "system": machine.get("system"),
            "distribution": machine.get("distribution"),
            "suite": " ".join(str(part) for part in (*parts, changed) if part),
        }
        for name, version in versions.items():
            if version:
                by_name[name].add(str(version))
    return {name: " and ".join(sorted(several)) for name, several in sorted(by_name.items())}
