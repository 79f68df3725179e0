"""Decide whether a version is slower than another one."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from bench.analysis.intervals import Interval
from bench.regression.stats.decision import Rule, Verdict, decide_all, estimate_more_pairs
from bench.regression.stats.signed_rank import compare_pairs


@dataclass(frozen=True, slots=True)
class Decision:
    """What pairs of measurements show."""

    verdict: Verdict  # "slower", "faster", "no change" or "undecided"
    # Of candidate to baseline: the Hodges-Lehmann estimate (``mean``) with its bounds (``low`` and
    # ``high``), which are None with too few pairs.
    ratio: Interval
    p_slower: float  # one-sided, of the hypothesis that the candidate is not slower
    p_faster: float  # likewise, that it is not faster
    more_pairs: int | None = None  # about how many more would decide; None if that is not known


def decide(
    pairs: Iterable[tuple[float, float]], tolerance: float = 0.02, alpha: float = 0.01
) -> Decision:
    """Decide whether the candidate is slower than the baseline, from pairs of measurements.

    pairs: the baseline's and the candidate's time, or any other positive number of which less is
    better, measured close to each other. tolerance: the share below which a difference does not
    matter. alpha: the probability, at most, of *slower* if the versions do not differ, and the same
    of *faster*. Raises ValueError without a pair, for a number that is not positive and finite, and
    for a tolerance or alpha that is not a share.

    It assumes that the pairs are independent, and that a fair coin decided in each which version
    was measured first. Then, if the versions do not differ, the logarithm of a pair's ratio is
    positive or negative with equal chance, whatever its distribution, and the exact signed-rank
    test of Wilcoxon (1945) has the level alpha. *Slower*: that test rejects "not slower", and the
    estimate of Hodges and Lehmann (1963) is above 1 + tolerance. *Faster*: likewise below its
    inverse. *No change*: the interval of level 1 - 2 alpha lies within the tolerance; it supposes
    that the logarithms are symmetric around their median. *Slower* and *faster* need
    log2(1 / alpha) pairs at least, 7 at 1 %. bench/regression/stats/signed_rank.py has the sources.

    Call it once, with all pairs. Measuring until it decides would raise the false alarms above
    alpha. ``bench ab`` looks at times that were fixed before, by the design of Pocock (1977), and
    judges several measurements together by the procedure of Holm (1979).
    """
    given = [(float(before), float(after)) for before, after in pairs]
    if not all(math.isfinite(value) and value > 0 for pair in given for value in pair):
        raise ValueError("every number of a pair must be positive and finite")
    if not (tolerance >= 0 and 0 < alpha < 0.5):
        raise ValueError("tolerance must be 0 or more, and alpha between 0 and 0.5")
    logs = [math.log(after) - math.log(before) for before, after in given]
    rule = Rule(tolerance, alpha)
    difference = compare_pairs(logs, (len(logs),), alpha)
    verdict = decide_all({"": difference}, rule)[""]
    more = estimate_more_pairs(difference, rule) if verdict == "undecided" else None
    return Decision(verdict, difference.ratio, difference.p_slower, difference.p_faster, more)
