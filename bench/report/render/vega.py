"""Vega, Vega-Lite and Vega-Embed as one script, which pages embed."""

import hashlib
import importlib.metadata
from functools import cache as once

from bench.data import cache
from bench.errors import DataError

# The bundler leaves out what this statement does not need.
ENTRY = "window.vegaEmbed = vegaEmbed;"


@once
def load_library() -> str:
    """Return the script from the cache, because bundling it takes a second and a half.

    Its expression interpreter works under a policy that forbids evaluating text:
    https://vega.github.io/vega/usage/interpreter.
    """
    version = f"{importlib.metadata.version('vl-convert-python')} {ENTRY}"
    key = f"vega-{hashlib.sha256(version.encode()).hexdigest()[:16]}"
    name = "vega.js"
    try:
        folder = cache.build(
            key, lambda folder: (folder / name).write_text(_bundle(), encoding="utf-8")
        )
    except DataError:  # the cache cannot be written
        return _bundle()
    return (folder / name).read_text(encoding="utf-8")


def _bundle() -> str:
    import vl_convert

    return str(vl_convert.javascript_bundle(ENTRY))
