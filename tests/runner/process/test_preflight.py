"""What is checked about an interpreter and a file before anything is measured."""

import sys

import pytest

from bench.errors import UserError
from bench.runner.process import preflight
from bench.runner.process.spec import Installation
from bench.worker import machine


def test_software_of_another_python_is_read():
    assert preflight.read_software(Installation()) == machine.list_software()


def test_framework_that_sees_a_device_has_no_fault(make_case):
    case = make_case(module="roofline.roofline_numpy")
    assert preflight.find_device_fault(case) is None


def test_framework_without_gpu_says_why(make_case):
    case = make_case(module="roofline.roofline_numpy", device="gpu")
    assert preflight.find_device_fault(case).startswith("NumPy computes on the CPU only")


def test_python_that_cannot_run_the_suite_is_a_user_error(tmp_path):
    python = tmp_path / "python"
    python.write_text(f"#!{sys.executable}\nraise SystemExit(3)\n")
    python.chmod(0o755)
    with pytest.raises(UserError, match=r"does not run the suite: .* exit status 3; give a Python"):
        preflight.read_software(Installation(python=str(python)))
