"""Measure the commands of two versions in pairs of processes, and record each process."""

import math
import re
import shlex
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import cast

import msgspec

from bench.errors import UserError
from bench.records import environments, store, timestamps
from bench.records.layout import COMMAND_PLAN
from bench.records.schema import CommandRecord, Subject
from bench.regression.commands import proof
from bench.regression.commands.command_plan import CommandPlan
from bench.regression.commands.instructions import (
    INSTRUCTIONS,
    LEAST_RUNS,
    MOST_RUNS,
    compare_counts,
)
from bench.regression.commands.judge_commands import (
    judge_commands,
    list_value_names,
    make_command_result,
)
from bench.regression.commands.prepare_commands import CommandOptions, prepare_commands
from bench.regression.commands.samplers import (
    AUTO,
    CPU_TIME,
    TIME,
    TIMER,
    Sampler,
    ValueFault,
    find_sampler,
)
from bench.regression.commands.sides import CommandSide
from bench.regression.pairs.judge import Measured
from bench.regression.pairs.loop import measure_until_decided
from bench.regression.pairs.plan import (
    BASELINE,
    CANDIDATE,
    FinishedComparison,
    Terms,
    order_sides,
)
from bench.regression.result import CaseComparison, ComparisonResult, Reporter
from bench.regression.stats.false_alarms import LookSchedule
from bench.regression.versions import git
from bench.runner.events import Transient
from bench.runner.host import machine
from bench.runner.host.signals import Ending
from bench.runner.lock import hold_host_lock
from bench.runner.process import scratch
from bench.runner.process.command import BYTECODE, Command, CommandSpec
from bench.runner.process.outcome import Outcome, Result, describe_outcome
from bench.worker.machine import list_usable_cores
from bench.worker.measure import now

# The share of a command that the start of Python takes, above which the result says so.
START_SHARE = 0.1
# On more cores than this a command is parallel: Python itself may start a second thread.
PARALLEL = 1.2
# A later process that computes less than this share of the first, less so many seconds, has what
# that one kept.
CACHED_SHARE, LEAST_CACHED = 0.5, 0.05
# A process hangs if the end of the budget ends it after this many times as long as any before took.
HANGS = 2


def compare_commands(terms: Terms, options: CommandOptions) -> FinishedComparison[CommandPlan]:
    """Measure two versions, record and judge them. Raises UserError."""
    unrelated, ending = "", Ending()
    with prepare_commands(terms, options) as (plan, sides):
        pairs, folder = CommandPairs(plan, sides), terms.choose_folder(plan)
        is_open = options.metric in {AUTO, INSTRUCTIONS}
        if sides:
            try:
                with ending, hold_host_lock(terms.progress):
                    measure_processes(pairs, folder, terms.progress, is_open=is_open)
                if not ending.status and not pairs.refusal:
                    pairs.find_rewritten()
            except proof.Unrelated as names:
                unrelated = str(names)
        elif {plan.baseline.kind, plan.candidate.kind} == {"revision"}:
            # Of one commit there is no change: the workflow names the wrong versions.
            unrelated = "" if plan.baseline.commit == plan.candidate.commit else "no file"
    plan = pairs.command_plan
    measured = pairs.measured if (folder / COMMAND_PLAN).exists() else None
    result = terms.settle(make_command_result(plan, measured))
    result = replace(result, refusal=pairs.refusal)
    if unrelated:
        reason = f"the command runs nothing that differs: {unrelated}"
        result = replace(result, reason=reason, allow_nothing=True)
    return FinishedComparison(result, plan, folder, ending.status)


def run_gate(terms: Terms, options: CommandOptions) -> ComparisonResult:
    """Compare two versions without a terminal, as ``softmax_bench.gate`` does.

    Raises UserError, and KeyboardInterrupt after a signal: what was measured until then is
    recorded.
    """
    allowed = {"same-code", "missing", "nothing"}
    if not (0 <= terms.tolerance <= 0.5 and terms.budget >= 1 and options.threads >= 0):
        raise UserError(
            "give tolerance as a share from 0 to 0.5, budget in seconds from 1, threads from 0"
        )
    if unknown := {*terms.allowed} - allowed:
        raise UserError(f"allow: {', '.join(unknown)}: choose from {', '.join(sorted(allowed))}")

    comparison = compare_commands(terms, options)
    if comparison.stopped:
        raise KeyboardInterrupt
    return comparison.result


