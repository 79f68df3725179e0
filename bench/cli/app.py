"""The application: its commands, and the one line that an error of the user becomes."""

import importlib
import importlib.metadata
import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, NamedTuple, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup

from bench.errors import UserError, join_lines, suggest_install, suggest_remedy
from bench.runner.host import signals

# The others show and convert.
MEASURING = {"run", "submit", "check", "ab", "gate", "init"}


class Verb(NamedTuple):
    """What ``bench`` lists of a verb, and where it is.

    summary: the first line of its docstring. example: what follows ``softmax-bench``. function: its
    module below bench.cli.verbs, and its name; empty where both have the verb's.
    """

    summary: str
    example: str
    function: str = ""


VERBS = {
    "run": Verb(
        "Measure implementations and write a report.",
        "run --quick --implementation jax --implementation pytorch",
    ),
    "check": Verb(
        "Check that implementations compute the same as the oracle, or check stored runs again.",
        "check ./my_softmax.py",
    ),
    "ab": Verb(
        "Compare two versions of programs in pairs; exit with 1 if the candidate is slower.",
        "ab --base jax==0.9.0 --candidate jax==0.10.2 --implementation jax",
    ),
    "gate": Verb(
        "Compare two versions of a command or of tests; exit with 1 if the candidate is slower.",
        "gate --base main --metric cpu-time --command 'python job.py'",
    ),
    "init": Verb(
        "Measure what a gate detects in your repository, and write its workflow.",
        "init --budget 5m",
    ),
    "submit": Verb(
        "Run a plan on the nodes of a cluster, and write one report over all of them.",
        "submit --nodes 4 --output results/lab -- --quick",
    ),
    "report": Verb(
        "Write reports, CSV and charts of stored runs again, and print one run's tables.",
        "report results/20261129-100345-1c2d",
    ),
    "export": Verb(
        "Print a run in another tool's format; stderr lists what the export lacks.",
        "export results/monday --format pytest-benchmark",
        "records.export",
    ),
    "merge": Verb(
        "Merge the parts of a run; several runs get a folder each.",
        "merge part1 part2 --output results/whole",
        "records.merge",
    ),
    "list": Verb(
        "List the implementations and the installed versions of their frameworks.",
        "list",
        "list.list_implementations",
    ),
    "machine": Verb(
        "Describe this machine and what would disturb a run on it, or what works on its GPU.",
        "machine --gpu",
    ),
    "data": Verb(
        "Print where the data are, their hashes, and the shapes of the arrays.",
        "data",
        "data.show_data",
    ),
}
# The page of docs/ for each verb.
PAGES = dict.fromkeys(("run", "report", "data"), "methodology")
PAGES |= {"gate": "gate/reference", "init": "gate/start", "check": "parity", "ab": "framework"}
PAGES |= {"machine": "gpu", "merge": "design", "list": "adding-an-implementation"}
PAGES |= {"export": "records", "submit": "cluster"}
# What to use in place of a verb or an option that a command line does not have: it was retired, or
# another verb has it.
RETIRED = dict.fromkeys(
    ("--command", "--pytest", "--metric", "--prepare"),
    "commands and tests are measured by softmax-bench gate. Write gate instead of ab",
)
RETIRED |= dict.fromkeys(
    ("--base-env", "--candidate-env"),
    "variables of one side are options of softmax-bench ab",
)
RETIRED |= {
    "compare": "runs of different hours do not decide. Use softmax-bench report A B --output DIR "
    "to see both, and softmax-bench ab to decide",
    "--trace": "a run traces nothing any more. Call the framework's own profiler, such as "
    "torch.profiler, in a script of your own",
    "--profile": "gate runs no profiler. Run each version under one of your own, as in python -m "
    "cProfile -s tottime job.py",
    "bisect": "git searches commits. Run softmax-bench gate in git bisect run, as "
    "docs/gate/reference.md shows",
}
# What verbs need beyond the dependencies of bench gate, and the extra that has it.
EXTRAS = dict.fromkeys(("pandas", "scipy", "requests", "urllib3"), "measure")
EXTRAS |= dict.fromkeys(("cloudpickle", "submitit"), "cluster")


class Command(TyperCommand):
    """A verb, whose help has no type beside an option that takes no value."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the options, also that of the help."""
        return hide_types(super().get_params(ctx))


class Verbs(TyperGroup):
    """The verbs, of which the one that is used is imported."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the options, also those of the help and of completion."""
        return hide_types(super().get_params(ctx))

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[Any, ...]:
        """Return the verb that the arguments name, with its options. Raises UserError."""
        name, _, rest = super().resolve_command(ctx, args)
        # A shell completes words of a verb that does not exist.
        return name, None if name is None else load_verb(name), rest


def hide_types(params: list[Any]) -> list[Any]:
    """Return options, where Typer writes no <bool> beside one without a value."""
    for param in params:
        if getattr(param, "is_flag", False):
            param.metavar = ""
    return params


