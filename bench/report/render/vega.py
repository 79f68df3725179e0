"""Vega, Vega-Lite and Vega-Embed in one program, so that a page asks no address for them."""

import hashlib
import importlib.metadata
from functools import cache as once

from bench.data import cache
from bench.errors import DataError

# Given to the bundler, which leaves out what it does not lead to.
BEGIN = "window.vegaEmbed = vegaEmbed;"


@once
def library() -> str:
    """Return the program from the cache, because bundling it takes a second and a half.

    https://vega.github.io/vega/usage/interpreter: expressions are interpreted where a policy
    forbids that text becomes a program; Vega-Embed carries the interpreter.
    """
    version = f"{importlib.metadata.version('vl-convert-python')} {BEGIN}"
    key = f"vega-{hashlib.sha256(version.encode()).hexdigest()[:16]}"
    name = "vega.js"
    try:
        folder = cache.build(
            key,
            lambda folder: (folder / name).write_text(_bundle(), encoding="utf-8"),
        )
    except DataError:  # the cache cannot be written
        return _bundle()
    return (folder / name).read_text(encoding="utf-8")


def _bundle() -> str:
    import vl_convert

    return str(vl_convert.javascript_bundle(BEGIN))
