"""The options of the command line: how each is named and explained, and how its text is read."""

import re
from collections.abc import Callable, Collection, Iterable
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from bench.errors import UserError
from bench.records.schema import MAX_INT, MAX_SECONDS
from bench.regression.commands.samplers import list_metrics

# Options by the panel of the help that they are in.
cases_option = partial(typer.Option, rich_help_panel="What to measure")
measuring_option = partial(typer.Option, rich_help_panel="How to measure")
verdict_option = partial(typer.Option, rich_help_panel="What counts as slower")
files_option = partial(typer.Option, rich_help_panel="Data and results")
versions_option = partial(typer.Option, rich_help_panel="Versions")


# Typer takes a plain tuple for an option with several values, but not a class of its own.
class Numbers(tuple[int, ...]):
    """Whole numbers in the order given, each once. Of threads 0 stands for every core."""

    __slots__ = ()


class Names(tuple[str, ...]):
    """Names in the order given, each once."""

    __slots__ = ()


class Tolerances(dict[str, float]):
    """Shares by the names of benchmarks; that of all others by an empty name."""

    __slots__ = ()


def parse_tolerance(text: str | float) -> float:
    """Read a share such as 2% or 0.02; raise BadParameter outside of 0 to 50 %."""
    match = re.fullmatch(r"(\d+(?:\.\d*)?|\.\d+)(%?)", str(text).strip())
    share = float(match[1]) / (100 if match[2] else 1) if match else -1.0
    if not 0 <= share <= 0.5:
        raise typer.BadParameter("give a share from 0% to 50%, such as 2%")
    return share


def parse_tolerances(text: str) -> Tolerances:
    """Read a share, or one with the name of a benchmark; raise BadParameter."""
    name, _, share = text.rpartition("=")
    return Tolerances({name.strip(): parse_tolerance(share)})


def join_tolerances(given: Iterable[Tolerances] | None) -> dict[str, float]:
    """Return the shares of all occurrences of the option, by name; that of all by an empty one."""
    return {name: share for tolerances in given or () for name, share in tolerances.items()}


def parse_duration(text: str | float) -> float:
    """Return the seconds of a time such as 90s, 10m, 1.5h or 90; raise BadParameter."""
    match = re.fullmatch(r"(\d{1,6}(?:\.\d*)?)([smh]?)", str(text).strip())
    seconds = float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]] if match else 0.0
    if not 1 <= seconds <= MAX_SECONDS:
        raise typer.BadParameter("give a time from 1s to 168h, such as 90s, 10m or 2h")
    return seconds


def parse_numbers(text: str, example: str = "8,32,128") -> Numbers:
    """Read whole numbers such as 32 or 8,32,128; raise BadParameter."""
    parts = [part.strip() for part in text.split(",")]
    if not all(re.fullmatch(r"[0-9]{1,10}", part) and 0 < int(part) <= MAX_INT for part in parts):
        raise typer.BadParameter(
            f"give a whole number from 1 to {MAX_INT}, or several such as {example}"
        )
    return Numbers(dict.fromkeys(map(int, parts)))


def parse_threads(text: str) -> Numbers:
    """Read numbers of threads, where ``all`` becomes 0; raise BadParameter."""
    parts = [part.strip() for part in text.split(",")]
    return Numbers(
        dict.fromkeys(n for p in parts for n in ([0] if p == "all" else parse_numbers(p, "1,all")))
    )


def parse_thread_count(text: str | int) -> int:
    """Read one number of threads, where ``all`` becomes 0; raise BadParameter."""
    threads = parse_threads(str(text))
    if len(threads) > 1:
        raise typer.BadParameter("give one number of threads, or all")
    return threads[0]


def make_parser(*names: str) -> Callable[[str], Names]:
    """Return a function that reads these names, with commas in between; it raises BadParameter."""

    def parse(text: str) -> Names:
        chosen = Names(dict.fromkeys(part.strip() for part in text.split(",")))
        if set(chosen) - set(names):
            raise typer.BadParameter(f"choose from {', '.join(names)}, with commas between several")
        return chosen

    return parse


parse_devices = make_parser("cpu", "gpu")
parse_gates = make_parser("import", "memory", "first-epoch", "set-up", "predict")
parse_allowed = make_parser("same-code", "missing", "nothing")


