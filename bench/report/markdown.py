"""The report in Markdown; whatever comes from a record is untrusted text and is escaped."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bench.figures import FigureRow
from bench.noise import Noise, untold
from bench.report import numbers, tables
from bench.report.finding import Part, finding, machine_of
from bench.report.loaded import Loaded
from bench.report.sections import Section
from bench.result import Environment, Run
from bench.summary import Row
from bench.workload import WORKLOADS

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
    """Make any text harmless in a Markdown table: one line, no markup, no cell separator."""
    line = " ".join(str(text).split()).replace("&", "&amp;")
    for character in "\\`*_{}[]<>|#~":
        line = line.replace(character, "\\" + character)
    return line.replace("\\<", "&lt;").replace("\\>", "&gt;")


def table(headings: Sequence[str], lines: Iterable[Sequence[str]], *, numeric: set[int]) -> str:
    """Lay out a table; numeric columns are set flush right."""
    ruler = ["---:" if number in numeric else "---" for number in range(len(headings))]
    body = [headings, ruler, *([escape(cell) for cell in line] for line in lines)]
    return "\n".join(f"| {' | '.join(line)} |" for line in body) + "\n"


def comparison(rows: Sequence[Row], shown: Sequence[Row], chosen: Sequence[tables.Column]) -> str:
    """Lay out the comparison table of some rows."""
    numeric = {number for number, column in enumerate(chosen) if column.numeric}
    headings = [column.heading for column in chosen]
    return table(headings, tables.cells(rows, shown, chosen), numeric=numeric)


def sentence(parts: Iterable[Part]) -> str:
    """Lay out a finding: what is of a record escaped, names strong, our own words as they are."""
    return "".join(map(_piece, parts))


def _piece(part: Part) -> str:
    if part.kind == "ours":
        return part.text
    return f"**{escape(part.text)}**" if part.kind == "name" else escape(part.text)


@dataclass(frozen=True, slots=True)
class Contents:
    """What a report is written from.

    charts: pairs of file name and description, by workload and by section. missing: planned trials
    without a record.
    """

    run: Loaded
    sections: Sequence[Section]
    charts: Mapping[str, Sequence[tuple[str, str]]]
    missing: int
    noise: Noise


def report(of: Contents) -> str:
    """Write the whole report."""
    found = of.run
    parts = [
        "# Softmax classifier: the frameworks compared\n",
        _opening(found.run, found.environments, of.missing),
        *(_workload(of, name) for name in tables.workloads(found.rows)),
        "## The textbook's figures and ours\n",
        _figures(found.figures),
        *(_section(section, of.charts.get(section.title, ())) for section in of.sections),
        "## What is included in the measurements?\n",
        INCLUDED,
        "## Failed and unavailable\n",
        _faults(found.rows),
        "## Noise\n",
        _noise(of.noise),
        "## Machine and software\n",
        _machine(found.run, found.environments),
    ]
    return "\n".join(parts)


def _section(section: Section, charts: Sequence[tuple[str, str]]) -> str:
    """Lay out a section: tables with their notes, charts, remarks; or how to fill it."""
    parts = [f"## {section.title}\n"]
    for each in section.tables:
        headings = [escape(heading) for heading in each.headings]
        parts += [f"### {escape(each.title)}\n", table(headings, each.lines, numeric=each.numeric)]
        parts += [f"{each.note}\n"] * bool(each.note)
    parts += [_chart(*chart) for chart in charts]
    parts += [f"- {escape(remark)}\n" for remark in section.remarks]
    return "\n".join(parts if section.tables else [*parts, f"{section.nothing}\n"])


def _chart(file: str, text: str) -> str:
    return f"![{escape(text)}]({file})\n"


def _opening(run: Run, environments: Mapping[str, Environment], missing: int) -> str:
    machines = {escape(found.machine.get("name", "unknown")) for found in environments.values()}
    where = " and ".join(sorted(machines)) or "no machine yet"
    # Indented, not fenced: no command can end the block.
    command = f"    {' '.join(run.command.split())}\n"
    lines = [f"Measured on {where}, started {escape(run.created)}, by\n", command]
    if missing:
        lines.append(f"**{missing} planned trials are missing**: go on with `--resume`.\n")
    return "\n".join(lines)


def _workload(of: Contents, name: str) -> str:
    rows, workload = of.run.rows, WORKLOADS.get(name)
    shown = tables.measured(rows, name)
    title = f"{escape(name)}: {workload.optimizer}" if workload else escape(name)
    parts = [f"## Workload {title}\n"]
    if shown:
        problems = list(dict.fromkeys(tables.problem(row) for row in shown))
        said = sentence(finding(shown, machine_of(of.run.environments)))
        parts.append(f"{said} ({'; '.join(problems)}; {_rounds(shown)}.)\n")
        parts += [f"{line}\n" for line in too_noisy(shown, of.noise)]
        parts.append(comparison(rows, shown, tables.columns()))
        parts += [_chart(*chart) for chart in of.charts.get(name, ())]
        asked = of.run.run.precision
        parts += [precision(shown, asked)] * (asked is not None)
    else:
        parts.append("No trial of this workload went well; see below.\n")
    return "\n".join(parts)


def precision(rows: Sequence[Row], asked: float | None) -> str:
    """Say which rows got the precision that was asked for, and how far the others came."""
    short = [row for row in rows if len(row.epochs_by_round) < (row.wanted or math.inf)]
    sentence = f"Precision asked for: ± {100 * (asked or 0):g} %"
    if not short:
        return f"{sentence}: every row has the rounds that it takes.\n"
    lines = [
        f"{escape(row.case.implementation)} ({len(row.epochs_by_round)} of "
        f"{row.wanted or 'an unknown number of'} rounds)"
        for row in short
    ]
    return f"{sentence}. **Not reached** by {', '.join(lines)}.\n"


def too_noisy(rows: Sequence[Row], noise: Noise) -> list[str]:
    """Say in one line which neighbours cannot be told apart, and what disturbed the run."""
    pairs = untold([row for row in rows if row.epoch and row.epoch.low is not None])
    if not pairs:
        return []
    names = ", ".join(
        f"{escape(faster.case.implementation)} and {escape(slower.case.implementation)}"
        for faster, slower in pairs
    )
    if noise.causes:
        what = "The machine was too noisy for some of these differences"
        return [f"**{what}** ({', '.join(noise.causes)}): {names} cannot be told apart."]
    return [f"Not told apart by so many processes: {names}."]


def _noise(found: Noise) -> str:
    """Say aloud how noisy the run was."""
    drift = "unknown" if found.drift is None else numbers.factor(found.drift)
    lines = [
        ("spread within a process (standard deviation of epochs)", numbers.percent(found.within)),
        ("spread between processes of a case, drift taken out", numbers.percent(found.between)),
        ("drift from the first round to the last, as a factor", drift),
        ("other processes, of all cores' time", numbers.percent(found.others)),
        ("stolen by the hypervisor", numbers.percent(found.steal)),
        ("variation of the clock", numbers.percent(found.clock)),
        ("times a core was throttled", numbers.count(found.throttled)),
    ]
    causes = ", ".join(found.causes)
    said = f"Disturbed: {causes}.\n" if causes else "No disturbance was recorded.\n"
    return said + "\n" + table(("what", "here"), lines, numeric={1})


def _rounds(rows: Sequence[Row]) -> str:
    counts = sorted({len(row.epochs_by_round) for row in rows})
    return f"{' or '.join(map(str, counts))} process{'es' if counts != [1] else ''} a row"


def _figures(figures: Sequence[FigureRow]) -> str:
    if not figures:
        return "Not part of this run; `python -m bench run` without a selection measures them.\n"
    return table(tables.FIGURE_HEADINGS, tables.figures(figures), numeric={2, 3, 5})


def _faults(rows: Sequence[Row]) -> str:
    lines = tables.faults(rows)
    if not lines:
        return "None: every trial went well.\n"
    return table(tables.FAULT_HEADINGS, lines, numeric=set())


def _machine(run: Run, environments: Mapping[str, Environment]) -> str:
    lines = [f"- Run {escape(run.run)}, seed {run.seed}, at most {run.timeout:g} s a trial."]
    for found in {str(e.machine): e for e in environments.values()}.values():
        lines += [f"- {escape(key)}: {escape(fact)}" for key, fact in found.machine.items() if fact]
    for found in {str((e.software, e.suite, e.data)): e for e in environments.values()}.values():
        lines += _software(found)
    return "\n".join(lines) + "\n"


def _software(found: Environment) -> list[str]:
    known = found.software.get("distributions", {})
    names = ("numpy", "scikit-learn", "torch", "jax", "jaxlib", "tensorflow", "keras")
    versions = ", ".join(f"{name} {known[name]}" for name in names if name in known)
    commit = found.suite.get("commit", "unknown")
    changed = ", with changes" if found.suite.get("dirty") else ""
    return [
        f"- Python {escape(found.software.get('python'))}, {escape(versions)}",
        f"- NumPy's BLAS: {escape(found.software.get('blas'))}",
        f"- softmax-bench {escape(found.suite.get('version'))}, commit {escape(commit)}{changed}",
        f"- data: {escape(found.data.get('name'))} ({escape(found.data.get('source'))})",
    ]
