"""The fixed cost of a step: the ladder from a framework to the layers on top of it.

An epoch of the same images is measured at two batch sizes in the same rounds. E(B) is the median
epoch of a process at batch size B, and n(B) the number of its steps. In each round

    fixed = (E(small) - E(large)) / (n(small) - n(large))
    images = E(small) / n(small) - fixed

*Fixed* is the cost of one more step if the same images are divided into more steps. It contains
what does not depend on the number of images: Python, the dispatch of its operations, the update of
the weights. It also contains what small products lose: with N images, of which one takes c(B)
within a batch of B, it is larger by N (c(small) - c(large)) / (n(small) - n(large)). It does not
contain dispatch that runs while the device computes. So it is an upper bound of the dispatch
that a step waits for, if an image takes no less time in a small batch than in a large one.

*Images* is the rest of a step, with its share of what an epoch costs once, such as its order.

Near these sizes n_half says where overhead ends: the batch size at which half of a step is fixed
cost. Source: R. W. Hockney and C. R. Jesshope, Parallel Computers 2, 1988, section 1.3. Their other
number, the speed with ever larger batches, is not reached: at 9,600 images jax-scan has half of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from bench.analysis.intervals import Interval, estimate_difference, estimate_typical
from bench.analysis.summary import Row
from bench.records.schema import Case, Run


@dataclass(frozen=True, slots=True)
class StepCost:
    """What a step of a program costs at the run's first batch size, in seconds.

    fixed, images: see above. Both are differences, and may be negative where the noise is larger.
    half_size: images of a batch, n_half. None where a difference that it follows from is negative
    in any round, and of a row that waits: it sleeps, which is neither.
    """

    fixed: Interval
    images: Interval
    half_size: Interval | None = None

    def predict_epoch(self, base: Case, case: Case) -> float:
        """Return the seconds of an epoch at another batch size than that of the base."""
        images = self.images.mean * case.batch_size / base.batch_size
        return case.steps * (self.fixed.mean + images)


def find_batch_sizes(run: Run) -> list[int]:
    """Return the batch sizes of the first workload that each round measures, in their order.

    At the first number of samples. Those of a sweep do not count: its rounds follow the others.
    """
    problem = {(case.workload, case.samples) for case in run.cases[:1]}
    cases = [case for case in run.cases if (case.workload, case.samples) in problem]
    return list(dict.fromkeys(case.batch_size for case in cases))


def measure_steps(rows: Sequence[Row], run: Run) -> dict[str, StepCost]:
    """Return what a step costs in each softmax program, by the slug of its row at the first size.

    Compared are ranked rows of the first workload at the first two batch sizes of the plan ``run``,
    on the same device with the same threads. A step of one-vs-rest has one image at any batch size.
    """
    sizes = find_batch_sizes(run)[:2]
    if len(sizes) < 2:
        return {}
    ranked = {row.case.slug: row for row in rows if row.ranked and row.case.objective == "softmax"}
    costs = {}
    for slug, row in ranked.items():
        other = ranked.get(msgspec.structs.replace(row.case, batch_size=sizes[1]).slug)
        first = (row.case.workload, row.case.batch_size) == (run.cases[0].workload, sizes[0])
        if first and other and (cost := compare_sizes(row, other)):
            costs[slug] = cost
    return costs


def compare_sizes(row: Row, other: Row) -> StepCost | None:
    """Return what a step of a row costs, by a row of another batch size; None without a round."""
    steps, others = row.case.steps, other.case.steps
    epochs, at_other = row.epochs_by_round, other.epochs_by_round
    rounds = sorted(epochs.keys() & at_other.keys())
    if not rounds:
        return None
    fixed = [(epochs[number] - at_other[number]) / (steps - others) for number in rounds]
    images = [epochs[number] / steps - cost for number, cost in zip(rounds, fixed, strict=True)]
    size, half_size = row.case.batch_size, None
    if min(*images, *fixed) > 0 and not (row.waits or other.waits):
        half_size = estimate_typical([f * size / i for f, i in zip(fixed, images, strict=True)])
    return StepCost(estimate_difference(fixed), estimate_difference(images), half_size)
