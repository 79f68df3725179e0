"""Describe this machine and this suite: the facts that a run records and compares."""

import importlib.metadata
import os
import platform
import re
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import psutil

from bench.worker import gpu, machine
from bench.worker.machine import fingerprint, usable_cores

CGROUP_MEMORY = Path("/sys/fs/cgroup/memory.max")


def describe() -> dict[str, Any]:
    """Return the facts of this machine.

    Runs may be compared where the ``id`` is the same: it hashes the CPU's model, the usable cores,
    the memory in whole GiB and the GPUs' models. The other facts are only recorded.
    """
    gpus = gpu.find_gpus()
    facts = {
        "cpu": cpu_model(),
        "cores": len(usable_cores()),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "gpus": [device.name for device in gpus],
    }
    models = Counter(device.name for device in gpus)
    names = [model if count == 1 else f"{count} {model}" for model, count in models.items()]
    host = f"{facts['cores']}-core {facts['cpu']}, {facts['memory_gib']} GiB"
    return {
        "id": fingerprint(facts),
        **facts,
        "name": ", ".join([host, *names]),
        "gpu_driver": gpus[0].driver if gpus else gpu.explain_absence() or "not known",
        "architecture": platform.machine(),
        "system": f"{platform.system()} {platform.release()}",
        "distribution": _distribution(),
        "virtual": "hypervisor" in _cpuinfo("flags").split(),
        "processors": psutil.cpu_count(),
        "affinity": hasattr(os, "sched_setaffinity"),
    }


def cpu_model() -> str:
    """Return the maker's name of the CPU without trademark signs and clock rate."""
    name = _cpuinfo("model name")
    if not name and platform.system() == "Darwin":
        name = _run(["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"])
    name = re.sub(r"\((?:R|TM)\)", "", name or platform.processor() or platform.machine())
    return " ".join(name.partition("@")[0].split())


def usable_memory(cgroup: Path = CGROUP_MEMORY) -> int:
    """Return the bytes of memory of this machine, or the limit of its cgroup if that is lower."""
    total = psutil.virtual_memory().total
    try:
        return min(total, int(cgroup.read_text()))
    except (OSError, ValueError):  # no cgroup v2, or "max": no limit
        return total


def suite() -> dict[str, Any]:
    """Return the suite's version, its git commit, and whether its code differs from the commit."""
    facts: dict[str, Any] = {"version": importlib.metadata.version("softmax-bench")}
    if (machine.ROOT / ".git").exists():
        git = ["git", "-C", str(machine.ROOT)]
        facts["commit"] = _run([*git, "rev-parse", "HEAD"])
        changes = _run([*git, "status", "--porcelain", "--", "bench", "implementations"])
        facts["dirty"] = bool(changes)
    return facts


def _cpuinfo(key: str) -> str:
    """Return a field of the first processor in /proc/cpuinfo, or an empty string."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return ""
    field = re.search(rf"^{re.escape(key)}\s*:\s*(.*)$", text, re.MULTILINE)
    return field[1] if field else ""


def _distribution() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "")
    except OSError:
        return platform.mac_ver()[0]


def _run(command: list[str]) -> str:
    """Return what a program prints, or an empty string if it is absent or fails."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
