"""Count the instructions of a command: with the processor's counter, else with Valgrind.

A count hardly depends on what else the machine does, so that few processes show a small change. It
sees no waiting, no cache miss and nothing of the kernel's, and Valgrind's processor lacks newer
vector instructions: ``bench gate`` measures times beside it.
Sources: https://valgrind.org/docs/manual/cg-manual.html and the manual page perf-stat(1)
"""

import math
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean

from bench.analysis.intervals import Interval
from bench.errors import UserError
from bench.records.schema import CommandRecord
from bench.regression.pairs.plan import BASELINE, CANDIDATE
from bench.regression.result import MetricComparison
from bench.regression.stats.decision import Rule, decide_metric
from bench.runner.process.command import CommandSpec

INSTRUCTIONS = "instructions"
# A count differs from itself by some hundredths of a percent, so a smaller difference matters.
SHARE_OF_TOLERANCE = 0.25
# How many processes of each side are counted: two show whether a count comes again.
LEAST_RUNS, MOST_RUNS = 2, 5
# Below the 35 times that are usual: a command is refused only if it surely does not fit.
CACHEGRIND_SLOWDOWN = 20.0
PERF = ("perf", "stat", "-x,", "-e", "instructions:u")
VALGRIND = (
    *("valgrind", "--tool=cachegrind", "--cache-sim=no", "--trace-children=yes"),
    "--cachegrind-out-file=/dev/null",
)


def choose_counter() -> tuple[str, ...]:
    """Return the program that counts, with its arguments; raise UserError without one."""
    if shutil.which(PERF[0]):
        process = subprocess.run([*PERF, "true"], capture_output=True, text=True, check=False)
        if process.returncode == 0 and process.stderr.split(",")[0].isdigit():
            return PERF
    if not shutil.which(VALGRIND[0]):
        raise UserError(
            "--metric instructions needs Valgrind where perf has no counter. Install valgrind, or "
            "choose cpu-time"
        )
    # With addresses at random places, counts vary more. Some containers do not allow others.
    fixed = ("setarch", "--addr-no-randomize")
    allowed = (
        shutil.which(fixed[0])
        and not subprocess.run([*fixed, "true"], capture_output=True, check=False).returncode
    )
    return (*fixed, *VALGRIND) if allowed else VALGRIND


def count(spec: CommandSpec, counter: Sequence[str], folder: Path) -> CommandSpec:
    """Return what runs a command and writes its count into a folder.

    PYTHONHASHSEED is 0 unless the user gives it, because sets and dictionaries depend on it.
    """
    output = ["-o", f"{folder}/count", "--"] if counter[0] == PERF[0] else []
    return replace(
        spec,
        arguments=[*counter, *(output or [f"--log-file={folder}/count.%p"]), *spec.arguments],
        variables={"PYTHONHASHSEED": "0", **spec.variables},
        output_bytes=0,
    )


def read_count(folder: Path) -> float:
    """Return how many instructions a command and its children executed; 0 if nobody counted."""
    total = 0
    for path in folder.glob("count*"):
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            before, refs, number = line.partition("I refs:")
            text = number if refs else before.split(",")[0]
            if refs or "instructions" in line:
                total += int(text.strip().replace(",", "") or 0)
    return float(total)


def compare_counts(records: Iterable[CommandRecord], tolerance: float) -> MetricComparison | None:
    """Return how the counts of both sides differ; None unless both were counted.

    The interval is the range of the ratios of any two processes, so it is no confidence interval:
    docs/gate/evidence.md counts how often it is wrong. tolerance: that of times, a share.
    """
    counts: dict[str, list[float]] = {BASELINE: [], CANDIDATE: []}
    for record in records:
        if INSTRUCTIONS in record.values and record.version in counts:
            counts[record.version].append(record.values[INSTRUCTIONS])
    before, after = counts.values()
    if not (before and after):
        return None
    ratio = Interval(
        fmean(after) / fmean(before), min(after) / max(before), max(after) / min(before)
    )
    if min(len(before), len(after)) < LEAST_RUNS:
        ratio = Interval(ratio.mean)
    low, high = ratio.low or -math.inf, ratio.high or math.inf
    p_slower, p_faster = float(low <= 1), float(high >= 1)
    rule = Rule(tolerance * SHARE_OF_TOLERANCE)
    verdict = decide_metric(ratio, rule, p_slower, p_faster)
    return MetricComparison(
        INSTRUCTIONS, "number", fmean(before), fmean(after), ratio, verdict=verdict
    )