def parse_workloads(text: str) -> Names:
    """Read names of workloads, of which ``many`` stands for several; raise BadParameter."""
    from bench.worker.workloads import MANY_WORKLOADS, is_workload

    parts = [part.strip() for part in text.split(",")]
    several = [MANY_WORKLOADS if part == "many" else (part,) for part in parts]
    names = Names(dict.fromkeys(name for group in several for name in group))
    if not all(map(is_workload, names)):
        raise typer.BadParameter("choose from sgd, textbook, many or many-N, with commas between")
    return names


def join_names(options: Iterable[Names] | None) -> tuple[str, ...]:
    """Return the names of all occurrences of an option, each once."""
    return tuple(dict.fromkeys(name for names in options or () for name in names))


def refuse_others(ctx: typer.Context, reason: str, allowed: Collection[str]) -> None:
    """Raise UserError if the command line has other options than the known ones."""
    sources = {
        option.opts[0]: ctx.get_parameter_source(option.name or "") for option in ctx.command.params
    }
    given = [name for name, source in sources.items() if source and source.name == "COMMANDLINE"]
    if others := [name for name in given if name not in allowed]:
        raise UserError(f"{reason}. Leave out {' and '.join(others)}")


def complete_implementation(incomplete: str) -> list[str]:
    """Return the implementations whose names begin with a text."""
    from implementations import IMPLEMENTATIONS, MANY

    programs = (*IMPLEMENTATIONS, *MANY)
    return [entry.name for entry in programs if entry.name.startswith(incomplete)]


def duration(help_text: str, *, show_default: bool = False) -> Any:
    """Return an option with a time."""
    return measuring_option(
        metavar="TIME",
        parser=parse_duration,
        help=help_text,
        show_default=show_default,
    )


def implementations(metavar: str, help_text: str) -> Any:
    """Return an option with names of implementations, which a shell completes."""
    return cases_option(metavar=metavar, help=help_text, autocompletion=complete_implementation)


def env(help_text: str) -> Any:
    """Return an option with environment variables."""
    return measuring_option(
        metavar="NAME=VALUE", help=f"{help_text} Repeat the option for several."
    )


PresetName = Literal["default", "quick", "layers", "publish", "share"]

ImplementationsOrFiles = Annotated[
    list[str] | None,
    implementations(
        "NAME|FILE",
        "Measure this implementation, or your own file; its code runs with your rights. Repeat the "
        "option for several. Default: all but those that --layers adds.",
    ),
]
OneWorkload = Annotated[
    Literal["sgd", "textbook"],
    cases_option(
        help="Measure minibatch training as in this suite (sgd) or as in the textbook.",
    ),
]
Device = Annotated[
    Literal["cpu", "gpu"],
    cases_option(help="Compute on this device."),
]
BatchSize = Annotated[
    int | None,
    cases_option(
        metavar="N",
        min=1,
        max=MAX_INT,
        help="Use this number of images per training step. Default: the workload's.",
    ),
]
SampleCount = Annotated[
    int | None,
    cases_option(
        metavar="N",
        min=1,
        max=MAX_INT,
        help="Train on this number of images per epoch. Shorter epochs find smaller changes. "
        "Default: all training images.",
    ),
]
ThreadCount = Annotated[
    int,
    cases_option(
        metavar="N|all",
        parser=parse_thread_count,
        help="Compute with this number of threads.",
    ),
]
Data = Annotated[
    str | None,
    files_option(
        metavar="DIR|digits",
        help="Use the four IDX files in this folder, or scikit-learn's small digits. "
        "Default: Fashion-MNIST, which is downloaded once.",
    ),
]
Pythons = Annotated[
    list[str] | None,
    measuring_option(
        metavar="FRAMEWORK=EXECUTABLE",
        help="Run this framework with its own Python, such as torch=env/bin/python. "
        "Repeat the option for several.",
    ),
]
Env = Annotated[
    list[str] | None,
    env(
        "Set this environment variable for every process that is measured. Its value is recorded.",
    ),
]
Timeout = Annotated[
    float,
    duration(
        "Stop a process that takes longer than this: seconds, or a time such as 10m.",
        show_default=True,
    ),
]
Tolerance = Annotated[
    float,
    verdict_option(
        metavar="SHARE",
        parser=parse_tolerance,
        help="Ignore differences smaller than this share. Default: 2%.",
        show_default=False,
    ),
]
FailOn = Annotated[
    Literal["slower", "undecided", "never"],
    verdict_option(
        help="Exit with status 1 for a slower candidate only, for an undecided case too, or, where "
        "a slowdown is wanted, for neither.",
    ),
]
Verbose = Annotated[
    bool, verdict_option("--verbose", help="Print by which rule the verdicts are reached, too.")
]
Output = Annotated[
    Path | None,
    files_option(
        metavar="DIR",
        help="Write the records to this folder. Default: a new one in results/; ab and gate take "
        "one in the user's cache, unless they run in this suite's own folder.",
    ),
]
OutputFormat = Annotated[
    Literal["table", "markdown", "json", "github"],
    files_option(
        "--format",
        metavar="FORMAT",
        help="Print the result as table, markdown, json or github (annotations of a pull request).",
    ),
]

