"""Read what a command measured: its time, the last number that it prints, or values in JSON."""

import json
import re
from pathlib import Path
from typing import Any

from bench.regression.commands.command_plan import CPU_TIME, JSON, LAST_NUMBER
from bench.runner.process.outcome import Outcome

OUTPUT_BYTES = 2**20  # of a command's output, the last of which are kept
MAX_FILE_BYTES = 2**28
# A word of an output that looks like a number, and one that is nothing else, with its unit.
_LIKE_NUMBER = re.compile(r"\d|\b(?:nan|inf|infinity)\b", re.IGNORECASE)
_NUMBER = re.compile(
    r"(?:\D*[^\w.+-])?([-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?)([^\W\d_]+|%|)\D*"
)


class ValueFault(Exception):  # noqa: N818 - its text is the reason of a record
    """A command succeeded, but its value cannot be read."""


def read_values(metric: str, outcome: Outcome, file: Path | None = None) -> dict[str, float]:
    """Return the values of a command that succeeded, by name; the only value has the metric's.

    The name of a printed number has its unit, too. file: that pytest-benchmark wrote, with a value
    for each benchmark. Raises ValueFault: not all numbers have a ratio.
    """
    if file is not None:
        # Both processes run at once, and what disturbs one disturbs the other: every round counts.
        values = read_benchmarks(file, "mean" if metric == CPU_TIME else "min")
    elif metric == LAST_NUMBER:
        number, unit = read_last_number(outcome.output)
        values = {f"{metric} {unit}".strip(): number}
    elif metric.startswith(JSON):
        values = {metric: read_json(outcome.output, metric.removeprefix(JSON))}
    else:
        seconds = outcome.cpu_seconds if metric == CPU_TIME else outcome.wall_seconds
        values = {metric: seconds}
    for name, value in values.items():
        if not 1e-18 <= value <= 1e18:  # see Positive in bench/records/schema.py
            raise ValueFault(f"{name} is {value:g}; only numbers from 1e-18 to 1e18 have a ratio")
    return values


def read_last_number(output: str) -> tuple[float, str]:
    """Return the last number in an output, and its unit: the word behind it, or none.

    Raises ValueFault; also for a word that may be read in two ways, such as 1,234 or 1:30.
    """
    for line in reversed(output.splitlines()):
        words = line.split()
        places = [place for place, word in enumerate(words) if _LIKE_NUMBER.search(word)]
        if not places:
            continue
        word, *rest = words[places[-1] :]
        if not (match := _NUMBER.fullmatch(word)):
            raise ValueFault(f"its last number is {word[:40]!r}. Print it as in 1234.5")
        unit = match[2] or (rest[0].strip(".,:;()[]") if rest else "")
        return float(match[1]), unit[:20]
    raise ValueFault("it printed no number")


def read_json(output: str, key: str) -> float:
    """Return a number in the JSON of an output, or of its last line. Raises ValueFault.

    key: of objects, with dots in between, or the places of lists, from 0.
    """
    lines = output.strip().splitlines() or [""]
    for text in (output, lines[-1]):
        try:
            # As floats, because an integer of 400 digits has none.
            value = json.loads(text, parse_int=float)
        except (ValueError, RecursionError):
            continue
        break
    else:
        raise ValueFault("neither its output nor the last line of it is JSON")
    for part in key.split("."):
        try:
            value = value[int(part)] if isinstance(value, list) else value[part]
        except (LookupError, TypeError, ValueError):
            raise ValueFault(f"its JSON has no {key}") from None
    if not isinstance(value, float):
        raise ValueFault(f"{key} in its JSON is no number")
    return value


def read_benchmarks(file: Path, statistic: str) -> dict[str, float]:
    """Return a statistic of each benchmark in a file of pytest-benchmark, in seconds.

    Raises ValueFault. Source: https://pytest-benchmark.readthedocs.io/en/stable/usage.html
    """
    try:
        if file.stat().st_size > MAX_FILE_BYTES:
            raise ValueFault("its results are larger than 256 MiB")
        document: dict[str, Any] = json.loads(file.read_bytes())
        values = {one["fullname"]: float(one["stats"][statistic]) for one in document["benchmarks"]}
    except FileNotFoundError:
        raise ValueFault("no benchmark ran, so there are no results") from None
    except (OSError, LookupError, TypeError, ValueError) as error:
        raise ValueFault(f"its results cannot be read: {error!r}") from error
    if not values:
        raise ValueFault("it has no benchmark")
    return values
