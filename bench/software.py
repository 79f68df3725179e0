"""Which software the environments of a run name, as versions by name."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from bench.result import Environment

# Everything that a case runs on, whatever its framework.
BELOW = ("python", "blas", "numpy", "suite")


def versions(environments: Iterable[Environment]) -> dict[str, str]:
    """Return versions by name; where the environments name several, all of them: "1.2 and 1.3".

    Distributions have their own names. Beside them stand ``python``, ``blas``, ``system`` (the
    kernel), ``distribution`` (of the operating system) and ``suite`` (version and commit).
    """
    seen: defaultdict[str, set[str]] = defaultdict(set)
    for environment in environments:
        for name, version in _named(environment).items():
            seen[name] |= {str(version)} if version else set()
    return {name: " and ".join(sorted(found)) for name, found in sorted(seen.items()) if found}


def changes(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """Name what has another version than before, or came, or went."""
    return [
        f"{name} {before.get(name, 'absent')} → {after.get(name, 'absent')}"
        for name in sorted({*before, *after}) if before.get(name) != after.get(name)
    ]  # fmt: skip


def _named(environment: Environment) -> dict[str, object]:
    software, machine = environment.software, environment.machine
    return {
        **software.get("distributions", {}),
        "python": software.get("python"), "blas": software.get("blas"),
        "system": machine.get("system"), "distribution": machine.get("distribution"),
        "suite": _suite(environment.suite),
    }  # fmt: skip


def _suite(facts: Mapping[str, object]) -> str:
    """Say which suite: its version alone stays the same for months."""
    said = (facts.get("version"), str(facts.get("commit") or "")[:7])
    return " ".join(str(each) for each in said if each) + (" changed" if facts.get("dirty") else "")
