"""The presets of a run: what each changes of the values below; an option overrides single ones.

``python docs/generate.py`` writes them as docs/presets.csv.
"""

from dataclasses import dataclass
from typing import Literal

ALL_CORES = 0
# The ladder (bench/analysis/ladder.py) divides the difference of two epochs, and their noise, by
# that of their numbers of steps: of 48,000 images by 1,500 - 375 for batches of 32 and 128. For 64
# it would be by 750 only, and for any larger size by at most 1,500. Products of a larger size are
# more efficient, so more of what small products lose would count as the step's cost.
LADDER_BATCH_SIZE = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """What a run measures, and how, where no option says otherwise."""

    # Those that the registry measures always, or all.
    programs: Literal["standard", "all"] = "standard"
    workloads: tuple[str, ...] = ("sgd", "textbook")  # in their order
    second_batch_size: int = 0  # of the first workload, in the same rounds; 0 for none
    # Numbers on the CPU, each of which is a row of the first workload, and the first one of the
    # others; ALL_CORES stands for those of the machine. On a GPU a row has all cores.
    threads: tuple[int, ...] = (1,)
    try_all_cores: bool = False  # try them where they could matter (threads.py)
    rounds: int = 5  # most processes of a row of the first workload
    other_rounds: int = 5  # most of a row of the others
    least_rounds: int = 5  # from which on a row may be complete (bench/analysis/stopping.py)
    epochs: int = 5  # that a process trains in a row
    # The round from which on a process only starts and times few epochs; 0 for none.
    lean_from: int = 0
    # The round from which on a process finds the compile caches of its row; 0 for none.
    warm_from: int = 0
    # Measure the programs that are always measured at other batch sizes, too, once.
    sweep: bool = False
    budget: float | None = None  # seconds for each device, or None


PRESETS = {
    # docs/methodology.md says how often the intervals hold under the rule that may end after three.
    "default": Preset(
        try_all_cores=True,
        other_rounds=3,
        least_rounds=3,
        lean_from=2,
        warm_from=3,
        budget=600.0,
    ),
    # Without a budget: on a busy machine it takes longer, and is complete.
    "quick": Preset(workloads=("sgd",), rounds=1, other_rounds=1, least_rounds=1),
    # A step's cost is a difference, which needs more processes than the time of an epoch. One
    # thread, so that a layer has the same ones as what it is built on, and no step overlaps with
    # the Python that a layer adds.
    "layers": Preset(
        programs="all",
        second_batch_size=LADDER_BATCH_SIZE,
        other_rounds=1,
        lean_from=2,
        warm_from=4,
        budget=1800.0,
    ),
    "publish": Preset(
        programs="all",
        second_batch_size=LADDER_BATCH_SIZE,
        threads=(1, ALL_CORES),
        warm_from=4,
        sweep=True,
    ),
    # A first round takes 400 s on a 2-core Zen 4, and a lean one with compile caches about 220 s.
    "share": Preset(
        programs="all",
        workloads=("sgd",),
        least_rounds=3,
        lean_from=2,
        warm_from=2,
        budget=720.0,
    ),
}
