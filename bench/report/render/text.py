"""The sentences of a report, as Markdown, which the page renders.

Text of records is untrusted and is escaped here.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from bench.analysis.noise import Noise
from bench.analysis.ranking import find_ties
from bench.analysis.summary import Row
from bench.report.load import LoadedRun
from bench.report.sections.comparison import add_device, describe_problem
from bench.report.sections.headline import Phrase, find_machine, write_headline
from bench.report.sections.machines import COMPARED
from bench.report.sections.runs import list_left_out
from bench.worker.workloads import WORKLOADS

TITLE = "Softmax classifier: the frameworks compared"
NOTHING_WELL = "No trial of this workload succeeded; see below."
INCLUDED = """\
- **Epoch**: one call of `train_epoch`: the framework's own loop over 48,000 images by default, its
  gathering of the batches in the given order, and the copy of the weights to the host, which must
  wait for the last step. The value is the geometric mean, over processes, of each process's median
  epoch; in brackets, the 95 % t interval on the logarithms.
- **First epoch**: the first call in a fresh process with empty compile caches, so it includes
  compilation. It is not part of *epoch*.
- **Set-up**: moving the data to the device, building the model, and ahead-of-time compilation.
- **Import**: importing the framework in a fresh process, with its files in the page cache.
- Not included anywhere: starting Python, reading the data (every page was touched before), drawing
  the order, the initial weights, judging.
- **Data**: *resident* data stay on the device from set-up on; *streamed* data are fed by the
  framework's own loader, which is part of its epoch.
- **Validation and test accuracy**: after the workload's last epoch, computed from the weights by
  the suite, not by the framework. The standard error of an accuracy on 10,000 images is 0.37
  points, so accuracies are not ranked.
- **Parity error**: largest difference from the float64 oracle over the first five epochs, relative
  to how far training moved the weights. A row above 1e-5 fails and is not ranked.
- **One-vs-rest** rows train ten logistic regressions, one update a sample. This is another problem
  than that of the softmax rows, with its own oracle.
- **% of roofline**: the least time that an epoch could take on this machine, from the probes of
  the same run, over the time that it took. A row above 100 % fails.
- **Peak memory**: resident set (VmHWM) after the last timed epoch, including mapped data.
"""


def escape(text: object) -> str:
    """Return a text as one line of Markdown without markup or cell separators."""
    line = " ".join(str(text).split()).replace("&", "&amp;")
    for character in "\\`*_{}[]<>|#~":
        line = line.replace(character, "\\" + character)
    return line.replace("\\<", "&lt;").replace("\\>", "&gt;")


def render_phrases(phrases: Iterable[Phrase]) -> str:
    """Return phrases as Markdown: text of records escaped, names bold."""
    renderers: dict[str, Callable[[str], str]] = {
        "ours": str,
        "record": escape,
        "name": lambda text: f"**{escape(text)}**",
    }
    return "".join(renderers[phrase.kind](phrase.text) for phrase in phrases)


def describe_origin(runs: Sequence[LoadedRun]) -> str:
    """Return where and when a run was measured, or how to read a report of several runs."""
    if len(runs) == 1:
        (run,) = runs
        machines = {escape(one.machine.get("name", "unknown")) for one in run.environments.values()}
        where = " and ".join(sorted(machines)) or "no machine yet"
        return f"Measured on {where}, started {escape(run.run.created)}."
    return (
        f"{len({run.folder for run in runs})} runs side by side. Rows are compared within one run "
        f"on one machine: *× fastest* is relative to the fastest there. *{COMPARED}* compares one "
        "case on several machines."
    )


def describe_missing(run: LoadedRun) -> list[str]:
    """Return how many trials are missing, and which records or files were left out."""
    missing = f"**{run.missing} planned trials are missing**: measure them with `--resume`."
    return [missing] * bool(run.missing) + [
        f"**Left out**: {escape(line)}." for line in list_left_out(run)
    ]


def describe_optimizer(workload: str) -> str:
    """Return the optimizer of a workload for its heading, after a colon; plain text."""
    known = WORKLOADS.get(workload)
    return f": {known.optimizer}" if known else ""


def describe_findings(run: LoadedRun, rows: Sequence[Row]) -> list[str]:
    """Return the headline of a workload's rows, and which differences the noise hides.

    A report of several runs has one line for each run, with its name.
    """
    problems = "; ".join(dict.fromkeys(escape(describe_problem(row)) for row in rows))
    machine = find_machine(run.environments)
    headline = render_phrases(write_headline(rows, machine))
    counts = sorted({len(row.epochs_by_round) for row in rows})
    rounds = f"{' or '.join(map(str, counts))} process{'es' if counts != [1] else ''} a row"
    lines = [f"{headline} ({problems}; {rounds}.)", *describe_noisy_pairs(rows, run.noise)]
    if not rows[0].machine:
        return lines
    name = [] if run.name == machine else [f"{escape(run.name)}:"]
    return [" ".join([*name, *lines])]


def describe_noisy_pairs(rows: Sequence[Row], noise: Noise) -> list[str]:
    """Name the neighbours whose difference is not certain, and what disturbed the run."""
    pairs = find_ties([row for row in rows if row.epoch and row.epoch.low is not None])
    if not pairs:
        return []
    names = ", ".join(f"{_name(faster)} and {_name(slower)}" for faster, slower in pairs)
    # A disturbance of the GPU does not affect rows of the CPU.
    on_gpu = any(row.case.device == "gpu" for pair in pairs for row in pair)
    if causes := (noise if on_gpu else replace(noise, gpu_causes=())).causes:
        problem = f"**The machine was too noisy** ({', '.join(causes)})"
    else:
        problem = "There are too few processes"
    return [f"{problem} to rank these pairs: {names}."]


def describe_precision(rows: Sequence[Row], wanted: float) -> str:
    """Return which rows have as many rounds as the wanted precision takes.

    wanted: half the width of the interval, relative to the mean.
    """
    short = [row for row in rows if len(row.epochs_by_round) < (row.rounds_needed or math.inf)]
    opening = f"Precision asked for: ± {100 * wanted:g} %"
    if not short:
        return f"{opening}: every row has enough rounds."
    names = []
    for row in short:
        needed = row.rounds_needed or "an unknown number of"
        names.append(f"{_name(row)} ({len(row.epochs_by_round)} of {needed} rounds)")
    return f"{opening}. **Not reached** by {', '.join(names)}."


def _name(row: Row) -> str:
    return escape(add_device(row.case.implementation, row.case.device))
