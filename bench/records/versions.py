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
        software, machine = environment.software, environment.machine
        versions = {
            **software.get("distributions", {}),
            "python": software.get("python"),
            "blas": software.get("blas"),
            "system": machine.get("system"),
            "distribution": machine.get("distribution"),
            "suite": _name_suite(environment.suite),
        }
        for name, version in versions.items():
            if version:
                by_name[name].add(str(version))
    return {name: " and ".join(sorted(several)) for name, several in sorted(by_name.items())}


def _name_suite(facts: Mapping[str, object]) -> str:
    """Return the suite's version and commit, because the version seldom changes."""
    parts = [facts.get("version"), str(facts.get("commit") or "")[:7]]
    return " ".join(str(part) for part in (*parts, "changed" * bool(facts.get("dirty"))) if part)
