"""Measure the commands of two versions in pairs of processes, and record each process."""

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from statistics import fmean, median
from typing import Any, cast

from bench.errors import join_lines
from bench.records import environments, store, timestamps
from bench.records.schema import FORMAT, CommandRecord
from bench.regression.commands.command_plan import CPU_TIME, TIME, CommandPlan
from bench.regression.commands.judge_commands import judge_commands, list_names
from bench.regression.commands.sides import CommandSide
from bench.regression.commands.values import OUTPUT_BYTES, ValueFault, read_values
from bench.regression.paired.comparison_plan import BASELINE, CANDIDATE, order_sides
from bench.regression.paired.loop import measure_until_decided
from bench.regression.paired.measure_pairs import choose_epochs
from bench.regression.result import CaseComparison
from bench.regression.stats.false_alarms import LookSchedule
from bench.runner.host import machine
from bench.runner.host.kernel import measure_kernel
from bench.runner.process import scratch
from bench.runner.process.command import Command, CommandSpec
from bench.runner.process.outcome import Outcome
from bench.runner.process.session import ProcessStopped
from bench.runner.runner import describe_outcome
from bench.worker.machine import list_usable_cores
from bench.worker.measure import now

# Before and after a process the reference kernel runs this many times; the median counts.
KERNEL_RUNS = 5
# The number of iterations in the first pair of --loops, which shows how long an iteration takes.
FIRST_ITERATIONS = 2
# --benchmark-max-time, in seconds, where the two processes of a pair share a core.
MAX_TIME = "0.2"
BENCHMARKS = "benchmarks.json"  # in the folder of a process


def measure(
    folder: Path, plan: CommandPlan, sides: Mapping[str, CommandSide]
) -> Iterator[str | CaseComparison]:
    """Measure pairs until all is decided, a process failed, or the budget is over.

    Yields a line before each pair, and the cases whenever they were judged. The caller has the
    host's lock.
    """
    end = now() + plan.budget
    yield f"{plan.arguments}: a first pair"
    yield from measure_until_decided(_CommandPairs(folder, plan, sides), end)


