"""A run with real processes: whatever a trial does, it becomes a record, and the run goes on."""

import json

import msgspec
import pytest
from support.records import run as make_plan
from support.workers import of_file

from bench.records import store
from bench.runner import loop


@pytest.fixture
def measure_code(make_case, tmp_path, digits, short_trials):
    def measure(code, *, replace=None, **changes):
        path = tmp_path / "own_file.py"
        path.write_text(code)
        case = of_file(make_case(**changes), path)
        textbook = case.workload == "textbook"
        case = msgspec.structs.replace(case, **(replace or {}))
        cases = {"textbook": (case,)} if textbook else {"cases": (case,)}
        planned = make_plan(rounds={"sgd": 1}, data_source="digits", **cases)
        store.create_run(tmp_path / "out", planned)
        *_, ended = loop.measure_run(tmp_path / "out", planned, digits)
        return ended.record

    return measure


WATCHES = """
import json, os, time
from pathlib import Path
from implementations.idiomatic import softmax_numpy

parent = Path(f"/proc/{os.getppid()}")
observations = []


def observe():
    # First whether it sleeps: what it has written to wake us is counted when that call ends.
    status = dict(line.split(":", 1) for line in (parent / "status").read_text().splitlines())
    written = (parent / "io").read_text().split()[3]
    sleeps = status["voluntary_ctxt_switches"].strip()
    return [status["State"].split()[0], written, sleeps, sorted(os.listdir())]


class Trainer(softmax_numpy.Trainer):
    def train_epoch(self, order):
        before = observe()
        for _ in range(6000):  # on a busy machine the parent may wait for a core before it sleeps
            if before[0] == "S":
                break
            time.sleep(0.01)
            before = observe()
        end = time.process_time() + 0.6
        while time.process_time() < end:
            pass
        params = super().train_epoch(order)
        observations.append([before, observe()])
        return params

    def predict(self, images):
        Path(os.environ["WATCHED"]).write_text(json.dumps(observations))
        return super().predict(images)
"""


def test_parent_sleeps_and_writes_nothing_while_epochs_are_timed(measure_code, tmp_path):
    watched = tmp_path / "watched"
    record = measure_code(WATCHES, variables={"WATCHED": str(watched)}, epochs=3)
    assert (record.status, record.reason) == ("ok", None)
    observations = json.loads(watched.read_text())
    timed = 0 if record.stretch_timed else len(record.epoch_seconds)
    assert len(observations) == record.stretch_epochs + timed
    # Once in each epoch that it draws, the parent looks how the worker's threads run.
    assert max(int(after[2]) - int(before[2]) for before, after in observations) <= 1
    assert all((before[0], before[1]) == ("S", after[1]) for before, after in observations)
    assert len({tuple(files) for pair in observations for *_, files in pair}) == 1


@pytest.mark.parametrize(("value", "status"), [(0.8196, "ok"), (0.8, "failed")])
def test_textbook_program_is_judged_by_its_published_numbers(measure_code, value, status):
    code = f"def run(textbook): return {{'cross_validation_accuracy': {value}}}"
    record = measure_code(
        code,
        workload="textbook",
        replace={"implementation": "textbook-sklearn", "batch_size": 0, "samples": 0},
    )
    assert (record.kind, record.status) == ("textbook", status)
    assert record.quantities == {"cross_validation_accuracy": value}
    assert record.program_seconds >= 0