def measure_processes(
    pairs: "CommandPairs", folder: Path, progress: Reporter, *, is_open: bool = False
) -> None:
    """Measure pairs until all is decided, a process failed, or the budget is over.

    First each side runs once, uncounted. folder: a new one, for the records. is_open: whether the
    metric follows from what the first processes do. The caller has the host's lock. Raises
    UserError, and ``Unrelated``, before anything is recorded.
    """
    progress(f"{pairs.name}: first a process of each side, which shows what it runs")
    if pairs.prove() and is_open:
        choose_metric(pairs)
    if pairs.refusal:
        return
    counting = pairs.command_plan.counting
    if counting and not pairs.faults:
        check_budget(pairs, counting)
    pairs.create(folder)
    if pairs.faults or not (counting is None or count_until_decided(pairs, counting, progress)):
        for case in pairs.judge():
            progress(case)
        return
    progress(Transient(f"{pairs.name}: a first pair"))
    with store.lock_folder(folder):
        measure_until_decided(pairs, pairs.end, progress)


def check_budget(pairs: "CommandPairs", counting: Sampler) -> None:
    """Raise UserError if even the fewest counts take longer than what is left of the budget."""
    seconds = LEAST_RUNS * counting.slowdown * pairs.cpu_seconds
    if seconds > pairs.end - now():
        minutes = math.ceil((pairs.command_plan.budget + seconds) / 60)
        raise UserError(
            f"{LEAST_RUNS} counts of each side take {seconds:.0f} s or more. Give --budget "
            f"{minutes}m, or a shorter command"
        )


def count_until_decided(pairs: "CommandPairs", counting: Sampler, progress: Reporter) -> bool:
    """Count the instructions of both sides; return whether all processes succeeded.

    progress: gets a step before each two processes.
    """
    for number in range(1, MOST_RUNS + 1):
        progress(Transient(f"{pairs.name}: instructions, process {number} of each side"))
        begin = now()
        if not pairs.count(counting):
            return False
        next_end = 2 * now() - begin
        if number < LEAST_RUNS and next_end > pairs.end:
            minutes = math.ceil((pairs.command_plan.budget + next_end - pairs.end) / 60)
            progress(f"{pairs.name}: two counts need --budget {minutes}m or more")
        if next_end > pairs.end or (number >= LEAST_RUNS and pairs.are_counts_decided):
            break
    return True


def choose_metric(pairs: "CommandPairs") -> None:
    """Let pairs judge CPU time if both sides compute for most of their time.

    Each side runs once more, which does not count: the first process of each has read cold files.
    One that computes much less then is refused. Time is judged with several threads, whose CPU time
    hides that they wait, and with a timer of the user's own. The caller has the host's lock.
    """
    plan = pairs.command_plan
    if plan.threads > 1 or TIMER in plan.arguments:
        return
    least, shares = plan.sampler.computing, list[float]()
    for _ in range(2):  # other processes may have had the core
        outcomes = pairs.run_both()
        if not outcomes or pairs.find_cache(outcomes):
            return
        computing = [outcome.computing for outcome in outcomes]
        shares = [*map(max, computing, shares or computing)]
        if min(shares) >= least:
            break
    metric, chosen = CPU_TIME, f"both sides compute most of the time ({min(shares):.0%})"
    if min(shares) < least:
        metric, chosen = TIME, f"a side computes for {min(shares):.0%} of its time only"
    else:
        python, *_ = shlex.split(plan.arguments)
        is_python = Path(python).name.startswith("python") and not plan.sampler.several
        empty = pairs.run_once(BASELINE, [python, "-c", ""]) if is_python else None
        start = empty.cpu_seconds / outcomes[0].cpu_seconds if empty else 0.0
        if start > START_SHARE:
            chosen += (
                f"; the start of Python is {min(start, 1):.0%} of it, so a change of 5 % in the "
                f"rest looks like {5 * max(0, 1 - start):.1f} % (--pytest leaves it out)"
            )
        if pairs.parallel > PARALLEL:
            chosen += (
                f"; it would compute on {pairs.parallel:.1f} cores, and has one here. To judge the "
                f"time on several, add --threads {math.ceil(pairs.parallel)}"
            )
    pairs.follow(msgspec.structs.replace(plan, metric=metric, chosen=chosen))


