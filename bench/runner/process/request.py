"""What a child is asked: one JSON object, which the parent writes and the worker reads."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from bench.data.dataset import Dataset
from bench.records.schema import Case, Slowdown


def build_training(mode: str, case: Case, data: Dataset, seed: int) -> dict[str, Any]:
    """Ask for a case to be trained, in the worker's mode of that name."""
    return {
        "mode": mode, **describe_source(case), "data": str(data.folder), "classes": data.classes,
        "workload": case.workload, "device": case.device, "batch_size": case.batch_size,
        "samples": case.samples, "epochs": case.epochs, "seed": seed,
    }  # fmt: skip


def build_pair_options(slowdown: Slowdown | None) -> dict[str, Any]:
    """Ask for a trial of one side of a pair: so many epochs, no more, and one prediction."""
    injected = None if slowdown is None else msgspec.to_builtins(slowdown)
    return {"brief": True, "slowdown": injected}


def describe_source(case: Case) -> dict[str, Any]:
    """Return the part of a request that says what to import."""
    file = None if case.file is None else str(Path(case.file).resolve())
    return {"module": case.module, "file": file, "extra": case.extra}


def build_device_check(case: Case) -> dict[str, Any]:
    """Ask whether a probe's framework sees the case's device."""
    return {"mode": "sees", **describe_source(case), "device": case.device}


def build_roofline(case: Case, features: int, samples: Iterable[int]) -> dict[str, Any]:
    """Ask what the machine can do: products of matrices, and sums over so many images."""
    return {
        "mode": "ceiling", **describe_source(case), "device": case.device, "features": features,
        "samples": sorted(set(samples)),
    }  # fmt: skip
