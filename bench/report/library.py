"""Vega, Vega-Lite and Vega-Embed as one program; needs the extra ``report``.

Putting it together takes more than a second, so that it is kept in the user's cache.
"""

import contextlib
import os
from functools import cache
from importlib.metadata import version
from pathlib import Path

from bench.cache import root
from bench.idx import DataError

# What it leaves behind for the page's own program; a later one must not take an earlier one's.
GLOBAL = "window.vegaEmbed = vegaEmbed;"


@cache
def library() -> str:
    """Return the program, from the cache where it is there.

    https://vega.github.io/vega/usage/interpreter: expressions are interpreted where a policy
    forbids that text becomes a program; Vega-Embed carries the interpreter. A cache that cannot be
    written costs the time, and nothing else.
    """
    try:
        kept = root() / f"vega-of-vl-convert-{version('vl-convert-python')}.js"
        return kept.read_text(encoding="utf-8")
    except DataError:
        return _bundled()
    except OSError:
        made = _bundled()
        with contextlib.suppress(OSError):
            _write(kept, made)
        return made


def _bundled() -> str:
    import vl_convert

    return str(vl_convert.javascript_bundle(GLOBAL))


def _write(path: Path, text: str) -> None:
    """Write a file that nobody ever sees half of."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
