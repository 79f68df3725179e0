"""What is checked about an interpreter and a file before anything is measured."""

from bench.runner.process import preflight


def test_framework_that_sees_a_device_has_no_fault(make_case):
    case = make_case(module="roofline.roofline_numpy")
    assert preflight.find_device_fault(case) is None


def test_framework_without_gpu_says_why(make_case):
    case = make_case(module="roofline.roofline_numpy", device="gpu")
    assert preflight.find_device_fault(case).startswith("NumPy computes on the CPU only")
