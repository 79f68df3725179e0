"""Compare versions with themselves, and count how often ``bench ab`` is wrong on this machine.

``python docs/studies/calibrate.py --implementation numpy --for 1h`` makes whole comparisons, with
and without an injected slowdown, each with its own folder of plan, looks and records. So its
decisions share no pair, and those that were finished before it was killed are kept. ``--show
--calibrations FOLDER`` prints what was counted. ``bench compare`` and ``ab`` judge by what lies in
the default folder of this machine.
"""

import re
import secrets
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Annotated

import typer

sys.path.append(str(Path(__file__).parents[1]))
from studies.decisions import build_calibration_output, describe_slowdown

from bench.cli import app, options
from bench.cli.console import print_comparison, stderr
from bench.cli.verbs import pairs
from bench.errors import UserError
from bench.planning.cases import find_implementation
from bench.records import jsonl, store
from bench.records.files import write_file
from bench.records.layout import CALIBRATION_PLAN, COMPARISON_PLAN, DECISION
from bench.records.schema import FORMAT, Case, Slowdown
from bench.regression.pairs.loop import hold_host
from bench.regression.pairs.plan import CANDIDATE, Terms
from bench.regression.programs import measure_pairs
from bench.regression.programs.comparison_plan import PROCESS_TIMEOUT
from bench.regression.programs.prepare import (
    CaseOptions,
    PreparedComparison,
    prepare_comparison,
    prepare_size,
)
from bench.regression.result import CaseComparison, Reporter
from bench.regression.stored.calibrations import (
    CalibrationPlan,
    Calibrations,
    Design,
    load_calibrations,
    locate_calibrations,
)
from bench.regression.versions import git
from bench.runner.events import Transient
from bench.runner.host import machine as machines
from bench.runner.process import preflight
from bench.worker import machine
from bench.worker.measure import now
from implementations import IMPLEMENTATIONS

TREE = "."
SAME_PLACE = "no git checkout: both sides run in one place, which hides what differs between places"
SHOW_OPTIONS = {"--show", "--format", "--calibrations"}
# Appended to the candidate's file, with slowdown.py before it: an injected slowdown is a change of
# the source, as a real one.
SLOWED = "\nTrainer = slow_down(Trainer, share={share!r}, every={every!r})\n"


# Typer takes a plain tuple for an option with several values, but not a class of its own.
class Slowdowns(tuple[Slowdown, ...]):
    """Slowdowns to inject."""

    __slots__ = ()


def parse_slowdowns(text: str) -> Slowdowns:
    """Read slowdowns such as 5% or 5%,20%/5, or none; raise BadParameter."""
    slowdowns = []
    for part in () if text == "none" else text.split(","):
        share, slash, every = part.strip().partition("/")
        if slash and not re.fullmatch(r"[1-9][0-9]?", every):
            raise typer.BadParameter("give 1 to 99 after /, as in 20%/5 for every fifth epoch")
        slowdowns.append(Slowdown(options.parse_share(share), int(every or 1)))
    return Slowdowns(dict.fromkeys(slowdowns))


