"""What a run's folder holds, as the side of a comparison."""

from pathlib import Path

import pytest
from support.records import MACHINE, bare, case, environment, ok, run, trials, write

from bench.errors import UserError
from bench.records import store
from bench.records.schema import FORMAT, Parity
from bench.regression.calibration.session import PLAN, CalibrationPlan
from bench.regression.stored.load import load_calibrations, load_side
from bench.worker import machine

REFERENCE = Path(__file__).parents[2] / "results" / "reference"
PYTORCH = case("pytorch")


def only(folder):
    """Return the one case of a run."""
    (found,) = load_side(folder).series.values()
    return found


def test_a_case_has_the_epochs_of_every_process_that_went_well_in_the_order_measured(tmp_path):
    records = [ok(PYTORCH, 2, epoch_seconds=[0.5, 0.4]), ok(PYTORCH, 1, epoch_seconds=[0.3])]
    found = only(write(tmp_path / "run", run(PYTORCH), *records))
    assert found.name == PYTORCH.slug == "sgd-pytorch-cpu-b32-t2-n48000"
    assert found.processes == ((0.5, 0.4), (0.3,))
    assert (found.tried, found.faults, found.wrong, found.unavailable) == (2, (), None, False)


def test_a_side_is_called_as_its_folder_and_has_every_size_as_a_case(tmp_path):
    other = case("pytorch", batch_size=64)
    plan = run(PYTORCH, sweep=(other,))
    found = load_side(write(tmp_path / "run", plan, ok(PYTORCH), ok(other)))
    assert found.name == str(tmp_path / "run")
    assert found.series.keys() == {PYTORCH.slug, other.slug}
    assert found.machine == MACHINE["id"]


def test_figures_and_probes_are_no_cases_and_interrupted_trials_are_none(tmp_path):
    records = [
        ok(PYTORCH, 3, kind="textbook"),
        bare(PYTORCH, 4, kind="roofline"),
        bare(PYTORCH, 1, status="interrupted"),
        ok(PYTORCH, 2),
    ]
    found = only(write(tmp_path / "run", run(PYTORCH), *records))
    assert (found.tried, found.faults, len(found.processes)) == (1, (), 1)


def test_the_accuracy_is_the_mean_after_the_workloads_own_epochs(tmp_path):
    of = case("pytorch", epochs=2)
    records = [
        ok(of, number, validation_accuracy=[0.1, last, 0.9], test_accuracy=[0.1] * 3)
        for number, last in enumerate((0.4, 0.6), 1)
    ]
    found = only(write(tmp_path / "run", run(of), *records))
    assert found.accuracy == pytest.approx(0.5)


def test_every_process_that_went_wrong_is_tried_and_has_its_reason(tmp_path):
    records = [
        ok(PYTORCH, 1),
        bare(PYTORCH, 2, reason="no"),
        bare(PYTORCH, 3, status="timeout"),
    ]
    found = only(write(tmp_path / "run", run(PYTORCH), *records))
    assert found.faults == ("failed: no", "timeout: no reason was given")
    assert (found.tried, len(found.processes), found.unavailable) == (3, 1, False)
    assert found.wrong is None


def test_a_parity_that_failed_makes_the_result_wrong(tmp_path):
    far = Parity(2e-5, 1e-5, passed=False)
    records = [ok(PYTORCH, 1), bare(PYTORCH, 2, reason="off by 2e-5", parity=far)]
    found = only(write(tmp_path / "run", run(PYTORCH), *records))
    assert found.wrong == "failed: off by 2e-5"
    assert found.faults == ("failed: off by 2e-5",)


def test_what_failed_for_another_reason_is_not_wrong(tmp_path):
    near = Parity(2e-6, 1e-5, passed=True)
    found = only(
        write(tmp_path / "run", run(PYTORCH), bare(PYTORCH, reason="threads", parity=near))
    )
    assert (found.wrong, found.faults) == (None, ("failed: threads",))


def test_what_is_unavailable_in_every_round_cannot_be_tried(tmp_path):
    absent = bare(PYTORCH, status="unavailable", reason="no PyTorch")
    found = only(write(tmp_path / "run", run(PYTORCH), absent))
    assert (found.unavailable, found.processes) == (True, ())
    assert found.faults == ("unavailable: no PyTorch",)
    for number, other in enumerate((ok(PYTORCH, 2), bare(PYTORCH, 2))):
        assert not only(write(tmp_path / str(number), run(PYTORCH), absent, other)).unavailable


def test_what_is_faster_than_the_machine_has_failed(tmp_path):
    probe = bare(
        case("ceiling-numpy", workload="ceiling"),
        kind="roofline",
        status="ok",
        product_operations=10**6,
        product_seconds=[1.0],
    )
    data = {"features": 784, "classes": 10}
    folder = write(tmp_path / "run", run(PYTORCH), probe, *trials(PYTORCH, 0.5, 0.5), data=data)
    found = only(folder)
    assert len(found.processes) == found.tried == 2
    assert len(found.faults) == 2
    assert all("of the least time" in fault for fault in found.faults)


