"""Vega, Vega-Lite and Vega-Embed as one script, so that a page fetches nothing."""

import hashlib
import importlib.metadata
from contextlib import suppress
from functools import cache as once

from bench import cache, durable
from bench.idx import DataError

# The bundler starts here and leaves out every module that this line does not need.
BEGIN = "window.vegaEmbed = vegaEmbed;"


@once
def library() -> str:
    """Return the script. Bundling it takes two seconds, so a file in the user's cache keeps it.

    Vega-Embed brings the interpreter of Vega's expressions, for pages whose policy forbids turning
    text into code: https://vega.github.io/vega/usage/interpreter
    """
    import vl_convert

    made_from = f"{importlib.metadata.version('vl-convert-python')} {BEGIN}"
    name = f"vega-{hashlib.sha256(made_from.encode()).hexdigest()[:16]}.js"
    with suppress(DataError, OSError):  # no cache folder, or no such file yet
        return (cache.root() / name).read_bytes().decode()
    script = str(vl_convert.javascript_bundle(BEGIN))
    with suppress(DataError, OSError):  # a cache that cannot be written costs only the time
        cache.root().mkdir(parents=True, exist_ok=True)
        durable.write(cache.root() / name, [script.encode()])
    return script
