"""Make cases of the registry's entries, and name what they are built on."""

from typing import Any

from msgspec.structs import replace

from bench.records.schema import Case
from implementations import Implementation


def make_case(entry: Implementation, **changes: Any) -> Case:
    """Return the case of a registry entry, incomplete without changes: see ``complete_case``."""
    case = Case(
        implementation=entry.name,
        module=entry.module,
        framework=entry.framework,
        extra=entry.extra,
        objective=entry.objective,
        style=entry.style,
        data_access=entry.data,
        devices=entry.devices,
        variables=dict(entry.variables),
        pixel_bytes=dict(entry.pixel_bytes),
        one_core=entry.one_core,
        many=entry.many,
        workload="",
        device="cpu",
        batch_size=0,
        threads=0,
        samples=0,
        epochs=0,
    )
    return replace(case, **changes)


def list_distributions(case: Case | Implementation) -> list[str]:
    """Return the distributions of the framework and of Keras' backend; none for an own file."""
    return [name for name in (case.framework, case.variables.get("KERAS_BACKEND")) if name]
