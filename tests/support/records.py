"""Synthetic cases, records and runs, for the tests of what reads them."""

import re
from pathlib import Path
from typing import Any

import msgspec

from bench.records import store
from bench.records.schema import (
    FORMAT,
    Case,
    Environment,
    Parity,
    Record,
    RooflineRecord,
    Run,
    TextbookRecord,
    TraceRecord,
    TrialRecord,
)
from bench.report.base.parts import Table

MACHINE = {"id": "0123456789ab", "name": "2-core Test CPU, 8 GiB", "cores": 2, "gpus": []}
FAST = {**MACHINE, "id": "fast", "name": "4-core Fast CPU"}
SLOW = {**MACHINE, "id": "slow", "name": "2-core Slow CPU"}
GPU = "NVIDIA H100 80GB HBM3"
BOX = {**MACHINE, "id": "box", "name": "2-core Box, 8 GiB"}
SERVER = {**MACHINE, "id": "server", "name": f"16-core Server, 64 GiB, {GPU}", "gpus": [GPU]}

# Changes of a case: NumPy on digits.
NUMPY = {
    "module": "idiomatic.softmax_numpy",
    "framework": "numpy",
    "extra": "",
    "devices": ("cpu",),
    "threads": 1,
    "samples": 1440,
    "epochs": 5,
}

_RECORDS: dict[str, type] = {
    "trial": TrialRecord,
    "textbook": TextbookRecord,
    "roofline": RooflineRecord,
    "trace": TraceRecord,
}
PREFIXES = {"trace": "trace-"}  # of the ids of trials


def case(implementation: str = "pytorch", **changes: Any) -> Case:
    """Return a case of the workload ``sgd``, five epochs of 48,000 samples."""
    values: dict[str, Any] = {
        "module": "idiomatic.softmax_pytorch",
        "framework": "torch",
        "extra": "pytorch",
        "objective": "softmax",
        "style": "idiomatic",
        "data_access": "resident",
        "devices": ("cpu", "gpu"),
        "workload": "sgd",
        "device": "cpu",
        "batch_size": 32,
        "threads": 2,
        "samples": 48000,
        "epochs": 5,
    }
    return Case(**{"implementation": implementation, **values, **changes})


def bare(of: Case, number: int = 1, kind: str = "trial", **changes: Any) -> Any:
    """Return the record of a trial that says nothing yet, but which trial it is."""
    values: dict[str, Any] = {
        "format": FORMAT,
        "run": "a run",
        "trial": f"r{number}-{PREFIXES.get(kind, '')}{of.slug}",
        "round": number,
        "started": "2025-01-02T03:04:05.678+00:00",
        "status": "failed",
        "case": of,
        "environment": "here",
    }
    return _RECORDS[kind](**{**values, **changes})


def ok(of: Case, number: int = 1, epoch: float = 0.5, kind: str = "trial", **changes: Any) -> Any:
    """Return a successful trial with this median epoch, or as much of it as a kind records."""
    values: dict[str, Any] = {
        "status": "ok",
        "wall_seconds": 12.0,
        "import_seconds": 2.0,
        "setup_seconds": 0.25,
        "reset_seconds": 0.01,
        "first_epoch_seconds": 3.0,
        "epoch_seconds": [epoch * 3, epoch / 2, epoch, epoch, epoch],
        "validation_accuracy": [0.1, 0.2, 0.3, 0.4, 0.8396],
        "test_accuracy": [0.1, 0.2, 0.3, 0.4, 0.8321],
        "parity": Parity(1.5e-6, 1e-5, passed=True),
        "peak_rss_bytes": 512 * 2**20,
    }
    fields = _RECORDS[kind].__struct_fields__
    values = {name: value for name, value in values.items() if name in fields}
    return bare(of, number, kind, **{**values, **changes})


def trials(of: Case, *epochs: float, **changes: Any) -> list[TrialRecord]:
    """Return one good trial a round, with these epoch times."""
    return [ok(of, number, epoch, **changes) for number, epoch in enumerate(epochs, 1)]


def probe(by: str = "numpy", number: int = 1, **changes: Any) -> RooflineRecord:
    """Return a roofline probe of a framework; ``of`` changes its case."""
    of = case(f"roofline-{by}", framework=by, workload="roofline", **changes.pop("of", {}))
    values: dict[str, Any] = {
        "kind": "roofline",
        "status": "ok",
        "trial": f"r{number}-{by}",
        "product_operations": 2 * 10**9,
        "product_seconds": [0.5, 0.02, 0.03],
        "read_bytes": [150, 150, 40],
        "read_seconds": [0.3, 0.1, 0.01],
    }
    record: RooflineRecord = bare(of, number, **{**values, **changes})
    return record


def environment(**changes: Any) -> Environment:
    """Return the environment that all records name."""
    values: dict[str, Any] = {
        "id": "here",
        "machine": MACHINE,
        "variables": {},
        "software": {
            "python": "3.11.9",
            "blas": "openblas 0.3",
            "distributions": {
                "torch": "2.9.1",
                "keras": "3.12",
                "jax": "0.8",
                "scikit-learn": "1.7",
            },
        },
        "suite": {"version": "0.1.0", "commit": "abcdef", "dirty": True},
        "data": {"name": "fashion-mnist", "source": "a mirror", "sha256": {}},
    }
    return Environment(**{**values, **changes})


HERE = {"here": environment()}


def run(*cases: Case, **changes: Any) -> Run:
    """Return the plan of a run of these cases, two rounds of ``sgd``."""
    values: dict[str, Any] = {
        "format": FORMAT,
        "run": "a run",
        "command": "python -m bench run",
        "seed": 42,
        "created": "2025-01-02T03:04:05+00:00",
        "rounds": {"sgd": 2, "textbook": 1},
        "cases": cases,
        "textbook": (),
        "timeout": 600.0,
    }
    return Run(**{**values, **changes})


def plan_of(*records: Record, **changes: Any) -> Run:
    """Return the plan of a run of the cases of these trials."""
    cases = {record.case.slug: record.case for record in records if record.kind == "trial"}
    return run(*cases.values(), **changes)


def write(folder: Path, plan: Run, *records: Record, **changes: Any) -> Path:
    """Write a run's folder as a run would have left it; ``changes`` are the environment's."""
    store.create_run(folder, plan)
    store.add_environment(folder, environment(**changes))
    for record in records:
        store.append_record(folder, msgspec.structs.replace(record, run=plan.run))
    return folder


def write_on(folder: Path, machine: dict[str, Any], *records: Record) -> Path:
    """Write a run that a machine measured; its name is that of its folder."""
    return write(folder, plan_of(*records, run=folder.name), *records, machine=machine)


def read_cells(table: Table) -> list[dict[str, str]]:
    """Return the cells of each line of a report's table, by heading."""
    return [dict(zip(table.headings, line, strict=True)) for line in table.lines]


def numbers_in(text: str) -> list[float]:
    """Return the numbers of a sentence, in their order."""
    return [float(number.replace(",", "")) for number in re.findall(r"\d[\d,]*(?:\.\d+)?", text)]
