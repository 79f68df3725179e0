"""The suite as a wheel installs it: ``softmax-bench``, and ``softmax_bench.load(RUN)``.

Other projects install a top-level package ``bench``, too. So a wheel has the suite's ``bench`` and
``implementations`` in this folder; in a checkout they are beside it. Whichever it is comes first on
``sys.path``, before a stranger's package of the same name.
"""

import sys
from pathlib import Path
from typing import NoReturn

_FOLDER = Path(__file__).parent
sys.path.insert(0, str(_FOLDER if (_FOLDER / "bench").is_dir() else _FOLDER.parent))

from bench import load  # noqa: E402 - the path leads to it only now

__all__ = ["load", "main"]


def main() -> NoReturn:
    """Run the command line, as ``python -m bench`` does in a checkout."""
    from bench.cli.app import main as run  # noqa: PLC0415 - load does not need it

    run()
