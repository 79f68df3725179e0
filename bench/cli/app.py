"""The command line: its verbs, and the one line that an error a user can cause becomes."""

import signal
import sys
from typing import NoReturn

import typer

from bench.cli import ab, calibrate, check, compare, export, merge, run, show
from bench.errors import UserError
from bench.runner import signals

app = typer.Typer(
    name="bench",
    help="Measure one softmax classifier in every framework.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command()(run.run)
app.command()(check.check)
app.command()(ab.ab)
app.command()(calibrate.calibrate)
app.command()(show.report)
app.command()(export.export)
app.command()(merge.merge)
app.command()(compare.compare)
app.command("list")(show.implementations)
app.command()(show.machine)
app.command()(show.data)


def main() -> NoReturn:
    """Run the command line; whatever a user can cause is one line on stderr."""
    if sys.platform == "win32":
        _refuse("Windows is not supported; use Linux, macOS or WSL")
    signals.install()
    try:
        code = app(standalone_mode=False)
    except UserError as error:
        _refuse(str(error))
    except typer.TyperException as error:
        _refuse(error.format_message())
    except OSError as error:
        _refuse(f"{error.filename or 'the system'}: {error.strerror}; name another, or mend that")
    except KeyboardInterrupt as stopped:
        code = signals.exit_status(stopped)
    except typer.Abort:
        code = 130
    except SystemExit:  # typer's own, where whoever reads our output has gone: no regression
        code = 128 + signal.SIGPIPE
    # Whatever the signal and whichever it was that ended us, typer makes 130 of it.
    sys.exit(signals.first_exit_status() or (code if isinstance(code, int) else 0))


def _refuse(message: str) -> NoReturn:
    print(f"bench: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(2)
