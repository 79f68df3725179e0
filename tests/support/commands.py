"""Synthetic comparisons of commands."""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from support.comparisons import PAIRED
from support.records import environment

from bench.records import store
from bench.records.layout import COMMAND_PLAN, COMPARISON_PLAN
from bench.records.schema import FORMAT, AnyRecord, CommandRecord, Subject
from bench.regression.commands.command_plan import CommandPlan
from bench.regression.commands.samplers import TIME
from bench.regression.pairs.plan import BASELINE, CANDIDATE, PairedPlan

# A module with a clock for pytest-benchmark that only the work moves.
CLOCK = """
seconds = 0.0

def work(more):
    global seconds
    seconds += more

def now():
    return seconds
"""


def command_plan(**changes: Any) -> CommandPlan:
    """Return the plan of a comparison of a command on ``main`` and in the working tree."""
    values = {
        **PAIRED,
        "command": "python -m bench gate --base=main --command='python job.py'",
        "arguments": "python job.py",
        "threads": 1,
    }
    return CommandPlan(**{**values, **changes})


def process(version: str, number: int, /, *, name: str = TIME, **changes: Any) -> CommandRecord:
    """Return a successful process of a side with a value of this name, of one second.

    changes: to the record; "value" to its value.
    """
    values: dict[str, Any] = {
        "format": FORMAT,
        "run": "a run",
        "trial": f"p{number}-{version}",
        "round": number,
        "started": "2025-01-02T03:04:05.678+00:00",
        "status": "ok",
        "subject": Subject(threads=1),
        "environment": "here",
        "version": version,
        "wall_seconds": 1.5,
        "values": {name: changes.pop("value", 1.0)},
    }
    return CommandRecord(**{**values, **changes})


def failure(version: str, number: int, /, **changes: Any) -> CommandRecord:
    """Return a process that failed."""
    return process(
        version, number, **{"status": "failed", "reason": "it stumbled", "values": {}, **changes}
    )


def processes(logs: Iterable[float], **changes: Any) -> list[CommandRecord]:
    """Return pairs. logs: of the ratios of their values."""
    return [
        process(version, number, value=value, **changes)
        for number, log in enumerate(logs, 1)
        for version, value in ((BASELINE, 2.0), (CANDIDATE, 2.0 * math.exp(log)))
    ]


def write_pairs(folder: Path, plan: PairedPlan, *records: AnyRecord) -> Path:
    """Write the folder of a comparison of ``bench gate`` or ``bench ab``."""
    is_command = isinstance(plan, CommandPlan)
    store.create_run(folder, plan, COMMAND_PLAN if is_command else COMPARISON_PLAN)
    store.add_environment(folder, environment())
    for record in records:
        store.append_record(folder, record)
    return folder
