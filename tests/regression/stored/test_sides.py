"""Runs and calibrations as ``bench compare`` reads them."""

import pytest
from support.records import MACHINE, bare, case, environment, ok, run, trials, write

from bench.errors import UserError
from bench.records import store
from bench.records.layout import CALIBRATION_PLAN
from bench.records.schema import FORMAT, Parity
from bench.regression.calibration.session import CalibrationPlan
from bench.regression.stored.sides import load_calibrations, load_side

PYTORCH = case("pytorch")


def only(folder):
    """Return the one case of a run."""
    (result,) = load_side(folder).series.values()
    return result


def test_case_has_the_epochs_of_successful_processes(tmp_path):
    records = [ok(PYTORCH, 2, epoch_seconds=[0.5, 0.4]), ok(PYTORCH, 1, epoch_seconds=[0.3])]
    result = only(write(tmp_path / "run", run(PYTORCH), *records))
    assert result.name == PYTORCH.slug == "sgd-pytorch-cpu-b32-t2-n48000"
    assert result.processes == ((0.5, 0.4), (0.3,))
    assert (result.tried, result.faults, result.wrong, result.unavailable) == (2, (), None, False)


def test_only_finished_trials_are_cases(tmp_path):
    records = [
        ok(PYTORCH, 3, kind="textbook"),
        bare(PYTORCH, 4, kind="roofline"),
        bare(PYTORCH, 1, status="interrupted"),
        ok(PYTORCH, 2),
    ]
    result = only(write(tmp_path / "run", run(PYTORCH), *records))
    assert (result.tried, result.faults, len(result.processes)) == (1, (), 1)


def test_accuracy_is_the_mean_after_the_workloads_epochs(tmp_path):
    of = case("pytorch", epochs=2)
    records = [
        ok(of, number, validation_accuracy=[0.1, last, 0.9], test_accuracy=[0.1] * 3)
        for number, last in enumerate((0.4, 0.6), 1)
    ]
    result = only(write(tmp_path / "run", run(of), *records))
    assert result.accuracy == pytest.approx(0.5)


def test_failed_processes_are_counted_with_their_reasons(tmp_path):
    records = [
        ok(PYTORCH, 1),
        bare(PYTORCH, 2, reason="no"),
        bare(PYTORCH, 3, status="timeout"),
    ]
    result = only(write(tmp_path / "run", run(PYTORCH), *records))
    assert result.faults == ("failed: no", "timeout: no reason was given")
    assert (result.tried, len(result.processes), result.unavailable) == (3, 1, False)
    assert result.wrong is None


def test_failed_parity_makes_the_result_wrong(tmp_path):
    far = Parity(2e-5, 1e-5, passed=False)
    records = [ok(PYTORCH, 1), bare(PYTORCH, 2, reason="off by 2e-5", parity=far)]
    result = only(write(tmp_path / "run", run(PYTORCH), *records))
    assert result.wrong == "failed: off by 2e-5"
    assert result.faults == ("failed: off by 2e-5",)


def test_other_failures_are_not_wrong(tmp_path):
    near = Parity(2e-6, 1e-5, passed=True)
    result = only(
        write(tmp_path / "run", run(PYTORCH), bare(PYTORCH, reason="threads", parity=near))
    )
    assert (result.wrong, result.faults) == (None, ("failed: threads",))


def test_case_is_unavailable_only_if_all_rounds_are(tmp_path):
    absent = bare(PYTORCH, status="unavailable", reason="no PyTorch")
    result = only(write(tmp_path / "run", run(PYTORCH), absent))
    assert (result.unavailable, result.processes) == (True, ())
    assert result.faults == ("unavailable: no PyTorch",)
    for number, other in enumerate((ok(PYTORCH, 2), bare(PYTORCH, 2))):
        assert not only(write(tmp_path / str(number), run(PYTORCH), absent, other)).unavailable


def test_times_faster_than_the_roofline_are_faults(tmp_path):
    probe = bare(
        case("ceiling-numpy", workload="roofline"),
        kind="roofline",
        status="ok",
        product_operations=10**6,
        product_seconds=[1.0],
    )
    data = {"features": 784, "classes": 10}
    folder = write(tmp_path / "run", run(PYTORCH), probe, *trials(PYTORCH, 0.5, 0.5), data=data)
    result = only(folder)
    assert len(result.processes) == result.tried == 2
    assert len(result.faults) == 2
    assert all("of the least time" in fault for fault in result.faults)


def test_record_without_its_environment_is_refused(tmp_path):
    folder = write(tmp_path / "run", run(PYTORCH), ok(PYTORCH, environment="gone"))
    with pytest.raises(UserError, match="its environment 'gone' is missing or damaged"):
        load_side(folder)


def test_software_lists_all_versions(tmp_path):
    folder = write(tmp_path / "run", run(PYTORCH), ok(PYTORCH))
    software = {"python": "3.11.9", "distributions": {"torch": "2.10.0", "numpy": "2.4.6"}}
    store.add_environment(folder, environment(id="later", software=software))
    result = load_side(folder).software
    assert (result["torch"], result["jax"]) == ("2.10.0 and 2.9.1", "0.8")
    assert (result["python"], result["numpy"]) == ("3.11.9", "2.4.6")


def test_data_id_ignores_the_source(tmp_path):
    def data_of(folder, **data):
        folder = write(tmp_path / folder, run(PYTORCH), ok(PYTORCH), data=data)
        return load_side(folder).data

    first = data_of("a", name="fashion-mnist", source="a mirror", sha256={"train": "1"})
    assert first == data_of("b", name="mine", source="a folder", sha256={"train": "1"})
    assert first != data_of("c", name="fashion-mnist", source="a mirror", sha256={"train": "2"})
    assert data_of("d", name="digits") != data_of("e", name="fashion-mnist")


def test_run_of_two_machines_is_refused(tmp_path):
    folder = write(tmp_path / "run", run(PYTORCH), ok(PYTORCH))
    store.add_environment(folder, environment(id="there", machine={"id": "another"}))
    with pytest.raises(UserError, match=r"was measured on 2 machines"):
        load_side(folder)


def test_empty_run_has_no_case_and_no_machine(tmp_path):
    folder = tmp_path / "run"
    store.create_run(folder, run(PYTORCH))
    result = load_side(folder)
    assert (result.series, result.machine, result.data) == ({}, None, None)


@pytest.fixture
def session(tmp_path):
    """Write a calibration session with two blocks of two pairs."""

    def save(name, of=MACHINE["id"]):
        folder = tmp_path / "calibrations" / name
        plan = CalibrationPlan(
            FORMAT, name, "bench calibrate", "2025", 1, (PYTORCH,), (), 60, 60, 2
        )
        store.create_run(folder, plan, CALIBRATION_PLAN)
        store.add_environment(folder, environment(machine={**MACHINE, "id": of}))
        for number in range(1, 5):
            for version in ("base", "candidate"):
                time = 1 + number / 10 + (version == "base") / 100
                of_pair = {"version": version, "trial": f"p{number}-{version}", "run": name}
                store.append_record(folder, ok(PYTORCH, number, time, **of_pair))
        return folder.parent

    return save


def test_calibrations_of_the_machine_give_a_spread(session):
    result = load_calibrations(session("monday"), MACHINE["id"]).spread(PYTORCH.slug)
    assert result.count == 2
    assert result.blocks > 0
    session("tuesday")
    assert load_calibrations(session("wednesday"), MACHINE["id"]).spread(PYTORCH.slug).count == 6
