"""The application: its commands, and the one line that an error of the user becomes."""

import importlib.metadata
import os
import signal
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from bench.cli.verbs import (
    ab,
    calibrate,
    check,
    compare,
    data,
    gate,
    machine,
    records,
    report,
    run,
)
from bench.cli.verbs.list import list_implementations
from bench.errors import UserError, join_lines, suggest_remedy
from bench.runner.host import signals

app = typer.Typer(
    name="bench",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
MEASURE = "Measure"
SHOW = "Show and convert"
app.command(rich_help_panel=MEASURE)(run.run)
app.command(rich_help_panel=MEASURE)(check.check)
app.command(rich_help_panel=MEASURE)(ab.ab)
app.command(rich_help_panel=MEASURE)(gate.gate)
app.command(rich_help_panel=MEASURE)(calibrate.calibrate)
app.command(rich_help_panel=SHOW)(report.report)
app.command(rich_help_panel=SHOW)(compare.compare)
app.command(rich_help_panel=SHOW)(records.export)
app.command(rich_help_panel=SHOW)(records.merge)
app.command("list", rich_help_panel=SHOW)(list_implementations)
app.command(rich_help_panel=SHOW)(machine.machine)
app.command("data", rich_help_panel=SHOW)(data.show_data)


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
            metavar="",
            callback=_print_version,
            is_eager=True,
            help="Print the version and exit.",
        ),
    ] = False,
) -> None:
    """Measure one softmax classifier in many machine-learning frameworks."""


def main() -> NoReturn:
    """Run the command line and exit; print an error of the user as one line on stderr."""
    if sys.platform == "win32":
        _fail("Windows is not supported. Use Linux, macOS or WSL")
    _open_missing_streams()
    signals.install()
    try:
        _refuse_empty_words(sys.argv[1:])
        if sys.argv[1:] == ["list"]:  # Typer would load pydantic first, which takes 0.1 s
            list_implementations()
            status = 0
        else:
            status = app(standalone_mode=False)
    except UserError as error:
        _fail(str(error))
    except typer.TyperException as error:
        _fail(error.format_message().replace("Value error, ", ""))  # pydantic's prefix
    except OSError as error:
        file = os.fsdecode(error.filename) if error.filename else "the system"
        remedy = suggest_remedy(error, "Choose another file or fix its permissions")
        _fail(f"{file}: {error.strerror}. {remedy}")
    except ModuleNotFoundError:
        raise
    except (MemoryError, ImportError) as error:  # a library may not fit, either
        _fail(
            f"the memory is used up, or a library is damaged: {error or 'MemoryError'}. Raise the "
            "limit (ulimit -v) or install it anew, and add --resume to go on with a run"
        )
    except (KeyboardInterrupt, typer.Abort):
        status = 130
    except SystemExit as exit_:  # Typer exits with 1 when stdout is closed.
        status = 128 + signal.SIGPIPE if exit_.code == 1 else 0
    # Typer makes 130 of every signal.
    sys.exit(signals.get_exit_status() or (status if isinstance(status, int) else 0))


def _open_missing_streams() -> None:
    """Open /dev/null for standard streams that are closed, as cron and daemons leave them.

    Otherwise the next file gets the number of the stream, and what is printed lands in it.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            stream = Path(os.devnull).open(mode, encoding="utf-8")  # noqa: SIM115 - until the end
            setattr(sys, name, stream)


def _refuse_empty_words(words: Sequence[str]) -> None:
    """Raise UserError for an empty value, which an unset variable of a script leaves.

    As a path it would be the current folder.
    """
    for before, word in pairwise(("", *words)):
        option, equals, value = word.partition("=")
        if not word or (option.startswith("--") and equals and not value):
            name = option or before
            raise UserError(f"{name or 'an argument'} is empty. Give a value, or leave it out")


def _fail(message: str) -> NoReturn:
    print(f"bench: {join_lines(message)}", file=sys.stderr)
    sys.exit(2)
