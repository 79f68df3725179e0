"""What differs between the versions that were compared, by what was recorded of them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.records.store import read_environments, read_trials
from bench.regression.paired import pair

FEW = 5


def between(folder: Path) -> list[str]:
    """Say which software differs between base and candidate of the comparison in a folder.

    Raises UserError, also where it lacks an environment that a record names.
    """
    if not (folder / "trials.jsonl").exists():
        return []
    environments = read_environments(folder)
    sides: dict[str, dict[str, str]] = {pair.BASE: {}, pair.CANDIDATE: {}}
    for record in read_trials(folder):
        software = environments[record.environment].software
        sides[record.version].update(software.get("distributions", {}))
        sides[record.version]["Python"] = str(software.get("python"))
    return changes(sides[pair.BASE], sides[pair.CANDIDATE])


def changes(base: Mapping[str, str], candidate: Mapping[str, str]) -> list[str]:
    """Name what has another version, and count what is there on one side only."""
    changed = [
        f"{name} {base[name]} → {candidate[name]}"
        for name in sorted(base.keys() & candidate.keys()) if base[name] != candidate[name]
    ]  # fmt: skip
    sides = (
        ("base", sorted(base.keys() - candidate.keys())),
        ("candidate", sorted(candidate.keys() - base.keys())),
    )
    only = [_only(side, names) for side, names in sides if names]
    return changed + only


def _only(side: str, names: Sequence[str]) -> str:
    """Name a few, and of more how many there are."""
    few = f": {', '.join(names)}" if len(names) <= FEW else ""
    packages = "package" if len(names) == 1 else "packages"
    return f"{len(names)} {packages} in the {side} only{few}"
