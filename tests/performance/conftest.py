"""Options of the benchmarks."""

from pathlib import Path

from implementations import IMPLEMENTATIONS


def pytest_addoption(parser):
    group = parser.getgroup("benchmarks of an epoch")
    group.addoption("--data", help="Train on a folder of IDX files, or on digits.")
    group.addoption(
        "--implementation",
        action="append",
        help="Time this implementation, or your own file. Default: all.",
    )


def pytest_generate_tests(metafunc):
    if "implementation" in metafunc.fixturenames:
        names = metafunc.config.getoption("--implementation")
        names = names or [entry.name for entry in IMPLEMENTATIONS if entry.always]
        metafunc.parametrize("implementation", names, ids=[Path(name).stem for name in names])


def pytest_benchmark_update_machine_info(machine_info):
    """Save no host name, and no clock rate of the moment, which would look like another machine."""
    machine_info["node"] = ""
    for name in ("hz_actual", "hz_actual_friendly"):
        machine_info["cpu"].pop(name, None)
