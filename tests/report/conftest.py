"""Fixtures of the tests of reports."""

import itertools

import pytest
from support import hostile_run
from support.records import plan_of, write

from bench.records.schema import Run
from bench.report.base.load import load_run
from bench.report.write import write_report


@pytest.fixture
def load(tmp_path):
    """Write a run of these records into a folder of its own, and load it.

    changes: of the plan or of the environment.
    """
    numbers = itertools.count()

    def load(*records, **changes):
        planned = {name: changes.pop(name) for name in Run.__struct_fields__ if name in changes}
        plan = plan_of(*records, **planned)
        return load_run(write(tmp_path / f"run{next(numbers)}", plan, *records, **changes))

    return load


@pytest.fixture(scope="session")
def hostile(tmp_path_factory):
    """The folder of a run whose every text is an attack, and of its report."""
    folder = hostile_run.write(tmp_path_factory.mktemp("hostile") / "run")
    write_report([load_run(folder)])
    return folder
