"""Calibrations of a machine: blocks of all sessions, and spreads worked out by hand."""

import math

import pytest
from support.comparisons import bad, calibrated, pairs, session, side, spread_evenly, two
from support.records import case

from bench.errors import UserError
from bench.records.schema import Slowdown
from bench.regression.calibration.spread import (
    Calibrations,
    MeasuredBlock,
    Spread,
    estimate_spread,
    locate_calibrations,
)
from bench.regression.stats import power
from bench.regression.stats.decision import Rule

NUMPY, KERAS = case("numpy"), case("keras")
SLUG = NUMPY.slug
FIVE, FIFTH = Slowdown(0.05), Slowdown(0.2, 5)


def block(*logs, apart=1.0):
    """Return a block of pairs. logs: of the minimum epoch of each process.

    apart: difference of the logarithms of the two epochs of a process.
    """
    records = [
        side(version, 1, NUMPY, 1.0, epoch_seconds=[math.exp(log), math.exp(log + apart)])
        for version, log in zip(("base", "candidate") * len(logs), logs, strict=False)
    ]
    return MeasuredBlock("a session", "now", tuple(zip(records[::2], records[1::2], strict=True)))


def test_block_has_ratios_and_process_minima():
    plain = block(0.1, 0.15, 0.3, 0.2)
    assert plain.logs == pytest.approx([0.05, -0.1])
    assert plain.minima == pytest.approx([0.1, 0.15, 0.3, 0.2])
    pair = side("base", 1, NUMPY, 1.0), side("candidate", 1, NUMPY, 1.1, slowdown=FIVE)
    slowed = MeasuredBlock("a session", "now", (pair,))
    assert slowed.logs == pytest.approx([math.log(1.1)])
    assert slowed.minima == [0.0]


# Within each block 0 and 0.02 differ by 0.02: a variance of 0.0002. Their means are 0.01 and 0.11,
# whose variance is 0.005. Two processes a block explain 0.0001 of it; 0.0049 is 0.07 squared.
# Epochs that are 0.02 and 0.06 apart have variances of 0.0002 and 0.0018.
def test_variance_components_by_hand():
    spread = estimate_spread([block(0.0, 0.02, apart=0.02), block(0.1, 0.12, apart=0.06)])
    assert spread.processes == pytest.approx(math.sqrt(0.0002))
    assert spread.blocks == pytest.approx(0.07)
    assert spread.epochs == pytest.approx(math.sqrt(0.001))
    assert spread.count == 2


# With 0, 0.02 | 0.1, 0.12, 0.1, 0.12: variances of 0.0002 and 0.0004 / 3, in the mean 0.0005 / 3;
# the harmonic mean of two and four processes is 8 / 3: 0.005 - 0.0005 / 3 / (8 / 3) = 0.0049375.
def test_short_block_has_less_weight():
    spread = estimate_spread([block(0.0, 0.02), block(0.1, 0.12, 0.1, 0.12)])
    assert spread.processes == pytest.approx(math.sqrt(0.0005 / 3))
    assert spread.blocks == pytest.approx(math.sqrt(0.0049375))


def test_spread_between_blocks_is_at_least_0():
    spread = estimate_spread([block(0.0, 0.2), block(0.01, 0.21)])
    assert spread.blocks == 0.0
    assert spread.processes == pytest.approx(math.sqrt(0.02))


def test_one_block_gives_no_spread():
    assert estimate_spread([block(0.0, 0.02)]) is estimate_spread([]) is None


# 0.0036 * (1 / 4 + 1 / 9) + 2 * 0.0004 = 0.0013 + 0.0008.
def test_ratio_deviation_by_hand():
    spread = Spread(0.5, 0.06, 0.02, 10)
    assert spread.ratio_deviation(4, 9) == pytest.approx(math.sqrt(0.0021))
    assert spread.ratio_deviation(9, 4) == spread.ratio_deviation(4, 9)
    assert spread.ratio_deviation(10**9, 10**9) == pytest.approx(0.02 * math.sqrt(2))


