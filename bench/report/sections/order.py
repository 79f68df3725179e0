"""The sections of a report in their order."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.analysis.devices import find_crossovers
from bench.analysis.sweep import find_sweep
from bench.report.load import LoadedRun
from bench.report.render.text import INCLUDED
from bench.report.sections import Section
from bench.report.sections.data import describe_data
from bench.report.sections.gpu import describe_gpu
from bench.report.sections.machines import Hardware, describe_machines
from bench.report.sections.parity import describe_parity
from bench.report.sections.resources import describe_memory, describe_roofline
from bench.report.sections.runs import (
    describe_environments,
    describe_faults,
    describe_history,
    describe_noise,
    describe_runs,
    describe_textbook,
)
from bench.report.sections.scaling import describe_sweep
from bench.report.sections.startup import describe_curves, describe_starts


def list_sections(
    runs: Sequence[LoadedRun], output: Path, *, base: Hardware | None = None
) -> list[Section]:
    """Return the sections of a report, including empty ones, which say how to fill them.

    output: the folder of the report. base: what speedups between machines are relative to.
    """
    if len(runs) == 1:
        sections = [describe_textbook(runs), *_list_for_run(runs[0])]
    else:
        sections = [
            describe_machines(runs, base),
            describe_runs(runs, output),
            describe_history(runs),
            describe_textbook(runs),
        ]
    return [
        *sections,
        Section("What is included in the measurements?", text=INCLUDED),
        describe_faults(runs),
        describe_noise(runs),
        describe_environments(runs),
    ]


def _list_for_run(run: LoadedRun) -> Iterator[Section]:
    """Yield the sections about one run that a report of several runs leaves to its own report."""
    sweep = find_sweep(run.rows, run.workload)
    crossovers = find_crossovers(run.rows, run.workload)
    if run.on_gpu:
        yield describe_gpu(run, sweep, crossovers)
    yield describe_curves(run)
    yield describe_starts(run)
    yield describe_roofline(run)
    yield describe_sweep(run, sweep, crossovers)
    yield describe_parity(run)
    yield describe_memory(run)
    yield from describe_data(run)
