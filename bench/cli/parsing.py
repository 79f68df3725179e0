"""Shares, times, sizes and whole numbers, read from the text of a flag."""

import re

from bench.errors import UserError
from bench.records.schema import Slowdown

MOST = 2**31 - 1
_LEAST_MEMORY = 2**26  # Python and NumPy alone take half of that


def share(text: str | None, flag: str = "--precision", least: float = 0.001) -> float | None:
    """Read a share such as 2% or 0.02; raises UserError unless it lies between least and 50 %."""
    if text is None:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d*)?|\.\d+)(%?)", text.strip())
    value = float(found[1]) / (100 if found[2] else 1) if found else 0.0
    if found is None or not least <= value <= 0.5:
        raise UserError(f"{flag} {text}: give a share from {100 * least:g}% to 50%, such as 2%")
    return value


def seconds(text: str | None, flag: str = "--budget") -> float | None:
    """Read a time such as 90s, 10m or 1.5h; raises UserError."""
    if text is None:
        return None
    found = re.fullmatch(r"(\d{1,6}(?:\.\d*)?)([smh])", text.strip())
    value = float(found[1]) * {"s": 1, "m": 60, "h": 3600}[found[2]] if found else 0.0
    if not value >= 1:
        raise UserError(f"{flag} {text}: give a time of a second or more, such as 90s, 10m or 2h")
    return value


def size(text: str | None) -> int | None:
    """Read a size such as 512MiB, 2GiB or 1.5GB as bytes; raises UserError below 64 MiB."""
    if text is None:
        return None
    units = {"MB": 10**6, "GB": 10**9, "MIB": 2**20, "GIB": 2**30}
    found = re.fullmatch(r"(\d{1,6}(?:\.\d{1,6})?) ?([MG]i?B)", text.strip(), re.IGNORECASE)
    value = int(float(found[1]) * units[found[2].upper()]) if found else 0
    if value < _LEAST_MEMORY:
        raise UserError(f"--memory-limit {text}: give 64 MiB or more, such as 512MiB or 2GiB")
    return value


def whole_numbers(flag: str, text: str | None) -> tuple[int, ...]:
    """Read whole numbers such as 32 or 8,32,128; raises UserError."""
    found = () if text is None else tuple(each.strip() for each in text.split(","))
    if not all(re.fullmatch(r"[0-9]{1,10}", each) and 0 < int(each) <= MOST for each in found):
        raise UserError(
            f"{flag} {text}: give a whole number from 1 to {MOST}, or several: 8,32,128"
        )
    return tuple(dict.fromkeys(map(int, found)))


def slowdowns(text: str) -> tuple[Slowdown, ...]:
    """Read slowdowns to inject, such as 5% or 5%,20%/5, or none; raise UserError."""
    found = []
    for part in () if text == "none" else text.split(","):
        percent, slash, every = part.strip().partition("/")
        if slash and not re.fullmatch(r"[1-9][0-9]?", every):
            raise UserError(f"--inject {text}: after / give every how many epochs, as in 20%/5")
        found.append(Slowdown(share(percent, "--inject") or 0.0, int(every or 1)))
    return tuple(dict.fromkeys(found))
