"""Inputs that nobody wrote: whole files damaged, documents with odd values, and bare noise."""

import copy
import json
import re
from functools import lru_cache

from hypothesis import strategies as st

INPUTS = 8  # of each draw, which takes longer than to read one
DEEP = 2_000
# What may stand where JSON has a value: no numbers, numbers at an edge, half a character, a path.
TOKENS = tuple(
    each.encode("utf-8", "surrogatepass")
    for each in (
        "null", "true", "[]", "{}", '""', "0", "-0.0", "-1", "1e999", "-1e999", "1e308", "5e-324",
        "NaN", "Infinity", "-Infinity", str(2**53 + 1), str(2**70), "9" * 400, "9" * 5_000, "0.1",
        r'"\ud800"', '"\ud800"', r'"\u0000"', r'"\u001b[2J"', r'"a\nb"', '"../../x"', '"nan"', "1e",
        f'"{"x" * 100_000}"', "[" * DEEP, f"{'[' * DEEP}{']' * DEEP}", f"{'[' * 200}{']' * 200}",
        '{"a":' * DEEP, "\x00", "\ufeff", "\n", "{}\n", '"ok"', "5", "4", "100000",
    )
)  # fmt: skip
# What may stand in a binary header: lengths that are none, or more than there is memory for.
LENGTHS = tuple(each.to_bytes(4) for each in (0, 1, 2, 255, 2**16, 2**30, 2**31, 2**32 - 1))
JSON = re.compile(rb'"(?:[^"\\]|\\.)*"|-?[\d.]+(?:e[-+]?\d+)?|true|false|null')


@lru_cache
def spans(data):
    """Return where the values and keys of a JSON text begin and end."""
    return [found.span() for found in JSON.finditer(data)]


def flipped(data, place, other):
    at = place % len(data)
    return data[:at] + bytes([data[at] ^ 1 << other % 8]) + data[at + 1 :]


def cut(data, place, other):
    return data[: place % len(data)]


def inserted(data, place, other):
    at = place % len(data)
    return data[:at] + TOKENS[other % len(TOKENS)] + data[at:]


def repeated(data, place, other):
    start, end = sorted((place % len(data), other % len(data)))
    return data[:end] + data[start:]


def swapped(data, place, other):
    start, end = sorted((place % len(data), other % len(data)))
    middle = (start + end) // 2
    return data[:start] + data[middle:end] + data[start:middle] + data[end:]


def left_out(data, place, other):
    start, end = sorted((place % len(data), other % len(data)))
    return data[:start] + data[end:]


def replaced(data, place, other):
    """Put a hostile value in the place of one of JSON's."""
    if not (found := spans(data)):
        return data
    start, end = found[place % len(found)]
    return data[:start] + TOKENS[other % len(TOKENS)] + data[end:]


def twice(data, place, other):
    """Give an object a member twice, with another value."""
    keys = [span for span in spans(data) if data[span[1] : span[1] + 1] == b":"]
    if not keys:
        return data
    start, end = keys[place % len(keys)]
    return data[:start] + data[start:end] + b":" + TOKENS[other % len(TOKENS)] + b"," + data[start:]


def lengthened(data, place, other):
    at = place % 24
    return data[:at] + LENGTHS[other % len(LENGTHS)] + data[at + 4 :]


BINARY = (flipped, cut, inserted, repeated, swapped, left_out, lengthened)
TEXT = (flipped, cut, inserted, repeated, swapped, left_out, replaced, replaced, twice)
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3)
    | st.sampled_from((2**70, 1e308, 5e-324, -0.0, 10**400, "\ud800", "../x", "\x1b[2J")),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)  # fmt: skip


def damaged(files, kinds):
    """Draw one of several files, damaged up to three times: alike in each of so many places.

    All that decides is one draw, of which Hypothesis can make a thousand a second.
    """
    drawn = st.binary(min_size=8, max_size=22)
    return drawn.map(lambda each: [_damaged(files, kinds, each, n) for n in range(INPUTS)])


def _damaged(files, kinds, drawn, further):
    """Take the file from the first byte, and each damage from the seven that follow."""
    file = files[drawn[0] % len(files)]
    for at in range(1, len(drawn) - 6, 7):
        kind = kinds[drawn[at] % len(kinds)]
        place, other = (int.from_bytes(drawn[at + 1 + 3 * n : at + 4 + 3 * n]) for n in (0, 1))
        file = kind(file, place + further, other) if file else file
    return file


def odd(documents):
    """Draw one of several documents, as JSON, with any value: in each of so many places."""
    held = [(each, place) for each in documents for place in sorted(places(each), key=str)]

    def put(first, value):
        chosen = [held[(first + n) % len(held)] for n in range(INPUTS)]
        return [text(changed(*each, value)) for each in chosen]

    return st.builds(put, st.integers(0, len(held) - 1), ANY)


def noise(file):
    """Draw what is no file: alone, and after so many beginnings of one."""
    cuts = [len(file) * n // INPUTS for n in range(INPUTS)]
    return st.binary(max_size=64).map(lambda drawn: [file[:cut] + drawn for cut in cuts])


def text(document):
    return json.dumps(document, separators=(",", ":")).encode()


def changed(document, at, value):
    """Return a copy of a document with another value in one place."""
    new = copy.deepcopy(document)
    inside = new
    for key in at[:-1]:
        inside = inside[key]
    inside[at[-1]] = value
    return new


def places(value, at=()):
    """Yield every place of a document that can be given another value."""
    inside = value.items() if isinstance(value, dict) else enumerate(value)
    for key, held in inside:
        yield (*at, key)
        if isinstance(held, (dict, list)):
            yield from places(held, (*at, key))
