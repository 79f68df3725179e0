"""What a comparison set out to do: its names, its family, its way through a file."""

import msgspec
import pytest
from support.comparisons import comparison
from support.records import case

from bench.errors import UserError
from bench.records import store
from bench.regression.paired.plan import Absent, Comparison, Pairing
from bench.regression.stats.decision import Rule


@pytest.mark.parametrize(
    ("names", "gates", "family"),
    [
        (["numpy"], (), 1), (["numpy", "keras", "jax"], (), 3), (["numpy"], ("memory",), 2),
        (["numpy", "keras", "jax"], ("memory", "import"), 9),
    ],
)  # fmt: skip
def test_every_gated_quantity_of_every_case_is_one_test_of_the_family(names, gates, family):
    plan = comparison(*names, gates=gates, tolerance=0.05, alpha=0.02)
    assert plan.rule == Rule(0.05, 0.02, family)


def test_a_comparison_of_nothing_has_a_rule_all_the_same():
    assert comparison(pairings=()).rule.share == 0.01


def test_a_case_is_named_by_its_implementation_or_by_both():
    assert Pairing(case("numpy"), case("numpy", epochs=9)).name == "numpy"
    assert Pairing(case("old"), case("new")).name == "old → new"


def test_a_plan_is_read_as_it_was_written(tmp_path):
    plan = comparison("numpy", "keras", gates=("memory",), data="digits",
                      absent=(Absent("jax", "is not in main"),))  # fmt: skip
    store.create(tmp_path / "one", plan, "comparison.json")
    assert store.read_plan(tmp_path / "one" / "comparison.json", Comparison) == plan


def test_a_plan_that_nobody_here_wrote_is_refused(tmp_path):
    path = tmp_path / "comparison.json"
    path.write_bytes(msgspec.json.encode({**msgspec.to_builtins(comparison()), "extra": 1}))
    with pytest.raises(UserError, match="not a Comparison"):
        store.read_plan(path, Comparison)
