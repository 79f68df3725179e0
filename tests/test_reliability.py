"""The page on reliability names, for every fault, a test that there is."""

import re

import pytest

from bench import machine

PAGE = (machine.ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
NAMED = re.findall(r"`(test_\w+\.py): (\w+)`", PAGE)


def test_every_line_of_a_table_names_a_test():
    lines = [line for line in PAGE.splitlines() if line.startswith("| ")]
    faults = [line for line in lines if not line.endswith("| test |")]
    assert len(faults) > 40
    assert [line for line in faults if not re.search(r"`test_\w+\.py: \w+`[^|]* \|$", line)] == []


@pytest.mark.parametrize(("file", "test"), NAMED)
def test_what_it_names_is_there(file, test):
    text = (machine.ROOT / "tests" / file).read_text(encoding="utf-8")
    assert re.search(rf'def {test}\(|^    "{test}": ', text, re.MULTILINE)
