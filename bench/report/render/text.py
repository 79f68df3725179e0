"""What a report says in sentences: Markdown, which the page renders.

Whatever comes from a record is untrusted text and is escaped here; what is plain text says so.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from bench.analysis.noise import Noise
from bench.analysis.ranking import find_ties
from bench.analysis.summary import Row
from bench.records.schema import Environment, Run
from bench.report.charts.chart import Drawn
from bench.report.load import Loaded
from bench.report.sections import comparison
from bench.report.sections.headline import Part, finding, machine_of
from bench.report.sections.order import Section
from bench.worker.workloads import WORKLOADS

TITLE = "Softmax classifier: the frameworks compared"
FIGURES = "The textbook's figures and ours"
MEASURED = "What is included in the measurements?"
FAULTS = "Failed and unavailable"
NOISE = "Noise"
MACHINE = "Machine and software"
NOTHING_WELL = "No trial of this workload went well; see below."
NO_FIGURES = "Not part of this run; `python -m bench run` without a selection measures them."
NO_FAULTS = "None: every trial went well."
INCLUDED = """\
- **Epoch**: one call of `train_epoch`: the framework's own loop over 48,000 images by default, its
  gathering of the batches in the given order, and the copy of the weights to the host, which
  cannot be made before the last step is done. The value is the geometric mean, over processes, of
  each process's median epoch; in brackets, the 95 % t interval on the logarithms.
- **First epoch**: the first call in a fresh process with empty compile caches, so that compilation
  is included. It is not part of *epoch*.
- **Set-up**: moving the data to the device, building, and whatever the framework compiles ahead.
- **Import**: importing the framework in a fresh process, its files already in the page cache.
- Not included anywhere: starting Python, reading the data (every page was touched before), drawing
  the order, the initial weights, judging.
- **Data**: *resident* data lies on the device from set-up on; *streamed* data is fed by the
  framework's own loader, which is part of its epoch.
- **Validation and test accuracy**: after the workload's last epoch, computed from the weights by
  the suite, not by the framework. The standard error of an accuracy on 10,000 images is 0.37
  points: accuracies are not ranked.
- **Parity error**: largest difference to the float64 oracle over the first five epochs, as a share
  of the way that training moved the weights. Above 1e-5 a row fails and is not ranked.
- **One-vs-rest** rows train ten logistic regressions, one update a sample: another problem than
  the softmax rows', with an oracle of its own.
- **Share of the ceiling**: the least time that an epoch could take on this machine, as its probes
  found it in the same run, over the time it took. Above 100 % a row fails.
- **Peak memory**: resident set (VmHWM) after the last timed epoch, mapped data included.
"""


def escape(text: object) -> str:
    """Make any text harmless in Markdown: one line, no markup, no cell separator."""
    line = " ".join(str(text).split()).replace("&", "&amp;")
    for character in "\\`*_{}[]<>|#~":
        line = line.replace(character, "\\" + character)
    return line.replace("\\<", "&lt;").replace("\\>", "&gt;")


def sentence(parts: Iterable[Part]) -> str:
    """Write parts as Markdown: what is of a record escaped, names strong."""
    laid: dict[str, Callable[[str], str]] = {
        "ours": str, "record": escape, "name": lambda text: f"**{escape(text)}**",
    }  # fmt: skip
    return "".join(laid[part.kind](part.text) for part in parts)


@dataclass(frozen=True, slots=True)
class Contents:
    """What a report is written from.

    charts: those of each workload and section, by its name. missing: planned trials without a
    record.
    """

    run: Loaded
    sections: Sequence[Section]
    charts: Mapping[str, Sequence[Drawn]]
    missing: int
    noise: Noise


def opening(of: Contents) -> str:
    """Say where and when it was measured."""
    found = of.run.environments.values()
    machines = {escape(each.machine.get("name", "unknown")) for each in found}
    where = " and ".join(sorted(machines)) or "no machine yet"
    return f"Measured on {where}, started {escape(of.run.run.created)}"


def command(run: Run) -> str:
    """Return the command that made a run, in one line; plain text."""
    return " ".join(run.command.split())


def missing(of: Contents) -> list[str]:
    """Say how many trials are still to be made, and what is left out, where there are any."""
    to_make = f"**{of.missing} planned trials are missing**: go on with `--resume`."
    return [to_make] * bool(of.missing) + [
        f"**Left out**: {escape(line)}." for line in left_out(of.run)
    ]


def left_out(run: Loaded) -> list[str]:
    """Say what is damaged or of another machine, of much of it how much; plain text."""
    more = len(run.faults) - _FEW
    return [*run.faults[:_FEW], *[f"{more} other lines or files, damaged too"] * (more > 0)]


# So many faults are told.
_FEW = 5


def optimizer(workload: str) -> str:
    """Return what is said after a workload's name in a heading; plain text."""
    known = WORKLOADS.get(workload)
    return f": {known.optimizer}" if known else ""