def test_a_record_without_its_environment_is_compared_with_nothing(tmp_path):
    folder = write(tmp_path / "run", run(PYTORCH), ok(PYTORCH, environment="gone"))
    with pytest.raises(UserError, match="its environment 'gone' is missing or damaged"):
        load_side(folder)


def test_the_software_is_every_version_that_was_there(tmp_path):
    folder = write(tmp_path / "run", run(PYTORCH), ok(PYTORCH))
    software = {"python": "3.11.9", "distributions": {"torch": "2.10.0", "numpy": "2.4.6"}}
    store.add_environment(folder, environment(id="later", software=software))
    found = load_side(folder).software
    assert (found["torch"], found["jax"]) == ("2.10.0 and 2.9.1", "0.8")
    assert (found["python"], found["numpy"]) == ("3.11.9", "2.4.6")


def test_data_are_the_same_wherever_they_came_from(tmp_path):
    def data_of(folder, **data):
        folder = write(tmp_path / folder, run(PYTORCH), ok(PYTORCH), data=data)
        return load_side(folder).data

    first = data_of("a", name="fashion-mnist", source="a mirror", sha256={"train": "1"})
    assert first == data_of("b", name="mine", source="a folder", sha256={"train": "1"})
    assert first != data_of("c", name="fashion-mnist", source="a mirror", sha256={"train": "2"})
    assert data_of("d", name="digits") != data_of("e", name="fashion-mnist")


def test_a_run_of_two_machines_is_no_side(tmp_path):
    folder = write(tmp_path / "run", run(PYTORCH), ok(PYTORCH))
    store.add_environment(folder, environment(id="there", machine={"id": "another"}))
    with pytest.raises(UserError, match=r"was measured on 2 machines"):
        load_side(folder)


def test_a_run_of_which_nothing_was_measured_has_no_case_and_no_machine(tmp_path):
    folder = tmp_path / "run"
    store.create_run(folder, run(PYTORCH))
    found = load_side(folder)
    assert (found.series, found.machine, found.data) == ({}, None, None)


def test_what_is_no_run_or_not_there_is_refused(tmp_path):
    with pytest.raises(UserError, match="holds no run"):
        load_side(tmp_path)
    (tmp_path / "saved.json").touch()
    for name in ("nothing", "saved.json"):
        with pytest.raises(UserError):
            load_side(tmp_path / name)


def test_a_published_run_has_its_cases():
    found = load_side(REFERENCE / "amd-epyc-2-cores-first")
    assert found.machine == "3e509898d0e5"
    assert len(found.series) == 26
    numpy = found.series["sgd-numpy-cpu-b32-t2-n48000"]
    assert [len(each) for each in numpy.processes] == [6, 6, 6, 6, 5]
    assert sum(each.unavailable for each in found.series.values()) == 2
    assert found.software["torch"] == "2.13.0+cpu"


# ----- calibrations


@pytest.fixture
def session(tmp_path):
    """Write a session of calibrating, of the machine with this id: two blocks of two pairs."""

    def save(name, of=MACHINE["id"]):
        folder = tmp_path / "calibrations" / name
        plan = CalibrationPlan(
            FORMAT, name, "bench calibrate", "2025", 1, (PYTORCH,), (), 60, 60, 2
        )
        store.create_run(folder, plan, PLAN)
        store.add_environment(folder, environment(machine={**MACHINE, "id": of}))
        for number in range(1, 5):
            for version in ("base", "candidate"):
                time = 1 + number / 10 + (version == "base") / 100
                of_pair = {"version": version, "trial": f"p{number}-{version}", "run": name}
                store.append_record(folder, ok(PYTORCH, number, time, **of_pair))
        return folder.parent

    return save


def test_what_was_calibrated_on_the_machine_gives_its_spread(session):
    found = load_calibrations(session("monday"), MACHINE["id"]).spread(PYTORCH.slug)
    assert found.count == 2
    assert found.blocks > 0
    session("tuesday")
    assert load_calibrations(session("wednesday"), MACHINE["id"]).spread(PYTORCH.slug).count == 6


def test_a_calibration_of_another_machine_is_refused(session):
    session("monday")
    with pytest.raises(UserError, match=r"tuesday was calibrated on another machine .*"):
        load_calibrations(session("tuesday", of="another"), MACHINE["id"])


def test_where_nothing_was_calibrated_there_is_no_spread(tmp_path):
    assert load_calibrations(tmp_path / "none", machine.fingerprint(1)).spread("a") is None
