"""The texts of the command line."""

import pytest

from bench.errors import UserError
from bench.regression.commands.command_plan import check_metric, split_arguments


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
