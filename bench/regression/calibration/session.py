"""Compare versions with themselves, with and without an injected slowdown, as ``bench ab`` does.

A session is a loop of whole comparisons, each with its own folder of plan, looks and records. So
its decisions share no pair, and those that were finished before a session was killed are kept.
"""

import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path

import msgspec

from bench.errors import UserError
from bench.records import store
from bench.records.layout import COMPARISON_PLAN
from bench.records.schema import BasePlan, Case, Seconds, Slowdown, Value
from bench.regression.paired import measure_pairs
from bench.regression.paired.prepare import CaseOptions, PreparedComparison, prepare_comparison
from bench.regression.pairs.plan import CANDIDATE, Progress, Step, Terms
from bench.regression.result import CaseComparison
from bench.regression.versions import git
from bench.runner.host import machine as machines
from bench.worker import machine
from bench.worker.measure import now

TREE = "."
SAME_PLACE = "no git checkout: both sides run in one place, which hides what differs between places"
# Appended to the candidate's file: an injected slowdown is a change of the source, as a real one.
SLOWED = """
from bench.worker.slowdown import slow_down
Trainer = slow_down(Trainer, share={share!r}, every={every!r})
"""


class CalibrationPlan(BasePlan, frozen=True, kw_only=True):
    """The plan of one session of ``bench calibrate``, as it is stored.

    budget: seconds of the session. decision_budget: seconds of each comparison.
    """

    cases: tuple[Case, ...]
    slowdowns: tuple[Slowdown, ...]
    budget: Seconds
    decision_budget: Seconds


class Decision(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a comparison was designed, written when it is over.

    slowdown: injected into the candidate. swapped: the labels of the two places. conditions: of
    the machine during the comparison, see ``bench.runner.host.machine.compare_readings``.
    """

    slowdown: Slowdown | None
    swapped: bool
    conditions: dict[str, Value | None]


def describe_slowdown(slowdown: Slowdown | None) -> str:
    """Return what was injected into the candidate."""
    if slowdown is None:
        return "nothing"
    share = f"{100 * slowdown.share:g} %"
    return share if slowdown.every == 1 else f"{share} in one epoch of {slowdown.every}"


def generate_designs(plan: CalibrationPlan) -> Iterator[tuple[Case, Slowdown | None, bool]]:
    """Yield the case, the slowdown and whether labels are swapped, of comparisons without end.

    Rounds of all cases in random order. Every second round injects a slowdown, if there are any;
    those take turns. A coin swaps the labels of each comparison.
    """
    coins = secrets.SystemRandom()
    for turn in count():
        slowdown = None
        if plan.slowdowns and turn % 2:
            slowdown = plan.slowdowns[turn // 2 % len(plan.slowdowns)]
        for case in coins.sample(plan.cases, len(plan.cases)):
            yield case, slowdown, coins.choice((False, True))


def measure_session(
    folder: Path, plan: CalibrationPlan, options: CaseOptions, progress: Progress
) -> None:
    """Make comparisons while a whole one fits into the budget, and at least one.

    Time alone ends a session, so no result decides whether it counts. options: their names are
    replaced by those of the plan's cases. The caller has the host's lock. Raises UserError if a
    case differs between the two places.
    """
    end = now() + plan.budget
    for number, (case, slowdown, swapped) in enumerate(generate_designs(plan), 1):
        if number > 1 and end - now() < plan.decision_budget:
            return
        before = machines.read_conditions()
        heading = (
            f"decision {number}: {case.implementation}, {describe_slowdown(slowdown)} injected"
        )
        progress(Step(f"{heading}; {max(0.0, end - now()):.0f} s left"))
        with _prepare(case, slowdown, plan, options, swapped=swapped) as comparison:
            path = folder / f"{number:04}"
            store.create_run(path, comparison.plan, COMPARISON_PLAN)
            given = path, comparison.plan, comparison.data, comparison.installations
            measure_pairs.measure(*given, partial(_report, progress, number))
        conditions = machines.compare_readings(before, machines.read_conditions())
        store.save_decision(path, Decision(slowdown, swapped, conditions))


def _report(progress: Progress, number: int, event: str | CaseComparison) -> None:
    """Report the steps of a comparison as those of a decision; the verdicts come at the end."""
    if isinstance(event, str):
        progress(Step(f"decision {number}: {event}"))


@contextmanager
def _prepare(
    case: Case,
    slowdown: Slowdown | None,
    plan: CalibrationPlan,
    options: CaseOptions,
    *,
    swapped: bool,
) -> Iterator[PreparedComparison]:
    """Yield a comparison of a case with itself in two places, built as ``bench ab`` builds them.

    A user's own file is copied to two folders. An implementation of the suite is that of the
    commit HEAD, unpacked anew, and that of the working tree; outside of a git checkout both are
    the installed one.
    """
    with tempfile.TemporaryDirectory(prefix="softmax-bench-") as name:
        scratch, names, places = Path(name), [case.implementation], find_places()
        if case.file is not None:
            names = []  # two files say what is measured
            places = _copy_file(case, scratch / "a"), _copy_file(case, scratch / "another/place")
        baseline, candidate = places[::-1] if swapped else places
        if slowdown and case.file is not None:
            _append_slowdown(Path(candidate), slowdown)
        terms = Terms(
            baseline=baseline,
            candidate=candidate,
            command=plan.command,
            progress=lambda _: None,
            tolerance=0.0,  # a tolerance would hide false alarms
            budget=plan.decision_budget,
            allowed={"same-code"},
        )
        cases = replace(options, implementations=tuple(names))
        with prepare_comparison(terms, cases) as comparison:
            if case.implementation in comparison.changed or not comparison.plan.pairings:
                raise UserError(
                    f"{case.implementation} differs between HEAD and the working tree, so this is "
                    "no comparison with itself. Commit or stash the change"
                )
            if slowdown and case.file is None:
                yield _slow_down_candidate(comparison, slowdown, scratch)
            else:
                yield comparison


def find_places() -> tuple[str, str]:
    """Return the versions that stand for one implementation of the suite in two places."""
    return ("HEAD", TREE) if git.find_repository() == machine.ROOT else (TREE, TREE)


def _copy_file(case: Case, folder: Path) -> str:
    """Copy a user's own file, with the files that it imports; return the copy's path."""
    source = Path(str(case.file))
    for name in (source.name, *case.siblings):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source.parent / name, folder / name)
    return str(folder / source.name)


def _slow_down_candidate(
    comparison: PreparedComparison, slowdown: Slowdown, scratch: Path
) -> PreparedComparison:
    """Return the comparison with a copy of the candidate's implementations that is slower."""
    installation = comparison.installations[CANDIDATE]
    folder = scratch / "slowed" / "implementations"
    shutil.copytree(
        installation.implementations, folder, ignore=shutil.ignore_patterns("__pycache__")
    )
    module = comparison.plan.pairings[0].candidate.module
    _append_slowdown(folder.joinpath(*module.split(".")).with_suffix(".py"), slowdown)
    slowed = replace(installation, implementations=folder)
    installations = {**comparison.installations, CANDIDATE: slowed}
    return replace(comparison, installations=installations)


def _append_slowdown(path: Path, slowdown: Slowdown) -> None:
    source = path.read_text(encoding="utf-8")
    slowed = SLOWED.format(share=slowdown.share, every=slowdown.every)
    path.write_text(source + slowed, encoding="utf-8")
