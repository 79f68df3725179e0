"""What stands side by side in a report of several runs: devices of machines, and their rows."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from bench.analysis.summary import Row
from bench.contract import Device
from bench.errors import UserError
from bench.report.load import Loaded
from bench.report.sections import comparison
from bench.report.sections.gpu import DEVICES
from bench.report.several import Measured
from bench.worker.machine import fingerprint


class Hardware(NamedTuple):
    """One device of one machine, as one run measured it.

    machine: its name in this report. id: the machine's. threads: of its CPU. model: the GPU's,
    where the run tells it.
    """

    machine: str
    id: str
    device: Device
    threads: int
    model: str

    def __str__(self) -> str:
        if self.device == "cpu":
            return f"{self.machine}, {self.threads} thread{'s' * (self.threads > 1)}"
        known = self.model in self.machine
        return f"{self.machine}, gpu" if known else f"{self.machine}, gpu {self.model}"


def hardware(found: Iterable[Measured]) -> list[Hardware]:
    """Return every device that was tried, in the order of the runs, the CPU of each first."""
    return [_hardware(each, device) for each in found for device in DEVICES if _on(each, device)]


def _on(found: Measured, device: Device) -> list[Row]:
    return [row for row in found.rows if row.case.device == device]


def _hardware(found: Measured, device: Device) -> Hardware:
    told = next((each.machine for each in found.of.run.environments.values()), {})
    model = next(iter(told.get("gpus") or ()), "") if device == "gpu" else ""
    threads = min(_on(found, device), key=lambda row: row.swept).case.threads
    return Hardware(found.name, str(told.get("id")), device, threads, str(model))


def chosen(there: Sequence[Hardware], wanted: str) -> Hardware:
    """Return the one whose machine's id, or whose name, is what was asked for or has it in it.

    Raises UserError where none is, or several are.
    """
    text = wanted.casefold()
    fit = [each for each in there if text in _ids(each)] or [
        each for each in there if text in str(each).casefold()
    ]
    if len(fit) == 1:
        return fit[0]
    what = "several: name more of one" if fit else "nothing that was measured: name one"
    listed = "; ".join(f"{each} ({each.id})" for each in fit or there)
    raise UserError(f"--relative-to {wanted} fits {what} of {listed}")


def _ids(one: Hardware) -> tuple[str, str]:
    """Return what names it exactly: an id alone may be that of a CPU and a GPU."""
    return one.id.casefold(), f"{one.id}, {one.device}".casefold()


class Problem(NamedTuple):
    """What has to be the same for rows to stand beside each other; data: a digest of the files.

    Neither the device nor its threads: these are what hardware differs in.
    """

    workload: str
    batch_size: int
    samples: int
    name: str
    data: str

    def __str__(self) -> str:
        return (
            f"{self.workload}: batch size {self.batch_size}, {self.samples:,} samples of "
            f"{self.name}"
        )


class Alike(NamedTuple):
    """The rows of one problem: by what they are called, and by the hardware, in its order."""

    problem: Problem
    hardware: Sequence[Hardware]
    rows: Mapping[str, Mapping[Hardware, Row]]


def alike(found: Iterable[Measured]) -> list[Alike]:
    """Return the rows of each problem that at least two devices were asked to solve.

    Those of a run's first size alone: a sweep is the business of its own report.
    """
    rows: dict[Problem, dict[str, dict[Hardware, Row]]] = defaultdict(lambda: defaultdict(dict))
    there: dict[Problem, dict[Hardware, None]] = defaultdict(dict)
    for each in found:
        name, data = data_key(each.of.run)
        for one in hardware([each]):
            for row in (row for row in _on(each, one.device) if not row.swept):
                case = row.case
                problem = Problem(case.workload, case.batch_size, case.samples, name, data)
                rows[problem][comparison.name(case)][one] = row
                there[problem][one] = None
    return [Alike(problem, list(there[problem]), its) for problem, its in rows.items()
            if len(there[problem]) > 1]  # fmt: skip


def sized(found: Iterable[Measured]) -> dict[tuple[str, str, str], dict[Hardware, list[Row]]]:
    """Return the ranked rows of all sizes: of a workload and data, a list a device.

    The data are their name and a digest of their files.
    """
    rows: dict[tuple[str, str, str], dict[Hardware, list[Row]]] = defaultdict(dict)
    for each in found:
        data = data_key(each.of.run)
        for one in hardware([each]):
            for row in filter(lambda row: row.ranked, _on(each, one.device)):
                rows[row.case.workload, *data].setdefault(one, []).append(row)
    return rows


def data_key(run: Loaded) -> tuple[str, str]:
    """Return the name of a run's data, and a digest of their files."""
    told = next((each.data for each in run.environments.values()), {})
    return str(told.get("name")), fingerprint([told.get("name"), told.get("sha256")])
