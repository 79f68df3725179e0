"""List the versions of the software that a run was measured with."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from bench.records.schema import Environment


def list_versions(environments: Iterable[Environment]) -> dict[str, str]:
    """Return versions by name. Several versions are joined: "1.2 and 1.3".

    Names are those of ``list_packages`` and ``blas``, ``system`` (the kernel), ``distribution`` (of
    the operating system) and ``suite`` (version and commit).
    """
    environments = list(environments)
    others = (
        {
            "blas": one.software.get("blas"),
            "system": one.machine.get("system"),
            "distribution": one.machine.get("distribution"),
            "suite": _name_suite(one.suite),
        }
        for one in environments
    )
    return dict(sorted({**list_packages(environments), **_join(others)}.items()))


def list_packages(environments: Iterable[Environment]) -> dict[str, str]:
    """Return the versions of Python distributions and of ``python``, by name."""
    return _join(
        {**one.software.get("distributions", {}), "python": one.software.get("python")}
        for one in environments
    )


def describe_suite(environments: Iterable[Environment]) -> str:
    """Return the versions and commits of the suite. Several are joined: "0.1.0 and 0.2.0"."""
    return _join({"suite": _name_suite(one.suite)} for one in environments).get("suite", "")


def _join(versions: Iterable[Mapping[str, object]]) -> dict[str, str]:
    by_name: defaultdict[str, set[str]] = defaultdict(set)
    for by_environment in versions:
        for name, version in by_environment.items():
            if version:
                by_name[name].add(str(version))
    return {name: " and ".join(sorted(several)) for name, several in sorted(by_name.items())}


def _name_suite(facts: Mapping[str, object]) -> str:
    """Return the suite's version and commit, because the version seldom changes."""
    parts = [facts.get("version"), str(facts.get("commit") or "")[:7]]
    return " ".join(str(part) for part in (*parts, "changed" * bool(facts.get("dirty"))) if part)
