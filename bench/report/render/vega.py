"""Vega, Vega-Lite and Vega-Embed as one script, which pages embed."""

import hashlib
import importlib.metadata
from contextlib import suppress
from functools import lru_cache

from bench import cache, durable
from bench.idx import DataError

# The bundler leaves out what this statement does not need.
ENTRY = "window.vegaEmbed = vegaEmbed;"


@lru_cache(1)
def load_library() -> str:
    """Return the script, from the user's cache if it is there: bundling takes 1.5 s.

    Its expression interpreter works where a policy forbids to evaluate text:
    https://vega.github.io/vega/usage/interpreter.
    """
    import vl_convert

    source = f"{importlib.metadata.version('vl-convert-python')} {ENTRY}"
    name = f"vega-{hashlib.sha256(source.encode()).hexdigest()[:16]}.js"
    with suppress(OSError, DataError, UnicodeDecodeError):
        return (cache.root() / name).read_text(encoding="utf-8")
    script = str(vl_convert.javascript_bundle(ENTRY))
    with suppress(OSError, DataError):  # without a cache it takes longer next time
        cache.root().mkdir(parents=True, exist_ok=True)
        durable.write(cache.root() / name, [script.encode()])
    return script
