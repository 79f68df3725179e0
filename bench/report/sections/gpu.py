"""The CPU against the GPU, and what the GPU was like meanwhile, as tables of text."""

import math
from collections.abc import Callable, Iterable, Sequence

from bench.analysis.crossover import Crossover
from bench.analysis.gpu import DeviceComparison, GpuConditions, Span, compare_devices, summarize_gpu
from bench.analysis.summary import Row
from bench.analysis.sweep import Sweep
from bench.contract import Device
from bench.records.schema import Case
from bench.report.load import Loaded
from bench.report.render import numbers
from bench.report.sections.comparison import Table, name, sizes, standing, workloads

READINGS = (
    ("temperature", "celsius", "°C"), ("clock", "sm_mhz", "MHz"),
    ("memory clock", "memory_mhz", "MHz"),
)  # fmt: skip
DEVICES: tuple[Device, ...] = ("cpu", "gpu")
NONE_WELL = "No trial on a GPU went well: *Failed and unavailable* says why."
NO_SWEEP = "with --sweep: from which batch size on the GPU is the faster"
COMPARED_NOTE = (
    "Speedup: CPU time over GPU time, round by round; above 1 the GPU is the faster. Predictions: "
    "of all test images at once, from the host and back to it. Why a row is unavailable or failed "
    "stands under *Failed and unavailable*."
)
PASSING = (
    "the batch size at which the speedup passes 1 for the last time, interpolated between the "
    "sizes of the sweep on logarithmic scales; in brackets where the bounds of the speedups' "
    "intervals do. Not told: one process a size gives no interval."
)
CROSSING_NOTE = f"GPU faster from: {PASSING}"
USED_NOTE = (
    "Share of the ceiling: the least time that an epoch could take on this GPU, over the time it "
    "took. Memory: what the process reserved on the GPU, the CUDA context included. Joules: by the "
    "GPU's own counter, over the timed epochs and what lies between them."
)
SPEEDUPS_NOTE = "CPU time over GPU time of an epoch: above 1 the GPU is the faster."
TRIALS_NOTE = (
    "Of all trials on the GPU that went well, those of a sweep too. Before: after the warm-up, "
    "before the first timed epoch; after: after the last one. At both moments the GPU has just "
    "become idle: what slowed it down in between may not show. Another process: as far as the "
    "driver tells, which in a container is often nothing. A dash: it could not be read."
)


def shown(
    found: Loaded, sweep: Sweep | None, crossed: Sequence[Crossover]
) -> tuple[list[Table], list[str]]:
    """Return the tables of a run of which trials were tried on a GPU, and what to say below.

    sweep, crossed: those of the first workload, which the sweep is of.
    """
    made, remarks = [], [] if sweep else [NO_SWEEP]
    for workload in workloads(found.rows):
        crossings = crossed if workload == found.workload else ()
        compared = compare_devices(found.rows, workload, crossings)
        made += tables(compared, crossings)
        remarks += absent_energy(compared)
    meanwhile = summarize_gpu(found.records)
    made += [trials(meanwhile, _gpus(found))] if meanwhile else []
    return made, list(dict.fromkeys(remarks)) if made else []


def tables(found: Sequence[DeviceComparison], crossed: Sequence[Crossover] = ()) -> list[Table]:
    """Return what the devices did of one workload; none where no GPU row may be compared."""
    on_gpu = [each for each in found if each.ranked("gpu")]
    if not on_gpu:
        return []
    both = any(each.ranked("cpu") for each in found)
    made = [_compared(found) if both else None, _used(on_gpu), _speedups(crossed)]
    return [table for table in made if table is not None]


def absent_energy(found: Iterable[DeviceComparison]) -> list[str]:
    """Say why joules are absent: a line a reason, with those that it is the reason of."""
    why = absent_joules(filter(None, (each.ranked("gpu") for each in found)))
    return [f"joules of {', '.join(names)}: {said}" for said, names in why.items()]


def absent_joules(rows: Iterable[Row]) -> dict[str, list[str]]:
    """Return why rows of a GPU have no joules: the implementations by the reason, each once."""
    why: dict[str, dict[str, None]] = {}
    for row in rows:
        if row.case.device == "gpu" and row.epoch_joules is None:
            said = row.energy_absent or "no reason was given"
            why.setdefault(said, {})[row.case.implementation] = None
    return {said: list(names) for said, names in why.items()}