class CommandPairs:
    """The pairs of a command. Its benchmarks, if it has several, are measured together."""

    def __init__(self, plan: CommandPlan, sides: Mapping[str, CommandSide]) -> None:
        self.name = ", ".join(plan.commands)
        self._sides = sides
        self._commands = {text: shlex.split(text) for text in plan.commands}
        self._versions = {BASELINE: plan.baseline, CANDIDATE: plan.candidate}
        self._environments = {
            side: environments.make_environment(
                {
                    "machine": machine.describe(),
                    "software": dict(place.software),
                    "suite": machine.describe_suite(),
                    "variables": {},
                    "data": {},
                }
            )
            for side, place in sides.items()
        }
        self._cores = list_usable_cores()[-plan.threads :]
        self._records: list[CommandRecord] = []
        self._folder = Path()
        self.alpha = plan.alpha
        self.follow(plan)
        self._looks: LookSchedule = ()
        # Of processes that failed before the first pair: the side, and how it ended.
        self.faults: list[tuple[str, Result]] = []
        self.refusal: str | None = None  # why nothing is judged
        self.end = math.inf  # of the budget, on the monotonic clock
        self.cpu_seconds = 0.0  # of the first process of a side
        self.parallel = 1.0  # on how many cores a first process has computed
        self._first: list[Outcome] = []
        self._longest = 0.0  # seconds of a process that ended by itself
        self._seconds = 0.0  # of a pair

    def follow(self, plan: CommandPlan) -> None:
        """Measure by this plan from now on."""
        self.command_plan = plan
        self._sampler = plan.sampler

    def create(self, folder: Path) -> None:
        """Store the plan in a new folder, and record in it from now on."""
        store.create_run(folder, self.command_plan, COMMAND_PLAN)
        self._folder = folder
        for fault in self.faults:
            self._record(0, *fault)

    def plan(self, _: float) -> float:
        """Return the seconds of the next pair, whatever is allowed: those of the last one."""
        return self._seconds

    @property
    def measured(self) -> Measured[CommandRecord]:
        """What was measured so far, whatever has become of the folder since."""
        by_id = {environment.id: environment for environment in self._environments.values()}
        return Measured(self._records, by_id, {"command": self._looks})

    def prove(self) -> bool:
        """Run each side once; return whether both succeeded, and so showed that the change runs.

        The budget begins here. Raises UserError if nothing shows that what differs is run, and
        ``Unrelated``.
        """
        self.end = now() + self.command_plan.budget
        sides = [*self._sides.values()]
        proof.set_back([path for side in sides for path in side.changed])
        self._first = self.run_both(is_first=True)
        if not self._first:
            return False
        self.cpu_seconds = max(outcome.cpu_seconds for outcome in self._first)
        self.parallel = max(one.cpu_seconds / one.wall_seconds for one in self._first)
        count, tops = len(self._commands), proof.find_tops([side.folder for side in sides])
        outcomes = self._first[:count], self._first[count:]
        ran = proof.check_runs([*map(CommandSide.describe, sides, tops, outcomes)])
        self.follow(msgspec.structs.replace(self.command_plan, ran=ran))
        return True

    def run_both(self, *, is_first: bool = False) -> list[Outcome]:
        """Run each side once, uncounted; return its outcomes, the baseline's first.

        Nothing if any failed. is_first: on all cores, and as if Python had compiled nothing yet.
        """
        outcomes = []
        for side in self._sides:
            if is_first:
                shutil.rmtree(self._sides[side].variables[BYTECODE], ignore_errors=True)
            for command in self._commands.values():
                outcome = self.run_once(side, command, is_first=is_first)
                if outcome is None and now() >= self.end:
                    return []
                outcomes += [outcome] if outcome else []
        return outcomes if len(outcomes) == len(self._sides) * len(self._commands) else []

    def find_cache(self, outcomes: Sequence[Outcome]) -> bool:
        """Refuse a command whose first process computed what later ones find; return whether.

        outcomes: of later processes of both sides. Python's own bytecode does not count.
        """

        def list_less(later: Sequence[Outcome]) -> list[str]:
            return [
                f"{first.cpu_seconds:.2g} s, and a later one {second.cpu_seconds:.2g} s"
                for first, second in zip(self._first, later, strict=True)
                if second.cpu_seconds < CACHED_SHARE * first.cpu_seconds - LEAST_CACHED
            ]

        if not list_less(outcomes):
            return False
        again = self.run_both(is_first=True)
        if again and (less := list_less(again)):
            self.refusal = (
                f"the first process of a side computed for {less[0]}: it keeps results for the "
                "next, so a slowdown of that work does not show. Clear them with --prepare"
            )
        return bool(self.refusal)

    def measure(self, number: int) -> bool:
        """Measure a pair; return whether both processes succeeded."""
        begin = now()
        records = self._measure_pair(number)
        if any(record.status != "ok" for record in records):
            return False
        self._seconds = now() - begin
        tests = len(list_value_names(self._records))
        self.alpha = self.command_plan.make_rule(tests).alpha_per_test
        return True

    def find_rewritten(self) -> None:
        """Record that a checkout was rewritten meanwhile; refuse that of other trees."""
        for side, version in self._versions.items():
            rewritten = proof.find_rewritten(self._sides[side].snapshot)
            names = ", ".join(path.name for path in rewritten[: proof.MAX_NAMES])
            if rewritten and version.kind != "revision":
                self.refusal = f"{version.name} changed meanwhile: {names}. Measure it again"
            elif rewritten:
                reason = f"it writes into its own tree: {names}. Let it write somewhere else"
                self._record(len(self._records), side, Result("failed", reason))

    def save_looks(self, looks: LookSchedule) -> None:
        """Store the looks, which all benchmarks share."""
        self._looks = looks
        store.save_looks(self._folder, {"command": looks})

    def judge(self) -> Sequence[CaseComparison]:
        """Judge the command, or each of its benchmarks."""
        return judge_commands(self.command_plan, self._records, self._looks)

    def count(self, counting: Sampler) -> bool:
        """Count the instructions of both sides at once; return whether both succeeded."""
        self._sampler = counting
        records = self._measure_pair(0)
        self._sampler = self.command_plan.sampler
        return all(record.status == "ok" for record in records)

    @property
    def are_counts_decided(self) -> bool:
        """Whether the counts so far show a difference, or that there is none."""
        counts = compare_counts(self._records, self.command_plan.tolerance)
        return counts is not None and counts.verdict != "undecided"

    def _measure_pair(self, number: int) -> list[CommandRecord]:
        """Measure and record the two processes of a pair, one after the other or at once."""
        order, last = order_sides(), [*self._commands][-1]
        turns = [order] if self._sampler.together else [[side] for side in order]
        results, records = dict[str, Result](), list[CommandRecord]()
        try:
            for command, sides in product(self._commands, turns):
                for side, result in self._run(command, sides):
                    results[side] = result.follow(results.get(side))
                    # What has ended is recorded before the next begins.
                    if command == last or result.status != "ok":
                        records.append(self._record(number, side, results[side]))
                if any(record.status != "ok" for record in records):
                    break
        except KeyboardInterrupt:
            for side in order[len(records) :]:
                self._record(number, side, Result("interrupted"))
            raise
        return records

    def _run(self, command: str, sides: Sequence[str]) -> Iterator[tuple[str, Result]]:
        """Yield the results of live processes: two of them take turns on the same cores."""
        with ExitStack() as stack:
            folders = {side: stack.enter_context(scratch.make_folder()) for side in sides}
            started = timestamps.format_now()
            for side, folder in folders.items():
                if fault := self._prepare(side, folder):
                    yield side, fault.add(started=started)
                    return
            before = machine.read_conditions()
            commands = {}
            for side, folder in folders.items():
                spec = self._sampler.wrap(self._specify(side, self._commands[command]), folder)
                commands[side] = stack.enter_context(Command(spec, folder))
            outcomes = {side: command.finish() for side, command in commands.items()}
            conditions = machine.compare_readings(before, machine.read_conditions())
            for side, outcome in outcomes.items():
                result = self._read(command, side, outcome, folders[side])
                yield side, result.add(started=started, conditions=conditions)

    def run_once(
        self, side: str, arguments: Sequence[str], *, is_first: bool = False
    ) -> Outcome | None:
        """Run a command on a side once, uncounted; return its outcome.

        None if it failed: that of a command that is measured will be recorded. is_first: see
        ``run_both``.
        """
        sampler = find_sampler(CPU_TIME, pytest=self._sampler.several)
        with scratch.make_folder() as folder:
            if fault := self._prepare(side, folder):
                self.faults.append((side, fault))
                return None
            spec = self._specify(side, arguments)
            is_measured = arguments in self._commands.values()
            spec = sampler.wrap(spec, folder) if is_measured else spec
            spec = replace(spec, cores=list_usable_cores()) if is_first else spec
            with Command(spec, folder, is_watched=True) as command:
                outcome = command.finish()
        result = self._describe(side, outcome)
        if result.status != "ok" and is_measured:
            self.faults.append((side, result))
        return outcome if result.status == "ok" else None

    def _prepare(self, side: str, folder: Path) -> Result | None:
        """Run the command that prepares a process; return the result if it fails."""
        if not self.command_plan.prepare:
            return None
        arguments = shlex.split(self.command_plan.prepare)
        with Command(self._specify(side, arguments), folder) as command:
            outcome = command.finish()
        if outcome.status == "ok":
            return None
        return Result(outcome.status, f"--prepare: {outcome.reason}")

    def _specify(self, side: str, arguments: Sequence[str]) -> CommandSpec:
        """Return how a side runs a command; the end of the budget ends it."""
        cores = self._cores
        if self._sampler.apart:
            cores = list_usable_cores()[-2:]
            cores = cores[:1] if side == BASELINE else cores[-1:]
        return CommandSpec(
            arguments=arguments,
            folder=self._sides[side].folder,
            variables=self._sides[side].variables,
            cores=cores,
            timeout=max(0.0, self.end - now()),
        )

    def _describe(self, side: str, outcome: Outcome) -> Result:
        """Return how a process ended, and what to do if it failed."""
        result = describe_outcome(outcome)
        if outcome.status == "ok":
            self._longest = max(self._longest, outcome.wall_seconds)
            return result
        if outcome.status == "timeout" and outcome.wall_seconds < HANGS * self._longest:
            return result.fail("the budget was over", "interrupted")
        if reason := self._sampler.explain(outcome):
            result = result.fail(reason, outcome.status)
        lacks = re.search(r"No module named '(\w+)", outcome.stderr_tail + outcome.output)
        if lacks and lacks[1] in git.list_modules(self._sides[side].folder):
            result = result.fail(f"{result.reason}. Install each side (--install)", outcome.status)
        return result

    def _read(self, command: str, side: str, outcome: Outcome, folder: Path) -> Result:
        """Return how a process of a command ended, with its values if it succeeded."""
        result = self._describe(side, outcome)
        if outcome.status != "ok":
            return result
        try:
            values = self._sampler.read(outcome, folder)
        except ValueFault as fault:
            return result.fail(str(fault))
        if self.command_plan.more:
            values = dict.fromkeys([command], *values.values())
        return result.add(values=values)

    def _record(self, number: int, side: str, result: Result) -> CommandRecord:
        environment, kind = self._environments[side], self._sampler.prefix
        place = 1 + sum(
            record.version == side and record.trial.startswith(kind) for record in self._records
        )
        identity = {
            "kind": "command",
            "trial": f"p{number}-{side}" if number else f"{kind}{place}-{side}",
            "round": number,
            "case": Subject(self.command_plan.threads),
            "version": side,
            "started": timestamps.format_now(),
        }
        folders = {self._sides[side].folder: "<checkout>"}
        recorder = store.Recorder(self._folder, self.command_plan.run)
        record = recorder.append(identity, environment, result.fields, folders)
        self._records.append(cast("CommandRecord", record))
        return self._records[-1]
