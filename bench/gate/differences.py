"""What differs between the versions that were compared, by what was recorded of them."""

from collections.abc import Mapping
from pathlib import Path

from bench.gate import pair
from bench.store import read_environments, read_records


def between(folder: Path) -> list[str]:
    """Say which software differs between base and candidate of the comparison in a folder."""
    if not (folder / "trials.jsonl").exists():
        return []
    environments = read_environments(folder)
    sides: dict[str, dict[str, str]] = {pair.BASE: {}, pair.CANDIDATE: {}}
    for record in read_records(folder):
        software = environments[record.environment].software
        sides[record.version].update(software.get("distributions", {}))
        sides[record.version]["Python"] = str(software.get("python"))
    return changes(sides[pair.BASE], sides[pair.CANDIDATE])


def changes(base: Mapping[str, str], candidate: Mapping[str, str]) -> list[str]:
    """Name what has another version, or is there on one side only."""
    return [
        f"{name} {base.get(name, 'absent')} → {candidate.get(name, 'absent')}"
        for name in sorted({*base, *candidate}) if base.get(name) != candidate.get(name)
    ]  # fmt: skip
