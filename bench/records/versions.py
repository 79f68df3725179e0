"""List the versions of the software that a run was measured with."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from bench.records.schema import Environment


def list_versions(environments: Iterable[Environment]) -> dict[str, str]:
    """Return versions by name. Several versions are joined: "1.2 and 1.3".

    Names are those of Python distributions, ``python``, ``blas``, ``system`` (the kernel),
    ``distribution`` (of the operating system) and ``suite`` (version and commit).
    """
    by_name: defaultdict[str, set[str]] = defaultdict(set)
    for environment in environments:
        for name, version in _versions(environment).items():
            if version:
                by_name[name].add(str(version))
    return {name: " and ".join(sorted(several)) for name, several in sorted(by_name.items())}


def _versions(environment: Environment) -> dict[str, object]:
    software, machine = environment.software, environment.machine
    return {
        **software.get("distributions", {}),
        "python": software.get("python"),
        "blas": software.get("blas"),
        "system": machine.get("system"),
        "distribution": machine.get("distribution"),
        "suite": _suite(environment.suite),
    }


def _suite(facts: Mapping[str, object]) -> str:
    """Return the suite's version and commit, because the version seldom changes."""
    parts = (facts.get("version"), str(facts.get("commit") or "")[:7])
    return " ".join(str(part) for part in parts if part) + (
        " changed" if facts.get("dirty") else ""
    )
