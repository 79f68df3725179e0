"""The application: its commands, and the one line that an error of the user becomes."""

import importlib.metadata
import signal
import sys
from typing import Annotated, NoReturn

import typer

from bench.cli.verbs import ab, calibrate, check, compare, data, machine, records, report, run
from bench.cli.verbs.list import list_implementations
from bench.errors import UserError
from bench.runner import signals

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
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Measure one softmax classifier in many machine-learning frameworks."""


def main() -> NoReturn:
    """Run the command line and exit; print an error of the user as one line on stderr."""
    if sys.platform == "win32":
        _fail("Windows is not supported; use Linux, macOS or WSL")
    signals.install()
    try:
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
        file = error.filename or "the system"
        _fail(f"{file}: {error.strerror}; choose another file or fix its permissions")
    except (KeyboardInterrupt, typer.Abort):
        status = 130
    except SystemExit as exit_:  # Typer exits with 1 when stdout is closed.
        status = 128 + signal.SIGPIPE if exit_.code == 1 else 0
    # Typer makes 130 of every signal.
    sys.exit(signals.get_exit_status() or (status if isinstance(status, int) else 0))


def _fail(message: str) -> NoReturn:
    print(f"bench: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(2)
