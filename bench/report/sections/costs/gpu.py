"""The CPU against the GPU."""

import math
from collections.abc import Callable, Sequence

from bench.analysis.devices import (
    Crossover,
    DeviceComparison,
    compare_devices,
    find_crossovers,
)
from bench.analysis.summary import Row
from bench.analysis.sweep import find_sweep
from bench.contract import Device
from bench.report.base import numbers, tables
from bench.report.base.labels import describe_status, list_workloads, name_case, name_problem
from bench.report.base.load import LoadedRun
from bench.report.base.parts import Section, Table

TITLE = "CPU against GPU"
BOTH: tuple[Device, ...] = ("cpu", "gpu")
NOT_RANKED = "No row of a GPU is ranked: *Failed and unavailable* gives the reasons."
ADD_GPU = (
    "This run has no GPU. To see from which batch size on a GPU is faster, run `softmax-bench run "
    "--sweep --device cpu,gpu`."
)
ADD_SWEEP = "To see from which batch size on the GPU is faster, add --sweep."
COMPARED_NOTE = (
    "Speedup: CPU time over GPU time, round by round; above 1, the GPU is faster. Each device has "
    "the number of threads with the shortest epoch of those measured. Predictions: of all test "
    "images at once, from the host and back to it, so that a GPU's contain the copy of the images "
    "over PCIe. *Failed and unavailable* gives the reasons of missing rows."
)
CROSSOVER_NOTE = (
    "GPU faster from: the batch size at which the speedup passes 1 for the last time, interpolated "
    "between the sizes of the sweep on logarithmic scales; in brackets, where the ends of the "
    "speedups' intervals pass 1. Uncertain: each size was measured once."
)
USED_NOTE = (
    "% of roofline: the time of an epoch at the rates of the probes on this GPU, over the time "
    "that it took. Memory reserved: by the process on the GPU, including the CUDA context; how "
    "much more than they need the frameworks reserve differs. Memory used: at most at one time, by "
    "the framework's own count. Joules: from the GPU's own counter, over the timed epochs and the "
    "time between them; absent below two seconds, and where other processes were on the GPU."
)
UNTUNED = (
    "{workload}: measured with one number of threads on the CPU: {names}. Where another number is "
    "faster, the speedup is too large, and the GPU is faster from a larger batch size only. "
    "Without --quick, --layers and --threads, each program gets its best number."
)
UNTUNED_BRIEF = " at one number of threads, which need not be its best"
SPEEDUPS_NOTE = "CPU time over GPU time of an epoch: above 1, the GPU is faster."


def describe_gpu(run: LoadedRun) -> Section:
    """Return the comparison of the devices, or how to get one."""
    if not run.on_gpu:
        return Section(TITLE, empty=ADD_GPU)
    table_list, finding, remarks = [], "", []
    chosen = {row.case.slug for row in run.rows}
    tried = [row for row in run.tried if row.case.slug not in chosen]
    for workload in list_workloads(run.rows):
        # Of the first workload, which the sweep belongs to.
        crossed = find_crossovers(run.rows, workload) if workload == run.workload else ()
        pairs = compare_devices([*run.rows, *tried], workload, crossed)
        table_list += tabulate_devices(pairs, crossed)
        # A stranger's file may have anything here.
        untuned = [] if run.machine.get("cores") == 1 else list_untuned(pairs)
        if untuned:
            remarks.append(UNTUNED.format(names=", ".join(untuned), workload=workload))
        if workload == run.workload:
            finding = describe_speedups(pairs, at_best=not untuned)
    if table_list and not find_sweep(run.rows, run.workload):
        remarks.append(ADD_SWEEP)
    return Section(TITLE, table_list, NOT_RANKED, remarks=remarks, finding=finding)


def list_untuned(pairs: Sequence[DeviceComparison]) -> list[str]:
    """Return the programs with a speedup over a CPU on which one number of threads was tried."""
    return [
        name_case(pair.rows["cpu"].case)
        for pair in pairs
        if pair.training and len(pair.cpu_threads) < 2
    ]