app = typer.Typer(
    cls=Verbs,
    name="bench",
    add_completion=Path(sys.argv[0]).parts[-2:] != ("bench", "__main__.py"),  # no shell can
    epilog=f"Example: softmax-bench {VERBS['run'].example}",
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
for _name, _verb in VERBS.items():
    _panel = "Measure" if _name in MEASURING else "Show and convert"
    app.command(_name, rich_help_panel=_panel, help=_verb.summary)(lambda: None)


def import_function(name: str) -> Any:
    """Import a verb and return its function."""
    module, _, function = (VERBS[name].function or f"{name}.{name}").partition(".")
    return getattr(importlib.import_module(f"bench.cli.verbs.{module}"), function)


def load_verb(name: str) -> Any:
    """Import a verb and return its command."""
    alone = typer.Typer(add_completion=False, rich_markup_mode="rich")
    epilog = f"Example: softmax-bench {VERBS[name].example}\n\nMore: docs/{PAGES[name]}.md"
    alone.command(name, cls=Command, epilog=epilog)(import_function(name))
    return typer.main.get_command(alone)


def _print_version(value: bool) -> None:  # noqa: FBT001 - Typer calls it
    if value:
        print(f"softmax-bench {importlib.metadata.version('softmax-bench')}")
        raise typer.Exit


@app.callback()
def bench(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_print_version,
            is_eager=True,
            help="Print the version and exit.",
        ),
    ] = False,
) -> None:
    """Measure one softmax classifier in many machine-learning frameworks."""


def main(command: typer.Typer | None = None) -> NoReturn:
    """Run a command line, ``bench`` by default, and exit; an error is one line."""
    try:
        _run(command)
    except Exception as error:  # noqa: BLE001 - any other status means something else
        try:
            number, place = tempfile.mkstemp(".txt", "softmax-bench-fault-")
            with os.fdopen(number, "w", encoding="utf-8") as file:
                traceback.print_exc(file=file)
        except OSError:  # there is no room for a file
            place = traceback.format_exc()
        fault = f"a fault of the suite ({type(error).__name__})"
        _fail(f"{fault}: {place} has the details. Please report it", 5)


def _run(command: typer.Typer | None) -> NoReturn:
    if sys.platform == "win32":
        _fail("Windows is not supported. Use Linux, macOS or WSL")
    _open_missing_streams()
    signals.install()
    try:
        _refuse_empty_words(sys.argv[1:])
        words = sys.argv[1:] or ([] if command else ["--help"])
        status = (command or app)(words, standalone_mode=False)
    except UserError as error:
        _fail(str(error))
    except typer.TyperException as error:
        # Of a wrong value, the option is one that the verb has.
        verb = "" if hasattr(error, "param") else next(iter(words), "")
        name = getattr(error, "option_name", verb)
        message = error.format_message().replace("Value error, ", "")  # pydantic's prefix
        _fail(RETIRED.get(name, message))
    except OSError as error:
        file = os.fsdecode(error.filename) if error.filename else "the system"
        remedy = suggest_remedy(error, "Choose another file or fix its permissions")
        _fail(f"{file}: {error.strerror}. {remedy}")
    except (MemoryError, ImportError) as error:
        _fail(_explain_library(error))
    except (KeyboardInterrupt, typer.Abort):
        status = 130
    except SystemExit as exit_:  # Typer exits with 1 when stdout is closed.
        status = 128 + signal.SIGPIPE if exit_.code == 1 else 0
    # Typer makes 130 of every signal.
    sys.exit(signals.get_exit_status() or (status if isinstance(status, int) else 0))


def _explain_library(error: MemoryError | ImportError) -> str:
    """Return what is wrong with a library, and what to do; raises it where the fault is ours."""
    if isinstance(error, ModuleNotFoundError):
        if error.name not in EXTRAS:
            raise error
        extra = EXTRAS[error.name]
        return f"this needs {error.name}, which is not installed: {suggest_install(extra)}"
    # A library may not fit into the memory, either.
    return (
        f"the memory is used up, or a library is damaged: {str(error) or 'MemoryError'}. Raise the "
        "limit (ulimit -v) or install it anew, and add --resume to go on with a run"
    )


def _open_missing_streams() -> None:
    """Open /dev/null for standard streams that are closed, as cron and daemons leave them.

    Otherwise the next file gets the number of the stream, and what is printed lands in it.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            stream = Path(os.devnull).open(mode, encoding="utf-8")  # noqa: SIM115 - until the end
            setattr(sys, name, stream)
        elif mode == "w":
            getattr(sys, name).reconfigure(errors="replace")  # not every locale has a µ


def _refuse_empty_words(words: Sequence[str]) -> None:
    """Raise UserError for an empty value, which an unset variable of a script leaves.

    As a path it would be the current folder.
    """
    for before, word in pairwise(("", *words)):
        option, equals, value = word.partition("=")
        if not word or (option.startswith("--") and equals and not value):
            name = option or before
            raise UserError(f"{name or 'an argument'} is empty. Give a value, or leave it out")


def _fail(message: str, status: int = 2) -> NoReturn:
    with suppress(OSError):  # nobody reads it any more
        print(f"softmax-bench: {join_lines(message)}", file=sys.stderr)
    sys.exit(status)
