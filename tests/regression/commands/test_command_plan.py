"""The coin of each pair, and the texts of the command line."""

import pytest
from scipy.stats import binom
from support.commands import command_plan

from bench.errors import UserError
from bench.regression.commands.command_plan import check_metric, split_arguments


def test_coin_decides_which_side_is_first():
    plan, other = command_plan(), command_plan(run="another")
    orders = [plan.order_sides(number) for number in range(1000)]
    assert {tuple(sorted(order)) for order in orders} == {("base", "candidate")}
    first = sum(order[0] == "base" for order in orders)
    assert binom.ppf(1e-4, 1000, 0.5) <= first <= binom.ppf(1 - 1e-4, 1000, 0.5)
    assert orders == [plan.order_sides(number) for number in range(1000)]
    assert orders != [other.order_sides(number) for number in range(1000)]


def test_arguments_are_split_without_a_shell():
    assert split_arguments("sh -c 'a  $b' > c", "--command") == ["sh", "-c", "a  $b", ">", "c"]


@pytest.mark.parametrize(("text", "reason"), [("a 'b", "Close the quotation"), (" ", "is empty")])
def test_arguments_that_name_no_program_are_refused(text, reason):
    with pytest.raises(UserError, match=f"--command.*{reason}"):
        split_arguments(text, "--command")


@pytest.mark.parametrize("text", ["seconds", "json:", "json", "pytest"])
def test_unknown_metric_is_refused(text):
    with pytest.raises(UserError, match="choose time, cpu-time, last-number, or json:KEY"):
        check_metric(text)
