"""The suite as a wheel installs it: ``softmax-bench``, ``softmax_bench.load`` and ``gate``.

Other projects have a top-level package ``bench``, too. So a wheel has the suite's ``bench`` and
``implementations`` in this folder; in a checkout they are beside it. They are on ``sys.path`` in
the process of the program and during a call: a notebook that calls one imports its own.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from threading import Lock
from types import ModuleType
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    import pandas as pd

    from bench.regression.result import ComparisonResult

__all__ = ["UserError", "gate", "load", "main"]

_FOLDER = Path(__file__).parent
_PATH = str(_FOLDER if (_FOLDER / "bench").is_dir() else _FOLDER.parent)
_ours: dict[str, ModuleType] = {}
_lock = Lock()


def load(run: str | PathLike[str]) -> "pd.DataFrame":
    """Return what ``bench.load`` returns, also beside a stranger's package ``bench``."""
    with _lock, _suite_imported_by_name():
        from bench import load as load_run

        return load_run(run)


def gate(
    *,
    base: str,
    candidate: str = ".",
    command: str | Sequence[str] = (),
    pytest: str | None = None,
    metric: str = "auto",
    prepare: str = "",
    harness: Sequence[str] = (),
    threads: int = 1,
    install: bool = False,
    additions: Sequence[str] = (),
    budget: float = 180.0,
    tolerance: float = 0.02,
    allow: Sequence[str] = (),
    output: str | PathLike[str] | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> "ComparisonResult":
    """Compare two versions of a command or of tests, as ``softmax-bench gate`` does.

    The arguments are its options; command: one or several. additions: those of --with. budget:
    seconds. tolerance: a share. threads: 0 for all. progress: gets each line that the command line
    shows on stderr.

    Raises ``softmax_bench.UserError``, one line that says what to do, and KeyboardInterrupt after
    which what was measured is in the records.
    """
    with _lock, _suite_imported_by_name():
        from bench.regression.commands.measure_commands import run_gate
        from bench.regression.commands.prepare_commands import CommandOptions
        from bench.regression.pairs.plan import Terms

        terms = Terms(
            baseline=base,
            candidate=candidate,
            command=f"softmax_bench.gate({base=}, {candidate=}, {command=}, {pytest=}, {metric=})",
            progress=lambda event: progress(event) if isinstance(event, str) else None,
            tolerance=tolerance,
            budget=budget,
            install=install,
            additions=tuple(additions),
            allowed=allow,
            output=None if output is None else Path(output),
        )
        commands = (command,) if isinstance(command, str) else tuple(command)
        chosen = CommandOptions(commands, pytest, metric, prepare, threads, tuple(harness))
        return run_gate(terms, chosen)


def __getattr__(name: str) -> Any:
    """Return ``bench.errors.UserError``, which ``load`` and ``gate`` raise."""
    if name != "UserError":
        raise AttributeError(name)
    with _lock, _suite_imported_by_name():
        from bench.errors import UserError

        return UserError


def main() -> NoReturn:
    """Run the command line, as ``python -m bench`` does in a checkout."""
    sys.path.insert(0, _PATH)
    from bench.__main__ import main as run

    run()


@contextmanager
def _suite_imported_by_name() -> Iterator[None]:
    """Let ``bench`` and ``implementations`` name the suite's packages, then what they named."""
    others = _take_modules()
    sys.modules.update(_ours)
    sys.path.insert(0, _PATH)
    try:
        yield
    finally:
        sys.path.remove(_PATH)
        _ours.update(_take_modules())
        sys.modules.update(others)


def _take_modules() -> dict[str, ModuleType]:
    """Remove the modules of both names from Python's table of modules, and return them."""
    names = [n for n in sys.modules if n.partition(".")[0] in {"bench", "implementations"}]
    return {name: sys.modules.pop(name) for name in names}
