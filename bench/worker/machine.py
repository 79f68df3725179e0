"""What a worker needs to know of its machine; the standard library and NumPy suffice."""

import hashlib
import importlib.metadata
import json
import os
import platform
import re
from math import floor
from pathlib import Path
from typing import Any

import numpy as np

from bench.errors import UserError

ROOT = Path(__file__).resolve().parents[2]


def list_usable_cores() -> list[int]:
    """Return the cores that this process may use: its affinity, cut to the cgroup's CPU quota.

    macOS has no affinity: all cores are returned, and none can be chosen.
    """
    if hasattr(os, "sched_getaffinity"):
        cores = sorted(os.sched_getaffinity(0))
    else:
        cores = list(range(os.cpu_count() or 1))
    quota = read_cgroup_quota(Path("/sys/fs/cgroup/cpu.max"))
    return cores if quota is None else cores[: max(1, floor(quota))]


def resolve_threads(threads: int, cores: int) -> int:
    """Return a number of threads, of ALL_CORES every core; raises UserError for too many."""
    if threads > cores:
        raise UserError(f"--threads {threads}: this machine lets us use {cores} at most")
    return threads or cores


def read_cgroup_quota(path: Path) -> float | None:
    """Return the CPU quota of a cgroup v2 in cores, or None: "max 100000" means no limit."""
    try:
        quota, period = path.read_text().split()
        return float(quota) / float(period)
    except (OSError, ValueError):
        return None


def list_software() -> dict[str, Any]:
    """Return this interpreter, the distributions that it can import, and NumPy's BLAS."""
    versions: dict[str, str] = {}
    for distribution in importlib.metadata.distributions():
        metadata = distribution.metadata  # parsed anew each time
        # A broken installation leaves metadata without a name. The first on the path is imported.
        if name := metadata["Name"]:
            versions.setdefault(name.lower(), metadata["Version"])
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return {
        "python": platform.python_version(),
        "interpreter": platform.python_implementation(),
        "blas": f"{blas.get('name')} {blas.get('version')}",
        "distributions": dict(sorted(versions.items())),
    }


def read_peak_memory(pid: int) -> int | None:
    """Return a process's peak resident memory in bytes, VmHWM, or None where there is no /proc.

    ``ru_maxrss`` is no substitute: on Linux a child inherits its parent's peak.
    """
    peak = read_proc_field(Path(f"/proc/{pid}/status"), "VmHWM")
    return None if peak is None else 1024 * peak


def read_proc_field(path: Path, name: str) -> int | None:
    """Return the number in a line ``name: number`` of a file in /proc, or None without one.

    Some files, such as vmstat, have no colon.
    """
    try:
        number = re.search(rf"^{name}:?\s+(\d+)", path.read_text(), re.MULTILINE)
    except OSError:
        return None
    return int(number[1]) if number else None


def fingerprint(facts: Any) -> str:
    """Hash facts that JSON can hold; return twelve hexadecimal digits."""
    canonical = json.dumps(facts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:12]
