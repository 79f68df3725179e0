"""Shares, times and sizes are read from text, or refused by the flag's name."""

import pytest

from bench.cli import parsing
from bench.errors import UserError


@pytest.mark.parametrize(
    ("text", "value"),
    [("2%", 0.02), ("0.02", 0.02), (" 1.5% ", 0.015), (".1", 0.1), ("50%", 0.5), (None, None)],
)
def test_a_precision_is_a_share(text, value):
    assert parsing.share(text) == (value if value is None else pytest.approx(value))


@pytest.mark.parametrize("text", ["", "2", "-2%", "0", "0.09%", "51%", "two", "nan", "2%%", "1e-2"])
def test_what_is_no_precision_is_refused(text):
    with pytest.raises(UserError, match=r"--precision .*: give a share from 0.1% to 50%"):
        parsing.share(text)


def test_a_share_of_another_flag_is_called_by_it_and_may_be_nought():
    assert parsing.share("0", "--tolerance", least=0.0) == 0
    assert parsing.share("0%", "--tolerance", least=0.0) == 0
    for text in ("", "x", "-1%", "51%"):
        with pytest.raises(UserError, match=r"--tolerance .*: give a share from 0% to 50%"):
            parsing.share(text, "--tolerance", least=0.0)


@pytest.mark.parametrize(
    ("text", "value"), [("90s", 90), ("10m", 600), ("1.5h", 5400), (" 2m ", 120), (None, None)]
)
def test_a_budget_is_a_time(text, value):
    assert parsing.seconds(text) == value


@pytest.mark.parametrize("text", ["", "10", "0s", "0.5s", "-1m", "1d", "h", "9999999s", "nanm"])
def test_what_is_no_budget_is_refused(text):
    with pytest.raises(UserError, match=r"--budget .*: give a time of a second or more"):
        parsing.seconds(text)


def test_a_time_of_another_flag_is_called_by_it():
    with pytest.raises(UserError, match=r"^--wait soon: give a time of a second or more"):
        parsing.seconds("soon", "--wait")


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("512MiB", 2**29), ("2GiB", 2**31), ("1.5 GiB", 3 * 2**29), ("64MiB", 2**26),
        ("100MB", 10**8), ("2gb", 2 * 10**9), (None, None),
    ],
)  # fmt: skip
def test_a_size_is_read_in_either_unit(text, size):
    assert parsing.size(text) == size


@pytest.mark.parametrize("text", ["", "2", "63MiB", "2 TiB", "-1GiB", "1e3MiB", "nanGiB", "0GiB"])
def test_what_is_no_size_or_too_small_for_any_process_is_refused(text):
    with pytest.raises(UserError, match=r"--memory-limit .*: give 64 MiB or more, such as 512MiB"):
        parsing.size(text)
