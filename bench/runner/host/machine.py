"""Describe this machine and this suite, and the conditions of a measurement.

A run records the facts once, and the conditions before and after every trial.
"""

import importlib.metadata
import os
import platform
import re
import subprocess
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import psutil

from bench.worker import machine
from bench.worker.machine import fingerprint, list_usable_cores
from bench.worker.measure import now

# Absent in most virtual machines.
THROTTLE_COUNT = "sys/devices/system/cpu/cpu{}/thermal_throttle/core_throttle_count"
# Names a salt by which nodes of one study are known, and their names are not.
SALT = "SOFTMAX_BENCH_SALT"

Reading = Mapping[str, float | None]


def describe() -> dict[str, object]:
    """Return the facts of this machine.

    Runs may be compared where the ``id`` is the same: it hashes the CPU's model, the usable cores,
    the memory in whole GiB and the GPUs' models. The other facts are only recorded.
    """
    from bench.runner.host import gpu  # a process on the CPU asks for the rest of it only

    gpus = gpu.find_gpus()
    facts = {
        "cpu": read_cpu_model(),
        "cores": len(list_usable_cores()),
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
        "distribution": _read_distribution(),
        "virtual": "hypervisor" in _read_cpuinfo("flags").split(),
        "processors": psutil.cpu_count(),
        "affinity": hasattr(os, "sched_setaffinity"),
    }


def describe_job() -> dict[str, str]:
    """Return the job of SLURM in which this process runs, its partition, and a hash of the node.

    The salt of the hash is the study's (bench/runner/cluster.py), and in none of its runs.
    """
    names = {"job": "SLURM_JOB_ID", "partition": "SLURM_JOB_PARTITION"}
    facts = {key: os.environ[name] for key, name in names.items() if name in os.environ}
    if salt := os.environ.get(SALT):
        facts["node"] = fingerprint([salt, platform.node()])
    return facts


def read_cpu_model() -> str:
    """Return the maker's name of the CPU without trademark signs and clock rate.

    A guest may see a name without a number, which CPUs of unlike speed share: it gets the family
    and the model.
    """
    name = _read_cpuinfo("model name")
    if not name and platform.system() == "Darwin":
        name = _run(["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"])
    name = re.sub(r"\((?:R|TM)\)", "", name or platform.processor() or platform.machine())
    name = " ".join(name.partition("@")[0].split())
    family, model = _read_cpuinfo("cpu family"), _read_cpuinfo("model")
    is_known = re.search(r"\d", name) or not family
    return name if is_known else f"{name} family {family} model {model}"


def read_usable_memory(cgroup: Path = Path("/sys/fs/cgroup/memory.max")) -> int:
    """Return the bytes of memory of this machine, or the limit of its cgroup if that is lower."""
    total, limit = psutil.virtual_memory().total, read_text(cgroup)
    return min(total, int(limit)) if limit.isdigit() else total  # no cgroup v2, or "max"


def describe_suite() -> dict[str, object]:
    """Return the suite's version, its git commit, and whether its code differs from the commit."""
    facts: dict[str, object] = {"version": importlib.metadata.version("softmax-bench")}
    if (machine.ROOT / ".git").exists():
        git = ["git", "-C", str(machine.ROOT)]
        facts["commit"] = _run([*git, "rev-parse", "HEAD"])
        changes = _run([*git, "status", "--porcelain", "--", "bench", "implementations"])
        facts["dirty"] = bool(changes)
    return facts


def read_conditions(root: Path = Path("/")) -> Reading:
    """Return load, clock and counters; None for what this machine does not report.

    seconds: on the monotonic clock. load: the mean of a minute. mhz: the mean of the processors.
    Since the system's start: busy_seconds and steal_seconds of all processors together, throttled
    (how often a usable core was too hot), and own_seconds, the CPU time of this process and of
    the children that it has waited for.
    root: the folder that stands for /; only tests have another.
    """
    own, cpu, clock = os.times(), psutil.cpu_times(), psutil.cpu_freq()
    throttles = [
        int(text)
        for core in list_usable_cores()
        if (text := read_text(root / THROTTLE_COUNT.format(core))).isdigit()
    ]
    busy = ("user", "nice", "system", "irq", "softirq")
    return {
        "seconds": now(),
        "load": os.getloadavg()[0],
        "mhz": clock.current if clock else None,
        "busy_seconds": sum(getattr(cpu, name, 0.0) for name in busy),
        "steal_seconds": getattr(cpu, "steal", None),
        "throttled": sum(throttles) if throttles else None,
        "own_seconds": own.user + own.system + own.children_user + own.children_system,
    }


def compare_readings(before: Reading, after: Reading) -> dict[str, float | None]:
    """Return what a record keeps of two readings: loads and clocks, and differences of counters.

    others_seconds: CPU time of all other processes of the machine.
    """
    conditions: dict[str, float | None] = {}
    for name in ("load", "mhz"):
        conditions |= {f"{name}_before": before[name], f"{name}_after": after[name]}
    for name in ("seconds", "steal_seconds", "throttled"):
        conditions[name] = _subtract(after[name], before[name])
    busy = _subtract(after["busy_seconds"], before["busy_seconds"])
    others = _subtract(busy, _subtract(after["own_seconds"], before["own_seconds"]))
    # The kernel counts in ticks, so the difference may be a little below zero.
    conditions["others_seconds"] = None if others is None else max(0.0, others)
    return conditions


def _subtract(value: float | None, other: float | None) -> float | None:
    return None if value is None or other is None else value - other


def read_text(path: Path) -> str:
    """Return a file without the space around it; empty if it cannot be read."""
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _read_cpuinfo(key: str) -> str:
    """Return a field of the first processor in /proc/cpuinfo, or an empty string."""
    text = read_text(Path("/proc/cpuinfo"))
    field = re.search(rf"^{re.escape(key)}\s*:\s*(.*)$", text, re.MULTILINE)
    return field[1] if field else ""


def _read_distribution() -> str:
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