# ----- of the verbs that compare in pairs

Command = Annotated[
    str | None,
    cases_option(
        metavar="COMMAND",
        help="Measure this command, in the folder and the environment of each version; no shell "
        "reads it.",
    ),
]
Commands = Annotated[
    list[str] | None,
    cases_option(
        "--command",
        metavar="COMMAND",
        help="Measure this command, in the folder and the environment of each version; no shell "
        "reads it. Repeat the option for several, which are judged together.",
    ),
]
Pytest = Annotated[
    str | None,
    cases_option(
        metavar="ARGUMENTS",
        help="Measure tests of pytest-benchmark or CodSpeed, which pytest finds with these "
        "arguments, such as tests/bench_x.py; judge the minimum of each with --metric time, or the "
        "mean of its CPU time with cpu-time.",
    ),
]
Metric = Annotated[
    str,
    cases_option(
        metavar="METRIC",
        help="Judge one of these: "
        + ", ".join(f"{words} ({name})" for name, words in list_metrics().items())
        + ". Less is better. Default: cpu-time for what computes rather than waits, else time.",
        show_default=False,
    ),
]
Prepare = Annotated[
    str,
    measuring_option(
        metavar="COMMAND",
        help="Run this before each process, untimed.",
        show_default=False,
    ),
]
Harness = Annotated[
    list[str] | None,
    versions_option(
        metavar="PATH",
        help="Take this file or folder of the candidate on both sides, such as its benchmarks. "
        "Repeat the option for several.",
    ),
]
BaseVersion = Annotated[
    str,
    versions_option(
        "--base",
        metavar="VERSION",
        help="Compare with this version: a git revision or a folder. Its code runs with your "
        "rights. softmax-bench ab also takes a Python, a virtual environment, a .py file, or "
        "packages as pip takes them (tool==1.0, a wheel or its URL, name @ git+URL); its folders "
        "have the modules that your file finds first, and without --base it compares --base-env "
        "with --candidate-env. pip's own variables hold, such as PIP_INDEX_URL and PIP_PRE.",
        show_default=False,
    ),
]
CandidateVersion = Annotated[
    str,
    versions_option(
        metavar="VERSION",
        help="Judge this version, named in the same ways; . is the working tree.",
    ),
]
Install = Annotated[
    bool,
    versions_option(
        "--install",
        help="Let pip build both revisions of the current repository, each into an environment of "
        "its own.",
    ),
]
Additions = Annotated[
    list[str] | None,
    versions_option(
        "--with",
        metavar="PACKAGE",
        help="Install this on both sides, too: a package as pip takes it, or with --install an "
        "extra (extra:NAME) or a dependency group (group:NAME) of the project. Repeat the option "
        "for several.",
    ),
]
# Of ``gate`` and ``init``, whose benchmarks may have their own.
BenchmarkTolerances = Annotated[
    list[Tolerances] | None,
    verdict_option(
        metavar="[NAME=]SHARE",
        parser=parse_tolerances,
        help="Ignore differences smaller than this share, or those of one benchmark, as in "
        "test_x=15%. Repeat the option for several. Default: 2%.",
    ),
]
PairBudget = Annotated[
    float,
    duration(
        "Measure for at most this time, which all cases share. The first processes, which do not "
        "count, and the last pair are inside; checkouts and --install are not. Default: 3m."
    ),
]
Allow = Annotated[
    list[Names] | None,
    verdict_option(
        metavar="NAME,NAME,…",
        parser=parse_allowed,
        help="Allow what else ends the comparison: both sides are equal (same-code), the "
        "candidate lacks what the base has and --implementation does not name (missing), or "
        "nothing differs, or only one side has what is measured (nothing).",
    ),
]
