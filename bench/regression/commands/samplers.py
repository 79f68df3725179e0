"""The metrics of ``softmax-bench gate``: what of a process is a sample, and how it is read."""

import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from bench.errors import UserError, join_lines
from bench.records.files import read_file
from bench.regression.commands.instructions import (
    CACHEGRIND_SLOWDOWN,
    INSTRUCTIONS,
    PERF,
    choose_counter,
    count,
    read_count,
)
from bench.regression.pairs.judge import COMPUTING
from bench.runner.process.command import CommandSpec
from bench.runner.process.outcome import Outcome

AUTO, TIME, CPU_TIME, MEMORY, JSON = "auto", "time", "cpu-time", "memory", "json:"
# What to use in place of a metric that was retired.
RETIRED = {
    "iteration": "use cpu-time, and let the command repeat its work, or use --pytest",
    "last-number": "print the number as JSON, and use json:KEY",
}

OUTPUT_BYTES = 2**20  # of a command's output, the last of which are kept
MAX_FILE_BYTES = 2**28
BENCHMARKS = "benchmarks.json"  # in the folder of a process
MARKER = Path(__file__).with_name("codspeed_marker.py")
# Where the two processes of a pair share a core: 0.2 s, and of what takes longer one round, not
# five as by default.
FEW_ROUNDS = ("--benchmark-max-time=0.2", "--benchmark-min-rounds=1")
TIMER = "--benchmark-timer"
# A program that runs another one, writes its ru_maxrss into a file, and ends as that one ended. The
# kernel counts what a process had before it called exec as its own: of our child the peak would be
# ours at least, which pandas makes 100 MB and more. Here it is 7 MiB at least, which a program that
# needs less seems to need; Python needs 9 MiB.
WATCH_MEMORY = """
import os, signal, sys
for number in signal.SIGPIPE, signal.SIGXFSZ: # which Python ignores, as would the program
    signal.signal(number, signal.SIG_DFL)
process = os.fork()
if not process:
    os.execvp(sys.argv[2], sys.argv[2:])
_, status, usage = os.wait4(process, 0)
with open(sys.argv[1], "w") as file:
    file.write(str(usage.ru_maxrss))
code = os.waitstatus_to_exitcode(status)
if code < 0:
    os.kill(os.getpid(), -code)
sys.exit(code)
"""
PEAK = "peak"  # the file, in the folder of a process
RSS_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes: getrusage(2)

Values = dict[str, float]  # of a process, by name


class ValueFault(Exception):  # noqa: N818 - its text is the reason of a record
    """A command succeeded, but its value cannot be read."""


@dataclass(frozen=True, slots=True)
class Sampler:
    """A metric, of which less is better."""

    words: str  # what is judged, as tables name it
    # Returns the values of a process that succeeded, in this scratch folder. Raises ValueFault.
    sample: Callable[[Outcome, Path], Values]
    # Returns what the process runs.
    wrap: Callable[[CommandSpec, Path], CommandSpec] = lambda spec, _: spec
    unit: str = "seconds"  # or "bytes", or "number"
    together: bool = False  # both processes of a pair live at the same time
    apart: bool = False  # each has a core of its own
    slowdown: float = 1.0  # how many times as long a process takes, at least
    several: bool = False  # each process has several values, which are judged by their names
    computing: float = COMPUTING  # the share of its time for which a process computes, for AUTO
    prefix: str = "w"  # of the names of trials that warm up
    explain: Callable[[Outcome], str | None] = lambda _: None  # why a process failed, if it knows
    about: str = ""  # what is judged, as the help says it

    def read(self, outcome: Outcome, folder: Path) -> Values:
        """Return the values. Raises ValueFault, too, because not all numbers have a ratio."""
        values = self.sample(outcome, folder)
        for name, value in values.items():
            if not 1e-18 <= value <= 1e18:  # see Positive in bench/records/schema.py
                reason = "only numbers from 1e-18 to 1e18 have a ratio"
                raise ValueFault(f"{name} is {value:g}; {reason}")
        return values


def watch_memory(spec: CommandSpec, folder: Path) -> CommandSpec:
    """Let a small program run the command, and write its peak."""
    watcher = sys.executable, "-I", "-S", "-c", WATCH_MEMORY, f"{folder / PEAK}"
    return replace(spec, arguments=[*watcher, *spec.arguments])


def keep_output(spec: CommandSpec, _: Path) -> CommandSpec:
    """Keep what a process prints."""
    return replace(spec, output_bytes=OUTPUT_BYTES)


def run_benchmarks(spec: CommandSpec, folder: Path) -> CommandSpec:
    """Let pytest run benchmarks only, and write their results."""
    shutil.copy(MARKER, folder)
    path = [str(folder), *filter(None, [spec.variables.get("PYTHONPATH")])]
    words = "--benchmark-only", "--quiet", f"--benchmark-json={folder / BENCHMARKS}"
    return replace(
        keep_output(spec, folder),
        arguments=[*spec.arguments, *words, "-p", MARKER.stem],
        variables={**spec.variables, "PYTHONPATH": os.pathsep.join(path)},
    )


def run_short_benchmarks(spec: CommandSpec, folder: Path) -> CommandSpec:
    """Let pytest time the CPU in few rounds: more pairs show more than more rounds."""
    spec = run_benchmarks(spec, folder)
    # The option follows "python -m pytest", so that what the user gives comes later, and holds.
    first, rest = spec.arguments[:3], spec.arguments[3:]
    words = [*first, *FEW_ROUNDS, *rest, f"{TIMER}=time.process_time"]
    return replace(spec, arguments=words)


