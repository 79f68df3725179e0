"""The sections of a report in their order: the one place that decides it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bench.report.base.labels import list_workloads
from bench.report.base.load import LoadedRun
from bench.report.base.parts import Section
from bench.report.render.markdown import escape
from bench.report.sections.costs.gpu import describe_gpu
from bench.report.sections.costs.many import describe_many
from bench.report.sections.costs.prediction import describe_predictions
from bench.report.sections.costs.resources import describe_memory, describe_roofline
from bench.report.sections.costs.scaling import describe_batch_sizes, describe_threads
from bench.report.sections.costs.startup import describe_starts
from bench.report.sections.costs.steps import describe_steps
from bench.report.sections.costs.workload import describe_workload
from bench.report.sections.parity import describe_parity
from bench.report.sections.setting.machines import describe_machines
from bench.report.sections.setting.runs import (
    describe_environments,
    describe_faults,
    describe_noise,
    describe_runs,
    describe_textbook,
    list_left_out,
)

METHOD = "Method, noise, machine"


def describe_notes(runs: Sequence[LoadedRun]) -> list[str]:
    """Return Markdown paragraphs: what a run lacks, or how to read several runs."""
    if len(runs) == 1:
        (run,) = runs
        return [f"**Left out**: {escape(line)}." for line in list_left_out(run)]
    how_to_read = (
        f"{len({run.folder for run in runs})} runs side by side. Programs are compared within one "
        "run on one machine; what holds on all of them is a range. Runs of different hours do not "
        "decide whether something became slower: `softmax-bench ab` decides it for versions of "
        "programs, and `softmax-bench gate` for commands."
    )
    return [how_to_read]


def list_sections(runs: Sequence[LoadedRun], output: Path) -> list[Section]:
    """Return the sections of a report in their order, each with its group.

    A section without data says in one line how to get them. A report of several runs leaves most
    sections to the reports of its runs. In that of one run the tables of the first workload and of
    many models are open, all others folded. output: the folder of the report.
    """
    method = [describe_faults(runs), describe_noise(runs)]
    if len(runs) > 1:
        groups = {
            "Which one should I use?": [describe_machines(runs)],
            "The machines": [describe_runs(runs, output)],
            "Do they compute the same?": [describe_textbook(runs)],
            METHOD: method,
        }
        opened = [section for sections in groups.values() for section in sections]
    else:
        (run,) = runs
        workloads = [describe_workload(run, name) for name in list_workloads(run.rows)]
        # The page shows how the rows lie once; a table has the numbers of the other workloads.
        workloads[1:] = [replace(section, pictures=()) for section in workloads[1:]]
        many = describe_many(run)
        opened = [*workloads[:1], many]
        groups = {
            "Do they compute the same?": [describe_parity(run), describe_textbook(runs)],
            "Which one should I use?": workloads,
            "What does a step cost?": [describe_steps(run)],
            "Start-up and memory": [describe_starts(run), describe_memory(run)],
            "Growth": [
                describe_batch_sizes(run),
                describe_threads(run),
                many,
                describe_roofline(run),
            ],
            "CPU against GPU": [describe_gpu(run)],
            "Predicting": [describe_predictions(run)],
            METHOD: [*method, describe_environments(runs)],
        }
    return [
        replace(section, group=group, folded=not any(section is other for other in opened))
        for group, sections in groups.items()
        for section in sections
    ]
