"""Vega, Vega-Lite and Vega-Embed in one program, so that a page asks no address for them."""

import hashlib
import importlib.metadata
from functools import cache as once

import numpy as np
from numpy.typing import NDArray

from bench import cache
from bench.idx import DataError

# Given to the bundler, which leaves out what it does not lead to.
BEGIN = "window.vegaEmbed = vegaEmbed;"


@once
def library() -> str:
    """Return the program; it takes a second and a half to make, so that it is kept in the cache.

    https://vega.github.io/vega/usage/interpreter: expressions are interpreted where a policy
    forbids that text becomes a program; Vega-Embed carries the interpreter.
    """
    made_of = f"{importlib.metadata.version('vl-convert-python')} {BEGIN}"
    key = f"vega-{hashlib.sha256(made_of.encode()).hexdigest()[:16]}"
    try:
        folder, _ = cache.keep(key, lambda _: ({}, {"program.npy": _bytes(_made())}))
    except DataError:  # nobody's to write
        return _made()
    return str(np.load(folder / "program.npy", allow_pickle=False).tobytes().decode())


def _bytes(text: str) -> NDArray[np.uint8]:
    return np.frombuffer(text.encode(), dtype=np.uint8)


def _made() -> str:
    import vl_convert

    return str(vl_convert.javascript_bundle(BEGIN))