def count_with(counter: Sequence[str]) -> Sampler:
    """Return what counts the instructions of a command."""
    return Sampler(
        INSTRUCTIONS,
        lambda _, folder: {INSTRUCTIONS: read_count(folder)},
        lambda spec, folder: count(spec, counter, folder),
        unit="number",
        together=True,
        apart=True,
        prefix="i",
        slowdown=1.0 if counter[0] == PERF[0] else CACHEGRIND_SLOWDOWN,
    )


def explain_benchmarks(outcome: Outcome) -> str | None:
    """Return what pytest lacks, or which test failed: on stderr pytest-benchmark warns."""
    if "arguments: --benchmark" in outcome.stderr_tail:
        return "its pytest has no pytest-benchmark. Install that on both sides"
    tests = re.findall(r"^(?:FAILED|ERROR) .*", outcome.output, re.MULTILINE)
    if not tests or outcome.status != "failed":
        return None
    # Of a file that cannot be imported the summary names no error.
    errors = [] if " - " in tests[0] else re.findall(r"^E +(.*)", outcome.output, re.MULTILINE)
    return join_lines(" - ".join([tests[0], *errors[:1]]))


# By the values of --metric, which are the names of the values, too.
SAMPLERS = {
    TIME: Sampler(
        "time", lambda outcome, _: {TIME: outcome.wall_seconds}, about="the time of the command"
    ),
    CPU_TIME: Sampler(
        "CPU time",  # on the same cores the system lets both processes take turns
        lambda outcome, _: {CPU_TIME: outcome.cpu_seconds},
        together=True,
        about="its CPU time while both versions run at once on the same cores",
    ),
    MEMORY: Sampler(
        MEMORY,
        lambda _, folder: {MEMORY: RSS_UNIT * float((folder / PEAK).read_text())},
        watch_memory,
        "bytes",
        together=True,  # the machine's speed does not matter
        about="the peak of the resident memory of its largest process",
    ),
}
# Likewise, of pytest; its start waits for files and other processes.
_SEVERAL = partial(Sampler, several=True, computing=0.5, explain=explain_benchmarks)
BENCHMARK_SAMPLERS = {
    TIME: _SEVERAL(
        "minimum", lambda _, folder: read_benchmarks(folder / BENCHMARKS, "min"), run_benchmarks
    ),
    # Both processes run at once, and what disturbs one disturbs the other: every round counts.
    CPU_TIME: _SEVERAL(
        "mean CPU time",
        lambda _, folder: read_benchmarks(folder / BENCHMARKS, "mean"),
        run_short_benchmarks,
        together=True,
    ),
}


def list_metrics() -> dict[str, str]:
    """Return what ``--metric`` takes beside AUTO, and what each judges."""
    return {name: sampler.about for name, sampler in SAMPLERS.items()} | {
        INSTRUCTIONS: "its instructions, which perf or Valgrind counts, beside one of the times",
        f"{JSON}KEY": "a number in the JSON that it prints, where dots lead into objects",
    }


def plan_metric(option: str, *, pytest: bool) -> dict[str, Any]:
    """Return the fields of a plan that store an option of --metric. Raises UserError."""
    if pytest and option not in {AUTO, *BENCHMARK_SAMPLERS}:
        raise UserError(
            "--pytest judges the minimum of each benchmark with --metric time, and the mean of its "
            "CPU time with cpu-time. Give one of these, or auto"
        )
    if option == INSTRUCTIONS:
        return {"counter": choose_counter()}
    if option == AUTO:
        return {}
    if option in SAMPLERS or (option.startswith(JSON) and option != JSON):
        return {"metric": option}
    remedy = RETIRED.get(option, f"choose one of {', '.join([AUTO, *list_metrics()])}")
    raise UserError(f"--metric {option}: {remedy}")


def find_sampler(metric: str, *, pytest: bool) -> Sampler:
    """Return the sampler of the fields of a plan."""
    if pytest:
        return BENCHMARK_SAMPLERS[CPU_TIME if metric == CPU_TIME else TIME]
    key = metric.removeprefix(JSON)
    return SAMPLERS.get(metric) or Sampler(
        metric, lambda outcome, _: {metric: read_json(outcome.output, key)}, keep_output, "number"
    )


def read_json(output: str, key: str) -> float:
    """Return a number in the JSON of an output, or of its last line. Raises ValueFault.

    key: of objects, with dots in between, or the places of lists, from 0.
    """
    lines = output.strip().splitlines() or [""]
    for text in (output, lines[-1]):
        try:
            # As floats, because an integer of 400 digits has none.
            value = json.loads(text, parse_int=float)
        except (ValueError, RecursionError):
            continue
        break
    else:
        raise ValueFault("neither its output nor the last line of it is JSON")
    for part in key.split("."):
        try:
            value = value[int(part)] if isinstance(value, list) else value[part]
        except (LookupError, TypeError, ValueError):
            raise ValueFault(f"its JSON has no {key}") from None
    if not isinstance(value, float):
        raise ValueFault(f"{key} in its JSON is no number")
    return value


def read_benchmarks(file: Path, statistic: str) -> dict[str, float]:
    """Return a statistic of each benchmark in a file of pytest-benchmark, in seconds.

    Raises ValueFault. Source: https://pytest-benchmark.readthedocs.io/en/stable/usage.html
    """
    try:
        document: dict[str, Any] = json.loads(read_file(file, MAX_FILE_BYTES, follow=False))
        values = {
            benchmark["fullname"]: float(benchmark["stats"][statistic])
            for benchmark in document["benchmarks"]
        }
    except FileNotFoundError:
        raise ValueFault("no benchmark ran, so there are no results") from None
    except (OSError, LookupError, TypeError, ValueError) as error:
        raise ValueFault(f"its results cannot be read: {error!r}") from error
    if not values:
        raise ValueFault("it has no benchmark")
    return values