def _compared(found: Sequence[DeviceComparison]) -> Table:
    crossed = any(each.crossover for each in found)
    lines = [
        [name(_case(each)), *_both(each, _rate), numbers.factor(each.training),
         *[crossing(each.crossover)] * crossed,
         *_both(each, _predict), numbers.factor(each.predicting)]
        for each in found
    ]  # fmt: skip
    headings = (
        "implementation", "samples/s, CPU", "samples/s, GPU", "speedup",
        *["GPU faster from batch size"] * crossed,
        "predictions/s, CPU", "predictions/s, GPU", "speedup of predicting",
    )  # fmt: skip
    note = f"{COMPARED_NOTE} {CROSSING_NOTE}" if crossed else COMPARED_NOTE
    return Table(f"Training and predicting, {_of(_case(found[0]))}", headings, lines, 1, note)


def _of(case: Case) -> str:
    return f"{case.workload}: {sizes(case)}"


def _case(found: DeviceComparison) -> Case:
    return next(iter(found.rows.values())).case


def _both(found: DeviceComparison, shown: Callable[[Row], str]) -> list[str]:
    """Return the text of each device's row, or why it has none."""
    ranked = {device: found.ranked(device) for device in DEVICES}
    return [shown(row) if row else standing(found.rows.get(device))
            for device, row in ranked.items()]  # fmt: skip


def _rate(row: Row) -> str:
    return numbers.count(row.samples_per_second)


def _predict(row: Row) -> str:
    return numbers.count(row.predictions_per_second)


def crossing(found: Crossover | None) -> str:
    """Say from which batch size on the second is the faster, and between which that is told."""
    if found is None:
        return numbers.ABSENT
    at, sizes = found.batch_size, list(found.speedups)
    said = {0.0: "every size measured", math.inf: "never within the sweep"}.get(
        at.mean, _size(at.mean, sizes)
    )
    if at.low is None or at.high is None:
        return f"{said}, not told"
    if at.low == at.mean == at.high:
        return said
    return f"{said} [{_size(at.low, sizes)}, {_size(at.high, sizes)}]"


def _size(batch_size: float, among: Sequence[int]) -> str:
    """Show a batch size, or beyond which of those that were measured it lies."""
    if batch_size == 0:
        return f"< {numbers.whole(among[0])}"
    if batch_size == math.inf:
        return f"> {numbers.whole(among[-1])}"
    return numbers.whole(round(batch_size))


def _used(found: Sequence[DeviceComparison]) -> Table:
    """Return how well the GPU is used."""
    lines = [
        [
            name(row.case),
            numbers.percent(row.roofline_share),
            numbers.mebibytes(row.peak_device_bytes),
            numbers.count(row.epoch_joules),
        ]
        for each in found
        if (row := each.ranked("gpu"))
    ]
    headings = ("implementation", "share of the ceiling", "device memory", "joules an epoch")
    return Table(f"How the GPU is used, {_of(_case(found[0]))}", headings, lines, 1, USED_NOTE)


def _speedups(crossed: Sequence[Crossover]) -> Table | None:
    """Return the speedups over the batch sizes, where there are several."""
    sizes = sorted({size for each in crossed for size in each.speedups})
    lines = [[each.name, *(numbers.factor(each.speedups.get(size)) for size in sizes)]
             for each in crossed]  # fmt: skip
    headings = ("implementation", *(f"{size:,}" for size in sizes))
    title = "How many times as fast the GPU is, by batch size"
    return Table(title, headings, lines, 1, SPEEDUPS_NOTE) if len(sizes) > 1 else None


def _gpus(found: Loaded) -> list[str]:
    """Name the models of the machine."""
    known = (each.machine.get("gpus", ()) for each in found.environments.values())
    return list(dict.fromkeys(str(name) for names in known for name in names))


def trials(found: GpuConditions, gpus: Sequence[str]) -> Table:
    """Return what the GPU was like before and after the epochs of its trials; gpus: models."""
    shared = found.shared
    lines = [
        ["GPU", ", ".join(gpus) or numbers.ABSENT],
        *([f"{what} {when}", _span(found.spans.get(f"{key}_{when}"), unit, "{:,.0f}".format)]
          for what, key, unit in READINGS for when in ("before", "after")),
        ["throttled", _throttled(found)],
        ["another process on it", f"{shared.count} of {shared.total} trials"
         if shared.total else numbers.ABSENT],
        ["warm-up", _span(found.warm_up, "s", numbers.significant)],
    ]  # fmt: skip
    return Table("The GPU meanwhile", ("what", "here"), lines, 1, TRIALS_NOTE)


def _span(found: Span | None, unit: str, shown: Callable[[float], str]) -> str:
    if found is None:
        return numbers.ABSENT
    least, most = map(shown, found)
    return f"{least} {unit}" if least == most else f"{least} to {most} {unit}"


def _throttled(found: GpuConditions) -> str:
    if not found.throttle_reads:
        return numbers.ABSENT
    return found.throttle_summary or f"0 of {found.throttle_reads} trials"