class _CommandPairs:
    """The pairs of a command. Its benchmarks, if it has several, are measured together."""

    def __init__(self, folder: Path, plan: CommandPlan, sides: Mapping[str, CommandSide]) -> None:
        self.name = plan.arguments
        self.alpha = plan.alpha
        self._folder = folder
        self._plan = plan
        self._sides = sides
        self._arguments = shlex.split(plan.arguments)
        self._versions = {BASELINE: plan.baseline, CANDIDATE: plan.candidate}
        self._environments = {
            side: environments.make_environment(
                {
                    "machine": machine.describe(),
                    "software": dict(own.software),
                    "suite": machine.describe_suite(),
                    # Of all that it has, those that the user asked for.
                    "variables": dict(self._versions[side].env),
                    "data": {},
                }
            )
            for side, own in sides.items()
        }
        self._cores = list_usable_cores()[-plan.threads :]
        self._records: list[CommandRecord] = []
        self._looks: LookSchedule = ()
        self._iterations = FIRST_ITERATIONS * plan.loops
        self._iteration = self._seconds = 0.0  # of an iteration, and of the rest of a pair

    def plan(self, allowed: float) -> float:
        """Choose the number of iterations; return the seconds of the next pair."""
        if self._plan.loops:
            self._iterations = choose_epochs(self._iteration, self._seconds, allowed)
        return self._seconds + 2 * self._iterations * self._iteration

    def measure(self, number: int) -> bool:
        """Measure a pair, or before the first one those that warm up."""
        for _ in range(1 if number else self._plan.warmup):
            begin = now()
            records = self._measure_pair(number)
            if any(record.status != "ok" for record in records):
                return False
            times = [time for record in records for time in record.iteration_seconds]
            self._iteration = fmean(times) if times else 0.0
            self._seconds = now() - begin - sum(times)
        tests = len(list_names(self._records))
        self.alpha = self._plan.make_rule(tests).alpha_per_test
        return True

    def save_looks(self, looks: LookSchedule) -> None:
        """Store the looks, which all benchmarks share."""
        self._looks = looks
        store.save_looks(self._folder, {"command": looks})

    def judge(self) -> Sequence[CaseComparison]:
        """Judge the command, or each of its benchmarks."""
        return judge_commands(self._plan, self._records, self._looks)

    def _measure_pair(self, number: int) -> list[CommandRecord]:
        """Measure and record the two processes of a pair, one after the other or in turn."""
        order = order_sides()
        records = []
        try:
            if self._plan.is_simultaneous:
                fields = self._run_together(order)
            else:
                fields = ((side, self._run(side)) for side in order)
            # One by one: what has ended is recorded before the next begins.
            for side, values in fields:
                records.append(self._record(number, side, values))
        except KeyboardInterrupt:
            for side in order[len(records) :]:
                self._record(number, side, {"status": "interrupted"})
            raise
        return records

    def _run(self, side: str) -> dict[str, Any]:
        """Return the fields of a process that runs alone."""
        with scratch.make_folder() as folder:
            started = timestamps.format_now()
            if fault := self._prepare(side, folder):
                return {"started": started, **fault}
            before = machine.read_conditions()
            kernels = [self._measure_kernel()]
            with Command(self._specify(side, folder), folder) as command:
                outcome = command.finish()
            kernels.append(self._measure_kernel())
            conditions = machine.compare_readings(before, machine.read_conditions())
            fields = self._read(outcome, folder)
        return {"started": started, "kernel_seconds": kernels, "conditions": conditions, **fields}

    def _run_together(self, order: Sequence[str]) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the fields of two live processes.

        They iterate in turn, or run at once: on the same cores the system lets them take turns.
        """
        with ExitStack() as stack:
            folders = {side: stack.enter_context(scratch.make_folder()) for side in order}
            started = timestamps.format_now()
            for side, folder in folders.items():
                if fault := self._prepare(side, folder):
                    yield side, {"started": started, **fault}
                    return
            commands = {
                side: stack.enter_context(Command(self._specify(side, folder), folder))
                for side, folder in folders.items()
            }
            if self._plan.loops:
                seconds, stopped = iterate_in_turn(commands, self._iterations)
            outcomes = {side: command.finish() for side, command in commands.items()}
            for side, outcome in outcomes.items():
                if self._plan.loops:
                    fields = self._describe_iterations(side, outcome, seconds[side], stopped)
                else:
                    fields = self._read(outcome, folders[side])
                yield side, {"started": started, **fields}

    def _describe_iterations(
        self, side: str, outcome: Outcome, seconds: list[float], stopped: str | None
    ) -> dict[str, Any]:
        """Return the fields of a process that iterated; stopped: the side that ended too early."""
        fields = describe_outcome(outcome) | {"iteration_seconds": seconds}
        if outcome.status == "ok" and stopped is None:
            fields["values"] = {self._plan.metric: median(seconds)}
        elif outcome.status == "ok" and stopped == side:
            fields |= {"status": "failed", "reason": "it ended before its last iteration"}
        elif outcome.status == "ok":
            fields |= {"status": "interrupted", "reason": "its partner failed"}
        return fields

    def _prepare(self, side: str, folder: Path) -> dict[str, Any] | None:
        """Run the command that prepares a process; return status and reason if it fails."""
        if not self._plan.prepare:
            return None
        spec = self._specify(side, folder)
        arguments = shlex.split(self._plan.prepare)
        spec = replace(spec, arguments=arguments, output_bytes=0, loops=False)
        with Command(spec, folder) as command:
            outcome = command.finish()
        if outcome.status == "ok":
            return None
        return {"status": outcome.status, "reason": f"--prepare: {outcome.reason}"}

    def _specify(self, side: str, folder: Path) -> CommandSpec:
        """Return what a process of a side runs."""
        arguments, own = self._arguments, self._sides[side]
        if self._plan.pytest:
            results = f"--benchmark-json={folder / BENCHMARKS}"
            arguments = [*arguments, "--benchmark-only", "--quiet", results]
            if self._plan.metric == CPU_TIME:
                # More pairs show more than more rounds. The option follows "python -m pytest", so
                # that what the user gives comes later, and holds.
                arguments = [*arguments[:3], f"--benchmark-max-time={MAX_TIME}", *arguments[3:]]
                arguments.append("--benchmark-timer=time.process_time")
        times = self._plan.metric in {TIME, CPU_TIME} and not self._plan.pytest
        return CommandSpec(
            arguments=arguments,
            folder=own.folder,
            variables=own.variables,
            cores=self._cores,
            # Those that share their cores take twice as long.
            timeout=self._plan.timeout * (2 if self._plan.metric == CPU_TIME else 1),
            output_bytes=0 if times else OUTPUT_BYTES,
            loops=self._plan.loops,
        )

    def _read(self, outcome: Outcome, folder: Path) -> dict[str, Any]:
        """Return how a process ended, with its values if it succeeded."""
        fields = describe_outcome(outcome)
        if self._plan.pytest and "arguments: --benchmark" in outcome.stderr_tail:
            fields["reason"] = "its pytest has no pytest-benchmark. Install that on both sides"
        elif self._plan.pytest and outcome.status == "failed":
            # pytest-benchmark warns on stderr; which test failed is in the summary.
            tests = re.findall(r"^(?:FAILED|ERROR) .*", outcome.output, re.MULTILINE)
            fields["reason"] = join_lines(tests[0]) if tests else outcome.reason
        if outcome.status != "ok":
            return fields
        try:
            file = folder / BENCHMARKS if self._plan.pytest else None
            values = read_values(self._plan.metric, outcome, file)
        except ValueFault as fault:
            return fields | {"status": "failed", "reason": str(fault)}
        name, known = next(iter(values)), list_names(self._records)
        if known and name not in known and not self._plan.pytest:
            reason = f"its value is {name!r}, and that of another process {known[0]!r}"
            return fields | {"status": "failed", "reason": f"{reason}. Print one unit only"}
        return fields | {"values": values}

    def _measure_kernel(self) -> float:
        return median(measure_kernel(self._cores[-1]) for _ in range(KERNEL_RUNS))

    def _record(self, number: int, side: str, fields: Mapping[str, Any]) -> CommandRecord:
        """Append the record of a process."""
        environment = self._environments[side]
        warmed = sum(one.round == 0 and one.version == side for one in self._records)
        identity = {
            "kind": "command",
            "format": FORMAT,
            "run": self._plan.run,
            "trial": f"p{number}-{side}" if number else f"w{warmed + 1}-{side}",
            "round": number,
            "case": self._plan.make_case(self._versions[side]),
            "environment": environment.id,
            "version": side,
            "started": timestamps.format_now(),
        }
        folders = {self._sides[side].folder: "<checkout>"}
        record = store.append_values(self._folder, environment, identity, fields, folders)
        self._records.append(cast("CommandRecord", record))
        return self._records[-1]


def iterate_in_turn(
    commands: Mapping[str, Command], iterations: int
) -> tuple[dict[str, list[float]], str | None]:
    """Return the seconds of each iteration by side, and the side that stopped first, if any.

    An iteration that warms up comes first, and does not count.
    """
    seconds: dict[str, list[float]] = {side: [] for side in commands}
    for number in range(iterations + 1):
        for side, command in commands.items():
            try:
                time = command.iterate()
            except ProcessStopped:
                return seconds, side
            if number > 0:
                seconds[side].append(time)
    return seconds, None