def describe_speedups(pairs: Sequence[DeviceComparison], *, at_best: bool) -> str:
    """Say how many programs the GPU trains certainly faster, and how many slower; else nothing.

    at_best: whether several numbers of threads were tried on the CPU.
    """
    speedups = [pair.training for pair in pairs if pair.training]
    if not speedups or any(speedup.low is None for speedup in speedups):
        return ""
    certain = [speedup.mean for speedup in speedups if speedup.excludes(1)]
    faster = sum(mean > 1 for mean in certain)
    batch_size = next(iter(pairs[0].rows.values())).case.batch_size
    return (
        f"At batch size {batch_size:,} the GPU trains {faster} of {len(speedups)} programs "
        f"certainly faster than the CPU{'' if at_best else UNTUNED_BRIEF}, and "
        f"{len(certain) - faster} certainly slower."
    )


def tabulate_devices(
    pairs: Sequence[DeviceComparison], crossovers: Sequence[Crossover] = ()
) -> list[Table]:
    """Return the tables of one workload; none if no row of a GPU is ranked."""
    rows = [row for pair in pairs if (row := pair.ranked("gpu"))]
    if not rows:
        return []
    table_list = []
    if any(pair.ranked("cpu") for pair in pairs):
        table_list.append(_tabulate_pairs(pairs))
    columns = [
        tables.list_words("implementation", [name_case(row.case) for row in rows]),
        tables.list_percents("% of roofline", [row.roofline_share for row in rows]),
        tables.list_memory("memory reserved", [row.memory.device_bytes for row in rows]),
        tables.list_memory("memory used", [row.memory.framework_bytes for row in rows]),
        tables.list_numbers("joules per epoch", [row.epoch_joules for row in rows]),
    ]
    title = f"Use of the GPU, {name_problem(rows[0].case)}"
    table_list.append(tables.build_table(title, columns, USED_NOTE))
    sizes = sorted({size for crossover in crossovers for size in crossover.speedups})
    if len(sizes) > 1:
        columns = [tables.list_words("implementation", [swept.name for swept in crossovers])]
        columns += [
            tables.list_factors(f"{size:,}", [swept.speedups.get(size) for swept in crossovers])
            for size in sizes
        ]
        table_list.append(tables.build_table("GPU speedup by batch size", columns, SPEEDUPS_NOTE))
    return table_list


def _tabulate_pairs(pairs: Sequence[DeviceComparison]) -> Table:
    """Return both devices' throughput and speedups, a line for each implementation."""
    crossed = any(pair.crossover for pair in pairs)

    def list_rates(
        pair: DeviceComparison, heading: str, find_rate: Callable[[Row], float | None]
    ) -> dict[str, str]:
        return {
            f"{heading}, {device.upper()}": numbers.format_number(find_rate(row))
            if (row := pair.ranked(device))
            else describe_status(pair.rows.get(device))
            for device in BOTH
        }

    lines = []
    for pair in pairs:
        cpu, crossover = pair.ranked("cpu"), describe_crossover(pair.crossover)
        lines.append(
            {
                "implementation": name_case(next(iter(pair.rows.values())).case),
                **list_rates(pair, "samples/s", lambda row: row.samples_per_second),
                "CPU threads": numbers.format_threads(cpu.case.threads) if cpu else numbers.ABSENT,
                "speedup": numbers.format_factor(pair.training),
                **({"GPU faster from batch size": crossover} if crossed else {}),
                **list_rates(pair, "predictions/s", lambda row: row.prediction.per_second),
                "speedup of predicting": numbers.format_factor(pair.predicting),
            }
        )
    note = f"{COMPARED_NOTE} {CROSSOVER_NOTE}" if crossed else COMPARED_NOTE
    case = next(iter(pairs[0].rows.values())).case
    title = f"Training and predicting, {name_problem(case)}"
    return tables.tabulate_lines(title, lines, 1, note)


def describe_crossover(crossover: Crossover | None) -> str:
    """Return the batch size from which on the second device is faster, with its interval."""
    if crossover is None:
        return numbers.ABSENT
    size, sizes = crossover.size, list(crossover.speedups)
    words = {0.0: "every size measured", math.inf: "no size measured"}
    text = words.get(size.mean) or _format_size(size.mean, sizes)
    if size.low is None or size.high is None:
        return f"{text} (uncertain)"
    if size.low == size.mean == size.high:
        return text
    return f"{text} [{_format_size(size.low, sizes)}, {_format_size(size.high, sizes)}]"


def _format_size(batch_size: float, sizes: Sequence[int]) -> str:
    """Format a batch size, or the end of the measured sizes beyond which it lies."""
    if batch_size == 0:
        return f"< {numbers.format_count(sizes[0])}"
    if batch_size == math.inf:
        return f"> {numbers.format_count(sizes[-1])}"
    return numbers.format_count(round(batch_size))
