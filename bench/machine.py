"""What machine this is, and what software is on it; the standard library and NumPy suffice."""

import hashlib
import importlib.metadata
import json
import os
import platform
import re
import subprocess
from collections import Counter
from collections.abc import Iterable, Mapping
from math import floor
from pathlib import Path
from typing import Any

import numpy as np

import bench
from bench import gpu

ROOT = Path(bench.__file__).resolve().parent.parent


def usable_cores() -> list[int]:
    """Return the cores that this process may use: its affinity, cut to the cgroup's CPU quota.

    macOS has no affinity: there all cores are listed and none can be chosen.
    """
    if hasattr(os, "sched_getaffinity"):
        cores = sorted(os.sched_getaffinity(0))
    else:
        cores = list(range(os.cpu_count() or 1))
    quota = cgroup_quota(Path("/sys/fs/cgroup/cpu.max"))
    return cores if quota is None else cores[: max(1, floor(quota))]


def cgroup_quota(path: Path) -> float | None:
    """Cores' worth of time that cgroup v2 grants, or None: "max 100000" means no limit."""
    try:
        quota, period = path.read_text().split()
        return float(quota) / float(period)
    except (OSError, ValueError):
        return None


def describe() -> dict[str, Any]:
    """Return the facts of this machine; ``id`` tells whether two runs may be compared.

    The id hashes the CPU's model, the usable cores, the memory in whole GiB and the GPUs' models;
    everything else is recorded beside it.
    """
    found = gpu.find_gpus()
    facts = {
        "cpu": cpu_model(),
        "cores": len(usable_cores()),
        "memory_gib": _memory_gib(),
        "gpus": [each.name for each in found],
    }
    return {
        "id": fingerprint(facts),
        **facts,
        "name": _name(facts),
        "gpu_driver": found[0].driver if found else gpu.explain_absence() or "not known",
        "architecture": platform.machine(),
        "system": f"{platform.system()} {platform.release()}",
        "distribution": _distribution(),
        "virtual": "hypervisor" in _cpuinfo("flags").split(),
        "processors": os.cpu_count(),
        "affinity": hasattr(os, "sched_setaffinity"),
    }


def _name(facts: Mapping[str, Any]) -> str:
    """Name a machine for people: its cores, its memory, and what GPUs it has."""
    several = Counter(facts["gpus"])
    gpus = [name if count == 1 else f"{count} {name}" for name, count in several.items()]
    host = f"{facts['cores']}-core {facts['cpu']}, {facts['memory_gib']} GiB"
    return ", ".join([host, *gpus])


def fingerprint(facts: Any) -> str:
    """Hash what JSON can hold; twelve hexadecimal digits."""
    canonical = json.dumps(facts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:12]


def cpu_model() -> str:
    """Name the CPU as its maker does, without trademark signs and clock rate."""
    name = _cpuinfo("model name") or _sysctl("machdep.cpu.brand_string") or platform.processor()
    name = re.sub(r"\((?:R|TM)\)", "", name or platform.machine())
    return " ".join(name.partition("@")[0].split())


def _cpuinfo(key: str) -> str:
    """Return a field of the first processor in /proc/cpuinfo, or nothing."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return ""
    found = re.search(rf"^{re.escape(key)}\s*:\s*(.*)$", text, re.MULTILINE)
    return found[1] if found else ""


def _sysctl(key: str) -> str:
    return _output(["/usr/sbin/sysctl", "-n", key]) if platform.system() == "Darwin" else ""


def usable_memory() -> int:
    """Return the bytes of memory that there are, cut to the cgroup's limit."""
    there = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limit = cgroup_memory(Path("/sys/fs/cgroup/memory.max"))
    return there if limit is None else min(there, limit)


def cgroup_memory(path: Path) -> int | None:
    """Bytes that cgroup v2 grants, or None: "max" means no limit."""
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def _memory_gib() -> int:
    return round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30)


def _distribution() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "")
    except OSError:
        return platform.mac_ver()[0]


def software() -> dict[str, Any]:
    """Return this interpreter, every distribution it can import, and NumPy's BLAS."""
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return {
        "python": platform.python_version(),
        "interpreter": platform.python_implementation(),
        "blas": f"{blas.get('name')} {blas.get('version')}",
        "distributions": _distributions(importlib.metadata.distributions()),
    }


def _distributions(found: Iterable[importlib.metadata.Distribution]) -> dict[str, str]:
    versions: dict[str, str] = {}
    for distribution in found:
        # A broken installation leaves metadata without a name; the first on the path counts.
        if name := distribution.metadata["Name"]:
            versions.setdefault(name.lower(), distribution.version)
    return dict(sorted(versions.items()))


def suite() -> dict[str, Any]:
    """Return the suite's own version, its git commit, and whether the code differs from it."""
    facts: dict[str, Any] = {"version": importlib.metadata.version("softmax-bench")}
    if (ROOT / ".git").exists():
        facts["commit"] = _output(["git", "-C", str(ROOT), "rev-parse", "HEAD"])
        changed = ["status", "--porcelain", "--", "bench", "implementations"]
        facts["dirty"] = bool(_output(["git", "-C", str(ROOT), *changed]))
    return facts


def _output(command: list[str]) -> str:
    """Return what a program prints, or nothing when it is absent or fails."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def peak_rss_bytes() -> int | None:
    """Return this process's peak resident memory, VmHWM; None where /proc does not tell.

    ``ru_maxrss`` is no substitute: on Linux a child inherits its parent's peak.
    """
    try:
        text = Path("/proc/self/status").read_text()
    except OSError:
        return None
    found = re.search(r"^VmHWM:\s*(\d+) kB$", text, re.MULTILINE)
    return int(found[1]) * 1024 if found else None
