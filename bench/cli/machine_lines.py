"""What machine this is, as lines of text."""

from collections.abc import Iterable, Mapping
from typing import Any

from bench.report.render import numbers
from bench.worker.gpu import Gpu

WIDTH = 14


def facts(of: Mapping[str, Any]) -> list[str]:
    """Return a line for each fact of a machine, as the records have them."""
    return [line(key, _value(value)) for key, value in of.items()]


def gpus(found: Iterable[Gpu]) -> list[str]:
    """Return a line for each GPU: memory, driver, and its clocks now and at most."""
    return [
        line(
            f"gpu {each.index}",
            f"{each.name}, {_memory(each.memory_bytes)}; driver {each.driver}, which serves "
            f"CUDA up to {each.cuda}; SM clock {_clock(each.sm_mhz, each.most_sm_mhz)}, "
            f"memory clock {_clock(each.memory_mhz, each.most_memory_mhz)}",
        )
        for each in found
    ]


def sight(framework: str, reason: str | None) -> str:
    """Say whether a framework sees a GPU; reason: why it does not, None where it does."""
    return line(framework, "sees the GPU" if reason is None else f"no GPU: {reason}")


def line(key: str, value: str) -> str:
    """Return a name and what it stands for, in two columns."""
    return f"{key:<{WIDTH}}{value}"


def _value(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return str(value) if isinstance(value, bool | int) else value or "none"


def _memory(size: int | None) -> str:
    return "memory not known" if size is None else f"{size / 2**30:.0f} GiB"


def _clock(now: float | None, most: float | None) -> str:
    if now is None:
        return numbers.ABSENT
    return f"{now:,.0f} MHz" + ("" if most is None else f" of {most:,.0f}")
