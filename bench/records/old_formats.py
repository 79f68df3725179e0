"""Convert records that earlier suites wrote; ``bench.records.schema`` lists the formats."""

from typing import Any


def upgrade_record(record: dict[str, Any]) -> dict[str, Any]:
    """Convert a record of formats 1 to 5, which had other names, to format 6."""
    names = {"figure_seconds": "program_seconds", "figure": "quantities"}
    kinds = {"figure": "textbook", "ceiling": "roofline"}
    kind = str(record.get("kind"))
    renamed = {names.get(name, name): value for name, value in record.items()}
    case = record.get("case")
    if kind in kinds and isinstance(case, dict):
        program = str(case.get("implementation")).replace(f"{kind}-", f"{kinds[kind]}-", 1)
        renamed["case"] = {**case, "implementation": program}
    return {**renamed, "kind": kinds.get(kind, kind)}
