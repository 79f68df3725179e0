"""Options of the benchmarks."""

from pathlib import Path

import pytest

from bench.errors import UserError
from bench.records.schema import format_env
from bench.runner.process.spec import parse_env
from implementations import IMPLEMENTATIONS


def pytest_addoption(parser):
    group = parser.getgroup("benchmarks of an epoch")
    group.addoption("--data", help="Train on a folder of IDX files, or on digits.")
    group.addoption(
        "--env",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="Set this environment variable for every worker. Its value is saved.",
    )
    group.addoption(
        "--implementation",
        action="append",
        help="Time this implementation, or your own file. Default: all.",
    )


def pytest_configure(config):
    """Refuse a variable that cannot be set, in one line."""
    try:
        parse_env(config.getoption("--env", []), ["cpu"])
    except UserError as error:
        raise pytest.UsageError(str(error)) from error


def pytest_generate_tests(metafunc):
    if "implementation" in metafunc.fixturenames:
        names = metafunc.config.getoption("--implementation")
        names = names or [entry.name for entry in IMPLEMENTATIONS if entry.always]
        # Part of the name, so that saved times with other variables are of another benchmark.
        env = format_env(parse_env(metafunc.config.getoption("--env"), ["cpu"]))
        ids = [f"{Path(name).stem} {env}".strip() for name in names]
        metafunc.parametrize("implementation", names, ids=ids)


def pytest_benchmark_update_machine_info(machine_info):
    """Save no host name, and no clock rate of the moment, which would look like another machine."""
    machine_info["node"] = ""
    for name in ("hz_actual", "hz_actual_friendly"):
        machine_info["cpu"].pop(name, None)