def slowed(number, slowdown):
    return [
        side("base", number, NUMPY, 0.5),
        side("candidate", number, NUMPY, 0.6, slowdown=slowdown),
    ]


def test_pairs_are_grouped_by_block_case_and_slowdown(tmp_path):
    # Blocks of three pairs, of which some were cut short.
    records = [
        *pairs([0.01, 0.02, 0.03]),
        *slowed(4, FIVE),
        *slowed(5, FIVE),
        *two(7, 0.5, 0.5),
        *pairs([0.02], KERAS, first=10),
        *slowed(13, FIFTH),
        *slowed(16, Slowdown(0.02)),
        # Failed pairs are in no block.
        *two(19, 0.5, 0.5)[:1],
        bad("candidate", 19),
        bad("base", 22),
    ]
    calibrations = Calibrations(calibrated(tmp_path, session(NUMPY, KERAS, pairs=3), records))
    assert calibrations.cases == sorted([NUMPY.slug, KERAS.slug])
    assert calibrations.slowdowns(SLUG) == [Slowdown(0.02), FIVE, FIFTH]
    assert calibrations.slowdowns(KERAS.slug) == []
    assert [len(one.pairs) for one in calibrations.blocks(SLUG)] == [3, 1]
    assert calibrations.logs(SLUG) == pytest.approx([0.01, 0.02, 0.03, 0.0])
    assert calibrations.logs(SLUG, FIVE) == pytest.approx([math.log(1.2)] * 2)
    assert calibrations.logs(KERAS.slug) == pytest.approx([0.02])
    assert calibrations.logs(KERAS.slug, FIVE) == calibrations.blocks("another") == []


def test_sessions_add_up(tmp_path):
    for run, log in (("20250102-b", 0.02), ("20250101-a", 0.01)):
        calibrated(tmp_path, session(run=run), pairs([log] * 2))
    calibrations = Calibrations(tmp_path)
    assert calibrations.logs(SLUG) == pytest.approx([0.01, 0.01, 0.02, 0.02])
    assert [one.session for one in calibrations.blocks(SLUG)] == ["20250101-a", "20250102-b"]
    assert calibrations.spread(SLUG) == estimate_spread(calibrations.blocks(SLUG))
    assert calibrations.spread("another") is None


def test_detectable_slowdown_uses_all_blocks(tmp_path):
    folder = calibrated(tmp_path, session(), pairs(spread_evenly(48, 0.05)))
    calibrations = Calibrations(folder)
    assert calibrations.detectable_slowdown(SLUG, 20, Rule()) == pytest.approx(
        power.find_smallest_slowdown(calibrations.logs(SLUG), 20, Rule(), draws=200)
    )
    assert calibrations.detectable_slowdown(SLUG, 9, Rule()) is None
    assert calibrations.detectable_slowdown(SLUG, 10, Rule()) is not None


@pytest.mark.parametrize("file", ["calibration.json", "trials.jsonl"])
@pytest.mark.parametrize("content", ["{", '{"format": 999}\n'])
def test_damaged_calibration_names_its_file(tmp_path, file, content):
    calibrated(tmp_path, session(), pairs([0.1]))
    with (tmp_path / "a session" / file).open("w" if file.endswith("json") else "a") as stream:
        stream.write(f"{content}\n")
    with pytest.raises(UserError, match=file) as error:
        Calibrations(tmp_path)
    assert "\n" not in str(error.value)


def test_calibrations_need_a_home_folder(monkeypatch):
    monkeypatch.setattr("platformdirs.user_data_dir", lambda _: "~/.local/share/softmax-bench")
    monkeypatch.setattr("os.path.expanduser", lambda path: path)
    with pytest.raises(UserError, match="Set XDG_DATA_HOME"):
        locate_calibrations("abc")