def calibrate(
    ctx: typer.Context,
    implementation: Annotated[
        list[str] | None,
        options.implementations(
            "NAME", "Measure this implementation. Repeat the option for several. Default: all."
        ),
    ] = None,
    samples: options.SampleCount = None,
    inject: Annotated[
        Slowdowns,
        options.cases_option(
            metavar="SHARE[/N],…|none",
            parser=parse_slowdowns,
            help="Slow the candidate down by these shares. 20%/5 slows down every fifth epoch.",
        ),
    ] = "2%,5%",
    budget: Annotated[
        float,
        options.duration(
            "Measure each comparison for at most this time, as in softmax-bench ab. Default: 3m."
        ),
    ] = 180,
    duration: Annotated[
        float,
        options.duration("Make comparisons for this time, such as 2h. Default: 30m.", "--for"),
    ] = 1800,
    show: Annotated[
        bool,
        options.measuring_option(
            "--show",
            help="Measure nothing: print what earlier calibrations found.",
        ),
    ] = False,
    style: options.OutputFormat = "table",
    data: options.Data = None,
    calibrations: Annotated[
        Path | None,
        options.files_option(
            metavar="DIR",
            help="Folder of this machine's calibrations. Default: one in your user data folder.",
        ),
    ] = None,
) -> None:
    """Count how often softmax-bench ab is wrong on this machine, and which slowdowns it finds."""
    folder = calibrations or locate_calibrations(str(machines.describe()["id"]))
    if show and calibrations is not None and not calibrations.is_dir():
        raise UserError(f"there is no folder {calibrations}. Give one that holds calibrations")
    status = 0
    if show:
        options.refuse_others(ctx, "--show measures nothing", SHOW_OPTIONS)
    else:
        run, created = store.make_run_name()
        case_options = CaseOptions(tuple(implementation or ()), data=data, samples=samples)
        plan = CalibrationPlan(
            format=FORMAT,
            run=run,
            command=f"python docs/studies/calibrate.py {shlex.join(sys.argv[1:])}",
            created=created,
            seed=None,
            cases=select_cases(case_options),
            slowdowns=inject,
            budget=duration,
            timeout=PROCESS_TIMEOUT,
            data_source=data,
            decision_budget=budget,
        )
        store.create_run(folder / run, plan, CALIBRATION_PLAN)
        if find_places() == (TREE, TREE):
            stderr.print(SAME_PLACE)
        with pairs.reporting() as progress:
            given = folder / run, plan, case_options, progress
            status = hold_host(progress, partial(measure_session, *given))
        session = Calibrations()
        session.add_session(folder / run)
        verdicts = {decision.verdict for decision in session.decisions}
        if not status and verdicts & {"failed", "wrong"}:
            status = 3
    print_comparison(build_calibration_output(load_calibrations(folder)), style)
    raise typer.Exit(status)


def select_cases(options: CaseOptions) -> tuple[Case, ...]:
    """Return the named implementations, or all registered ones, at one size."""
    names = dict.fromkeys(options.implementations or (entry.name for entry in IMPLEMENTATIONS))
    fill = prepare_size(options)
    return tuple(fill(find_implementation(name, preflight.inspect)) for name in names)


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
    folder: Path, plan: CalibrationPlan, options: CaseOptions, progress: Reporter
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
        progress(Transient(f"{heading}; {max(0.0, end - now()):.0f} s left"))
        with _prepare(case, slowdown, plan, options, swapped=swapped) as comparison:
            path = folder / f"{number:04}"
            store.create_run(path, comparison.plan, COMPARISON_PLAN)
            given = path, comparison.plan, comparison.data, comparison.installations
            measure_pairs.measure_programs(*given, partial(_report, progress, number))
        conditions = machines.compare_readings(before, machines.read_conditions())
        # Last: it marks the comparison as finished.
        design = Design(slowdown, swapped, conditions)
        write_file(path / DECISION, jsonl.encode_json(design))


def _report(progress: Reporter, number: int, event: str | CaseComparison) -> None:
    """Report the steps of a comparison as those of a decision; the verdicts come at the end."""
    if isinstance(event, str):
        progress(Transient(f"decision {number}: {event}"))


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
    study = Path(__file__).with_name("slowdown.py").read_text(encoding="utf-8")
    with path.open("a", encoding="utf-8") as file:
        file.write(f"\n{study}{SLOWED.format(share=slowdown.share, every=slowdown.every)}")


def main() -> None:
    """Run the command line; an error of the user is one line, as in ``bench``."""
    command = typer.Typer(add_completion=False, rich_markup_mode="rich")
    command.command()(calibrate)
    app.main(command)


if __name__ == "__main__":
    main()
