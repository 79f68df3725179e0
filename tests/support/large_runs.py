"""Made-up runs as large as anybody may want: a published one's records, at many sizes and rounds.

Times are the published ones, times what a size costs, times a spread that a round's number decides
and that comes round again: a run of twice the rounds has the same means, and narrower intervals.
"""

import datetime as dt
import random
import shutil
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import msgspec

from bench.records import jsonl, store
from bench.records.schema import Case, Record, Run
from bench.worker import machine

PUBLISHED = machine.ROOT / "results" / "reference" / "amd-epyc-2-cores"
IMPLEMENTATIONS = 10
BATCH_SIZES = (32, 64, 128, 384, 1920)
SAMPLES = (9600, 19200, 48000, 96000, 192000)
THREADS = (2, 1)
PERIOD = 4
FIRST = dt.datetime(2025, 1, 1, 2, 17, tzinfo=dt.UTC)


def write(
    folder: Path,
    rounds: int,
    implementations: int = IMPLEMENTATIONS,
    batch_sizes: tuple[int, ...] = BATCH_SIZES,
    samples: tuple[int, ...] = SAMPLES,
) -> int:
    """Write such a run with its probes and environments; return how many trials it has."""
    published = store.read_records(PUBLISHED)
    plan = store.read_run(PUBLISHED)
    first = plan.cases[0].workload
    kept = _templates(published, plan)[:implementations]
    sizes = list(product(samples, batch_sizes, THREADS))
    # The first size is the one that the tables compare.
    sizes.sort(key=lambda size: size != (48000, 32, 2))
    cases = [_case(one.case, size) for size in sizes for one in kept]
    store.create_run(
        folder,
        msgspec.structs.replace(
            plan, cases=tuple(cases), sweep=(), skipped=(), rounds={first: rounds}, textbook=()
        ),
    )
    shutil.copytree(PUBLISHED / "environments", folder / "environments", dirs_exist_ok=True)
    probes = [one for one in published if one.kind == "roofline"]
    templates = {one.case.implementation: one for one in kept}
    with (folder / "trials.jsonl").open("wb") as stream:
        for one in (*probes, *_trials(cases, templates, rounds)):
            stream.write(jsonl.encode(one))
    return len(cases) * rounds


def write_several(folder: Path, runs: int, rounds: int = 10) -> list[Path]:
    """Write so many nights' runs on one machine, ten trials a round; return their folders."""
    plan, published = store.read_run(PUBLISHED), store.read_records(PUBLISHED)
    kept = _templates(published, plan)[:IMPLEMENTATIONS]
    cases = [one.case for one in kept]
    templates = {one.case.implementation: one for one in kept}
    folders = [folder / f"night-{number:04}" for number in range(1, runs + 1)]
    for number, each in enumerate(folders):
        name = f"night-{number}"
        store.create_run(
            each,
            msgspec.structs.replace(
                plan,
                cases=tuple(cases),
                sweep=(),
                skipped=(),
                textbook=(),
                rooflines=(),
                run=name,
                rounds={cases[0].workload: rounds},
                created=str(FIRST + dt.timedelta(days=number)),
            ),
        )
        shutil.copytree(PUBLISHED / "environments", each / "environments", dirs_exist_ok=True)
        with (each / "trials.jsonl").open("wb") as stream:
            for one in _trials(cases, templates, rounds):
                record = msgspec.structs.replace(one, run=name)
                stream.write(jsonl.encode(record))
    return folders


def _templates(published: list[Record], plan: Run) -> list[Record]:
    """Return a published trial of each implementation, of those that solve one problem."""
    first = plan.cases[0].workload
    return [
        one
        for one in published
        if one.kind == "trial"
        and one.round == 1
        and one.case in plan.cases
        and one.case.workload == first
        and one.case.objective == "softmax"
    ]


def _case(of: Case, size: tuple[int, int, int]) -> Case:
    samples, batch_size, threads = size
    return msgspec.structs.replace(of, samples=samples, batch_size=batch_size, threads=threads)


def _trials(cases: list[Case], templates: dict[str, Record], rounds: int) -> Iterator[Record]:
    """Yield the trials of each round, every case once."""
    for number in range(1, rounds + 1):
        for case in cases:
            found = templates[case.implementation]
            luck = random.Random(f"{case.slug}/{number % PERIOD}").gauss(1, 0.03)
            times = luck * _cost(case) / _cost(found.case)
            yield msgspec.structs.replace(
                found,
                case=case,
                round=number,
                trial=f"r{number}-{case.slug}",
                epoch_seconds=[times * each for each in found.epoch_seconds],
            )


def _cost(case: Case) -> float:
    """Of an epoch: what a step and a sample cost, and more of both with one thread."""
    return (2e-5 * case.samples / case.batch_size + 5e-7 * case.samples) * (3 - case.threads)
