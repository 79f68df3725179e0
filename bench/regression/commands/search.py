"""Find the first commit that makes a command or tests slower, as ``bench bisect`` does."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

from bench.errors import UserError
from bench.regression.commands.measure_commands import compare_commands
from bench.regression.commands.prepare_commands import CommandOptions
from bench.regression.commands.samplers import AUTO
from bench.regression.pairs.plan import Terms
from bench.regression.result import CaseComparison, Reporter
from bench.regression.versions import git


@dataclass(frozen=True, slots=True)
class Step:
    """A commit that was compared with the first one."""

    name: str  # its hash and subject
    case: CaseComparison | None = None  # the worst; None if it was skipped or runs nothing new
    reason: str = ""  # why it was skipped

    @property
    def is_slower(self) -> bool | None:
        """Whether it is slower than the first commit; None if that is not decided."""
        verdicts = {"slower": True, "faster": False, "no change": False}
        if self.case is None:
            return None if self.reason else False
        return verdicts.get(self.case.verdict)


def search_commits(
    terms: Terms,
    options: CommandOptions,
    report: Callable[[Step], None],
    open_progress: Callable[[], AbstractContextManager[Reporter]],
) -> tuple[Step | None, list[Step]]:
    """Return the first slower commit, and those right before it that could not be decided.

    None if the last commit is not slower. terms: its baseline and candidate are the ends of the
    search. report: gets each step. open_progress: yields what gets the progress of a comparison.
    Raises UserError, and KeyboardInterrupt after a signal.
    """
    commits = git.list_commits(str(terms.baseline), terms.candidate)
    if len(commits) < 2:
        raise UserError(
            f"there is no commit after {terms.baseline} up to {terms.candidate}. Name a later one"
        )
    options = replace(options, harness_of=commits[-1][0])
    terms = replace(terms, baseline=commits[0][0])
    steps, slow = dict[int, Step](), set[str]()

    def judge(number: int) -> bool | None:
        nonlocal options, slow
        commit, name = commits[number]
        output = terms.output / str(len(steps) + 1) if terms.output else None
        try:
            with open_progress() as progress:
                given = replace(terms, candidate=commit, progress=progress, output=output)
                comparison = compare_commands(given, options)
        except UserError as error:
            if not slow:
                raise
            steps[number] = Step(name, reason=str(error))
        else:
            if comparison.stopped:
                raise KeyboardInterrupt
            if options.metric == AUTO:
                options = replace(options, metric=comparison.plan.metric)
            cases = comparison.result.ordered_cases
            slow = slow or {case.case for case in cases if case.verdict == "slower"}
            cases = [case for case in cases if case.case in slow] or cases
            steps[number] = Step(name, next(iter(cases), None))
        report(steps[number])
        return steps[number].is_slower

    judge(len(commits) - 1)
    if not slow:
        return None, []
    first, skipped = find_first(len(commits), judge)
    return steps[first], [steps[number] for number in skipped]


def find_first(steps: int, judge: Callable[[int], bool | None]) -> tuple[int, list[int]]:
    """Return the first slower step, and those right before it that could not be decided.

    judge: returns whether a step is slower than step 0, or None. The last step is slower.
    """
    low, high, skipped = 0, steps - 1, set[int]()
    while open_steps := {*range(low + 1, high)} - skipped:
        step = min(open_steps, key=lambda step: abs(2 * step - low - high))
        slower = judge(step)
        if slower is None:
            skipped.add(step)
        low, high = step if slower is False else low, step if slower else high
    return high, [*range(low + 1, high)]
