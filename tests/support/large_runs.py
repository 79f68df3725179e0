"""Synthetic runs as large as anybody may want, made of a published run's records.

Epoch times are the published ones, scaled by the cost of the size and by a spread of 3 %.
"""

import datetime as dt
import random
import shutil
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import msgspec

from bench.records import jsonl, store
from bench.records.schema import Case, Record
from bench.worker import machine

PUBLISHED = machine.ROOT / "results" / "reference" / "amd-epyc-2-cores"
IMPLEMENTATIONS = 10
# The tables of a report compare the first size.
SIZES = sorted(
    product((9600, 19200, 48000, 96000, 192000), (32, 64, 128, 384, 1920), (2, 1)),
    key=lambda size: size != (48000, 32, 2),
)
FIRST = dt.datetime(2025, 1, 1, 2, 17, tzinfo=dt.UTC)


def write(folder: Path, rounds: int) -> int:
    """Write a run of 500 cases with its roofline probes; return its number of trials."""
    templates = _read_templates()
    cases = [
        msgspec.structs.replace(
            record.case, samples=samples, batch_size=batch_size, threads=threads
        )
        for samples, batch_size, threads in SIZES
        for record in templates
    ]
    probes = [record for record in store.read_records(PUBLISHED) if record.kind == "roofline"]
    _write_run(folder, cases, [*probes, *_draw_trials(cases, templates, rounds)], rounds)
    return len(cases) * rounds


def write_several(folder: Path, runs: int, rounds: int = 10) -> list[Path]:
    """Write the runs of several nights on one machine, ten trials a round; return their folders."""
    templates = _read_templates()
    cases = [record.case for record in templates]
    folders = [folder / f"night-{number:04}" for number in range(1, runs + 1)]
    for number, night in enumerate(folders):
        trials = _draw_trials(cases, templates, rounds)
        created = str(FIRST + dt.timedelta(days=number))
        _write_run(night, cases, trials, rounds, run=night.name, created=created, rooflines=())
    return folders


def _read_templates() -> list[Record]:
    """Return the published records of the first round that solve one problem."""
    plan = store.read_run(PUBLISHED)
    return [
        record
        for record in store.read_records(PUBLISHED)
        if record.kind == "trial"
        and record.round == 1
        and record.case in plan.cases
        and record.case.workload == plan.cases[0].workload
        and record.case.objective == "softmax"
    ][:IMPLEMENTATIONS]


def _write_run(
    folder: Path, cases: Sequence[Case], records: Any, rounds: int, **changes: Any
) -> None:
    plan = msgspec.structs.replace(
        store.read_run(PUBLISHED),
        cases=tuple(cases),
        sweep=(),
        skipped=(),
        textbook=(),
        rounds={cases[0].workload: rounds},
        **changes,
    )
    store.create_run(folder, plan)
    shutil.copytree(PUBLISHED / "environments", folder / "environments", dirs_exist_ok=True)
    with (folder / "trials.jsonl").open("wb") as stream:
        for record in records:
            stream.write(jsonl.encode(msgspec.structs.replace(record, run=plan.run)))


def _draw_trials(
    cases: Sequence[Case], templates: Sequence[Record], rounds: int
) -> Iterator[Record]:
    """Yield a trial of every case, round by round."""
    by_name = {record.case.implementation: record for record in templates}
    for number in range(1, rounds + 1):
        for case in cases:
            template = by_name[case.implementation]
            noise = random.Random(f"{case.slug}/{number}").gauss(1, 0.03)
            scale = noise * _estimate_cost(case) / _estimate_cost(template.case)
            yield msgspec.structs.replace(
                template,
                case=case,
                round=number,
                trial=f"r{number}-{case.slug}",
                epoch_seconds=[scale * seconds for seconds in template.epoch_seconds],
            )


def _estimate_cost(case: Case) -> float:
    """Return seconds of an epoch by its steps and samples; one thread takes twice as long."""
    return (2e-5 * case.samples / case.batch_size + 5e-7 * case.samples) * (3 - case.threads)