def found(of: Contents, shown: Sequence[Row]) -> list[str]:
    """Say what was found about a workload's rows, and which of them the noise hides."""
    problems = "; ".join(dict.fromkeys(escape(comparison.problem(row)) for row in shown))
    said = sentence(finding(shown, machine_of(of.run.environments)))
    return [f"{said} ({problems}; {_rounds(shown)}.)", *too_noisy(shown, of.noise)]


def _rounds(rows: Sequence[Row]) -> str:
    counts = sorted({len(row.epochs_by_round) for row in rows})
    return f"{' or '.join(map(str, counts))} process{'es' if counts != [1] else ''} a row"


def too_noisy(rows: Sequence[Row], noise: Noise) -> list[str]:
    """Say in one line which neighbours cannot be told apart, and what disturbed the run."""
    pairs = find_ties([row for row in rows if row.epoch and row.epoch.low is not None])
    if not pairs:
        return []
    names = ", ".join(
        f"{escape(_called(faster))} and {escape(_called(slower))}" for faster, slower in pairs
    )
    # What held the GPU back has moved no row of the CPU.
    on_gpu = any(row.case.device == "gpu" for pair in pairs for row in pair)
    if causes := (noise if on_gpu else replace(noise, gpu=None)).causes:
        what = "The machine was too noisy for some of these differences"
        return [f"**{what}** ({', '.join(causes)}): {names} cannot be told apart."]
    return [f"Not told apart by so many processes: {names}."]


def _called(row: Row) -> str:
    return comparison.on_device(row.case.implementation, row.case.device)


def precision(rows: Sequence[Row], asked: float | None) -> str:
    """Say which rows got the precision that was asked for, and how far the others came."""
    short = [row for row in rows if len(row.epochs_by_round) < (row.rounds_needed or math.inf)]
    sentence = f"Precision asked for: ± {100 * (asked or 0):g} %"
    if not short:
        return f"{sentence}: every row has the rounds that it takes."
    lines = [
        f"{escape(_called(row))} ({len(row.epochs_by_round)} of "
        f"{row.rounds_needed or 'an unknown number of'} rounds)"
        for row in short
    ]
    return f"{sentence}. **Not reached** by {', '.join(lines)}."


def noise(of: Noise) -> str:
    """Say aloud whether a run was disturbed."""
    causes = ", ".join(of.causes)
    return f"Disturbed: {causes}." if causes else "No disturbance was recorded."


def machine(run: Run, environments: Mapping[str, Environment]) -> list[str]:
    """Say what machine and software it was, a line each; plain text."""
    lines = [f"Run {run.run}, seed {run.seed}, at most {run.timeout:g} s a trial."]
    for each in {str(e.machine): e for e in environments.values()}.values():
        lines += [f"{key}: {fact}" for key, fact in each.machine.items() if fact]
    for each in {str((e.software, e.suite, e.data)): e for e in environments.values()}.values():
        lines += _software(each)
    return lines


def _software(found: Environment) -> list[str]:
    known = found.software.get("distributions", {})
    names = ("numpy", "scikit-learn", "torch", "jax", "jaxlib", "tensorflow", "keras")
    versions = ", ".join(f"{name} {known[name]}" for name in names if name in known)
    commit = found.suite.get("commit", "unknown")
    changed = ", with changes" if found.suite.get("dirty") else ""
    return [
        f"Python {found.software.get('python')}, {versions}",
        f"NumPy's BLAS: {found.software.get('blas')}",
        f"softmax-bench {found.suite.get('version')}, commit {commit}{changed}",
        f"data: {found.data.get('name')} ({found.data.get('source')})",
    ]
