"""Read what may disturb a measurement: before and after every trial, and before a run."""

import os
import select
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil

from bench.worker.gpu import VISIBLE, GpuMonitor, visible_gpu
from bench.worker.machine import cgroup_quota, usable_cores
from bench.worker.measure import now

ROOT = Path("/")
# The services of a quiet machine take less than this share of its processors.
OTHERS_SHARE = 0.05
WATCH_SECONDS = 1.0

Reading = Mapping[str, float | None]


def read_conditions(root: Path = ROOT) -> Reading:
    """Return load, clock and counters; None for what this machine does not tell.

    seconds: on the monotonic clock. load: the mean of a minute. mhz: the mean of the processors.
    Since the system's start: busy_seconds and steal_seconds of all processors together, throttled
    (how often a usable core was too hot), and own_seconds, the CPU time of this process and of
    the children that it has waited for.
    root: the folder that stands for /; only tests have another.
    """
    own, cpu, clock = os.times(), psutil.cpu_times(), psutil.cpu_freq()
    busy = ("user", "nice", "system", "irq", "softirq")
    return {
        "seconds": now(),
        "load": os.getloadavg()[0],
        "mhz": clock.current if clock else None,
        "busy_seconds": sum(getattr(cpu, name, 0.0) for name in busy),
        "steal_seconds": getattr(cpu, "steal", None),
        "throttled": _throttle_count(root),
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


def _throttle_count(root: Path) -> float | None:
    """Return how often the usable cores were throttled, or None as in most virtual machines."""
    counts = []
    for core in usable_cores():
        text = _read(
            root / f"sys/devices/system/cpu/cpu{core}/thermal_throttle/core_throttle_count"
        )
        if text.isdigit():
            counts.append(float(text))
    return sum(counts) if counts else None


def find_disturbances(root: Path = ROOT) -> list[str]:
    """Return what would disturb a run on this machine, and what to do about it. Takes a second."""
    return [*_check_settings(root), *_check_gpu(), *_check_load(root)]


def _check_settings(root: Path) -> Iterator[str]:
    cpu = root / "sys/devices/system/cpu"
    cores = usable_cores()
    governors = {_read(cpu / f"cpu{core}/cpufreq/scaling_governor") for core in cores} - {""}
    if governors - {"performance"}:
        yield (
            f"the frequency governor is {' and '.join(sorted(governors))}: the clock follows the "
            "load; choose performance (cpupower frequency-set -g performance)"
        )
    if _read(cpu / "intel_pstate/no_turbo") == "0" or _read(cpu / "cpufreq/boost") == "1":
        yield (
            "turbo is on: the clock depends on heat and on how many cores work; switch it off "
            "(write 1 to intel_pstate/no_turbo, or 0 to cpufreq/boost, in /sys/devices/system/cpu)"
        )
    shared = [core for core in cores if len(_siblings(cpu, core) & set(cores)) > 1]
    if shared:
        yield (
            f"cores {', '.join(map(str, shared))} are hardware threads that share a core with "
            "another of them; choose one of each pair (taskset -c), or switch SMT off"
        )
    quota = cgroup_quota(root / "sys/fs/cgroup/cpu.max")
    if quota is not None and quota < len(os.sched_getaffinity(0)):
        yield (
            f"a container's quota of {quota:g} cores stops all threads when it is used up; bind "
            "whole cores to it (cpuset) and lift the quota"
        )


def _check_gpu() -> Iterator[str]:
    others = GpuMonitor(visible_gpu()).other_processes
    if others:
        yield (
            f"{others} other processes compute on GPU {visible_gpu()}; end them, or choose "
            f"another GPU ({VISIBLE})"
        )


def _check_load(root: Path) -> Iterator[str]:
    before = read_conditions(root)
    select.select([], [], [], WATCH_SECONDS)
    conditions = compare_readings(before, read_conditions(root))
    cores = os.cpu_count() or 1
    share = (conditions["others_seconds"] or 0) / ((conditions["seconds"] or WATCH_SECONDS) * cores)
    if share > OTHERS_SHARE:
        yield f"other processes take {share:.0%} of the {cores} cores; end them, or wait"
    if (conditions["steal_seconds"] or 0) > 0:
        yield (
            "the hypervisor gives this machine's time to others (steal); "
            "measure when they are quiet, or on a machine of its own"
        )


def _siblings(cpu: Path, core: int) -> set[int]:
    """Return the hardware threads of a core, from lists such as ``0,4`` or ``0-1``."""
    siblings: set[int] = set()
    for part in filter(None, _read(cpu / f"cpu{core}/topology/thread_siblings_list").split(",")):
        first, _, last = part.partition("-")
        siblings |= set(range(int(first), int(last or first) + 1))
    return siblings


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
