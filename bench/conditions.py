"""What may disturb a measurement: read before and after each trial, and before a run."""

import os
import re
import select
from collections.abc import Iterator, Mapping
from pathlib import Path

from bench.gpu import VISIBLE, visible_gpu
from bench.machine import cgroup_quota, usable_cores
from bench.measure import now
from bench.watch import GpuMonitor

ROOT = Path("/")
# What a quiet machine's own services take stays below; above, an epoch has lost time to others.
OTHERS = 0.05
WATCH_SECONDS = 1.0

Reading = Mapping[str, float | None]


def read_conditions(root: Path = ROOT) -> Reading:
    """Return load, clock and counters; what cannot be read is None.

    seconds: on the monotonic clock. load: over a minute. mhz: mean over the processors. The rest
    counts from the system's start: busy_seconds, steal_seconds (of all processors together),
    throttled (times a core was too hot), and own_seconds, the CPU time of this process and of the
    children it has waited for.
    """
    own = os.times()
    busy, steal = _stat(root / "proc/stat")
    return {
        "seconds": now(),
        "load": os.getloadavg()[0],
        "mhz": _mhz(root / "proc/cpuinfo"),
        "busy_seconds": busy,
        "steal_seconds": steal,
        "throttled": _throttled(root),
        "own_seconds": own.user + own.system + own.children_user + own.children_system,
    }


def compare_readings(before: Reading, after: Reading) -> dict[str, float | None]:
    """Return what a record keeps of two readings: both loads and clocks, and what was counted.

    others_seconds is the CPU time of all other processes of the machine.
    """
    spent = {
        name: _difference(before[name], after[name])
        for name in ("seconds", "steal_seconds", "busy_seconds", "own_seconds", "throttled")
    }
    others = _difference(spent.pop("own_seconds"), spent.pop("busy_seconds"))
    return {
        **{f"{name}_{when}": side[name] for when, side in (("before", before), ("after", after))
           for name in ("load", "mhz")},
        **spent,
        "others_seconds": None if others is None else max(0.0, others),
    }  # fmt: skip


def _difference(before: float | None, after: float | None) -> float | None:
    return None if before is None or after is None else after - before


def _stat(path: Path) -> tuple[float | None, float | None]:
    """Busy and stolen seconds of all processors: proc(5), fields of the line ``cpu``."""
    try:
        user, nice, system, _idle, _wait, irq, soft, steal = map(
            int, path.read_text().split("\n", 1)[0].split()[1:9]
        )
    except (OSError, ValueError):
        return None, None
    tick = os.sysconf("SC_CLK_TCK")
    return (user + nice + system + irq + soft) / tick, steal / tick


def _mhz(path: Path) -> float | None:
    try:
        clocks = re.findall(r"^cpu MHz\s*:\s*([\d.]+)", path.read_text(), re.MULTILINE)
    except OSError:
        return None
    return sum(map(float, clocks)) / len(clocks) if clocks else None


def _throttled(root: Path) -> float | None:
    """How often the cores were throttled; None where the counters are absent, as in most guests."""
    counts = [
        _number(root / f"sys/devices/system/cpu/cpu{core}/thermal_throttle/core_throttle_count")
        for core in usable_cores()
    ]
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _number(path: Path) -> float | None:
    try:
        return float(path.read_text())
    except (OSError, ValueError):
        return None


def find_disturbances(root: Path = ROOT) -> list[str]:
    """Say what would disturb a run on this machine now, and what to do about it; takes a second."""
    return [*_settings(root), *_gpus(), *_busy(root)]


def _settings(root: Path) -> Iterator[str]:
    cpu = root / "sys/devices/system/cpu"
    cores = usable_cores()
    governors = {_text(cpu / f"cpu{core}/cpufreq/scaling_governor") for core in cores} - {""}
    if governors - {"performance"}:
        yield (
            f"the frequency governor is {' and '.join(sorted(governors))}: the clock follows the "
            "load; choose performance (cpupower frequency-set -g performance)"
        )
    if _text(cpu / "intel_pstate/no_turbo") == "0" or _text(cpu / "cpufreq/boost") == "1":
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


def _gpus() -> Iterator[str]:
    """Name what else computes on the GPU that a run would take."""
    others = GpuMonitor(visible_gpu()).other_processes
    if others:
        yield (
            f"{others} other processes compute on GPU {visible_gpu()}; end them, or choose "
            f"another GPU ({VISIBLE})"
        )


def _busy(root: Path) -> Iterator[str]:
    before = read_conditions(root)
    select.select([], [], [], WATCH_SECONDS)
    found = compare_readings(before, read_conditions(root))
    cores = os.cpu_count() or 1
    whole = (found["seconds"] or WATCH_SECONDS) * cores
    if (found["others_seconds"] or 0) / whole > OTHERS:
        share = (found["others_seconds"] or 0) / whole
        yield f"other processes take {share:.0%} of the {cores} cores; end them, or wait"
    if (found["steal_seconds"] or 0) > 0:
        yield (
            "the hypervisor gives this machine's time to others (steal); "
            "measure when they are quiet, or on a machine of its own"
        )


def _siblings(cpu: Path, core: int) -> set[int]:
    """Hardware threads of a core's core, from lists such as ``0,4`` or ``0-1``."""
    found: set[int] = set()
    for part in filter(None, _text(cpu / f"cpu{core}/topology/thread_siblings_list").split(",")):
        first, _, last = part.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
