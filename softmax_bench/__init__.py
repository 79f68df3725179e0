"""The suite as a wheel installs it: ``softmax-bench``, and ``softmax_bench.load(RUN)``.

Other projects have a top-level package ``bench``, too. So a wheel has the suite's ``bench`` and
``implementations`` in this folder; in a checkout they are beside it. They are on ``sys.path`` in
the process of the program and during a call of ``load``: a notebook that calls it imports its own.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from threading import Lock
from types import ModuleType
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["load", "main"]

_FOLDER = Path(__file__).parent
_PATH = str(_FOLDER if (_FOLDER / "bench").is_dir() else _FOLDER.parent)
_ours: dict[str, ModuleType] = {}
_lock = Lock()


def load(run: str | PathLike[str]) -> "pd.DataFrame":
    """Return what ``bench.load`` returns, also beside a stranger's package ``bench``."""
    with _lock, _suite_imported_by_name():
        from bench import load as load_run  # noqa: PLC0415 - the path leads to it only now

        return load_run(run)


def main() -> NoReturn:
    """Run the command line, as ``python -m bench`` does in a checkout."""
    sys.path.insert(0, _PATH)
    from bench.cli.app import main as run  # noqa: PLC0415 - the path leads to it only now

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
