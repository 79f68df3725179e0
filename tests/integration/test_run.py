"""A run with real processes: whatever a trial does, it becomes a record, and the run goes on."""

import hashlib
import json
from pathlib import Path

import msgspec
import pytest
from support.processes import ASSETS

from bench.records import store
from bench.records.schema import FORMAT, Run
from bench.runner import loop

# How each implementation in tests/assets/saboteurs ends a trial, and a part of the reason.
SABOTEURS = {
    "live_view": ("failed", "live weights"),
    "not_a_number": ("failed", "not finite"),
    "prints": ("failed", "stdout"),
    "segfaults": ("failed", "Segmentation fault"),
    "leaves_silently": ("failed", "no result"),
    "exits_with_three": ("failed", "exit status 3"),
    "raises": ("failed", "RuntimeError: the gradient is gone"),
    "says_unavailable": ("unavailable", "no abacus in this machine"),
    "momentum": ("failed", "other mathematics"),
    "predicts_wrongly": ("failed", "argmax"),
    "leaves_a_daemon": ("failed", "sleep"),
    "floods_stderr": ("failed", "RuntimeError: and now this"),
    "takes_all_memory": ("out-of-memory", "memory"),
    "mends_the_clock": ("failed", "perf_counter_ns"),
    "disarms_the_guard": ("failed", "its clock does not add up"),
    "many_threads": ("failed", "cores"),
    "honest": ("ok", ""),
}


def run_saboteurs(command, folder, *names, timeout):
    files = [f"--implementation={ASSETS / 'saboteurs' / name}.py" for name in names]
    return command(
        folder,
        "run",
        "--data=digits",
        "--workload=sgd",
        "--rounds=1",
        "--threads=1",
        "--no-roofline",
        "--batch-size=8",
        "--epochs=2",
        f"--timeout={timeout}",
        "--output=out",
        *files,
    )


def test_every_saboteur_becomes_a_record_and_the_run_ends_with_three(
    tmp_path, command, surroundings
):
    ended = run_saboteurs(command, tmp_path, *SABOTEURS, timeout=300)
    assert (ended.returncode, ended.stderr) == (3, "")
    records = {
        record.case.implementation: record for record in store.read_records(tmp_path / "out")
    }
    assert {name: record.status for name, record in records.items()} == {
        name: status for name, (status, _) in SABOTEURS.items()
    }
    for name, (_, part) in SABOTEURS.items():
        reason = records[name].reason or ""
        assert part in reason
        assert "\n" not in reason
    assert records["raises"].stderr_tail.endswith("RuntimeError: the gradient\n  is gone\n")
    assert len(records["floods_stderr"].stderr_tail) <= 2000
    assert records["honest"].stderr_tail is None
    assert records["honest"].parity.passed
    assert list(Path(surroundings["TMPDIR"]).iterdir()) == []


def test_hanging_trial_is_a_timeout(tmp_path, command):
    assert run_saboteurs(command, tmp_path, "hangs", timeout=3).returncode == 3
    (record,) = store.read_records(tmp_path / "out")
    assert (record.status, "3 s" in record.reason) == ("timeout", True)


@pytest.fixture
def measure_code(make_case, tmp_path, digits):
    """Measure code as a user's own implementation; its record."""

    def measure(code, *, replace=None, **changes):
        path = tmp_path / "own_file.py"
        path.write_text(code)
        case = make_case(
            implementation="own_file",
            module="own_file",
            framework="",
            style="own",
            data="own",
            devices=("cpu", "gpu"),
            file=str(path),
            sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
            **changes,
        )
        textbook = case.workload == "figure"
        case = msgspec.structs.replace(case, **(replace or {}))
        planned = Run(
            format=FORMAT,
            run="a-run",
            command="bench run",
            created="2026-01-01T00:00:00+00:00",
            seed=42,
            rounds={"sgd": 1},
            cases=() if textbook else (case,),
            textbook=(case,) if textbook else (),
            timeout=300,
            data="digits",
        )
        store.create_run(tmp_path / "out", planned)
        *_, ended = loop.measure_run(tmp_path / "out", planned, digits)
        return ended.record

    return measure


def test_missing_framework_is_unavailable_and_says_how_to_install_it(measure_code):
    record = measure_code("import abacus_learn.nn", extra="abacus")
    assert record.status == "unavailable"
    assert "pip install 'softmax-bench[abacus]'" in record.reason


WATCHES = """
import json, os
from pathlib import Path
from implementations.idiomatic import softmax_numpy

observations = []


def observe():
    parent = Path(f"/proc/{os.getppid()}")
    written = (parent / "io").read_text().split()[3]
    state = (parent / "stat").read_text().rpartition(")")[2].split()[0]
    observations.append([written, state, sorted(path.name for path in Path().iterdir())])


class Trainer(softmax_numpy.Trainer):
    def train_epoch(self, order):
        observe()
        params = super().train_epoch(order)
        observe()
        return params

    def predict(self, images):
        Path(os.environ["WATCHED"]).write_text(json.dumps(observations))
        return super().predict(images)
"""


def test_parent_sleeps_and_writes_nothing_while_epochs_are_timed(measure_code, tmp_path):
    watched = tmp_path / "watched"
    record = measure_code(WATCHES, variables={"WATCHED": str(watched)}, epochs=20)
    assert (record.status, record.reason) == ("ok", None)
    observations = json.loads(watched.read_text())
    assert len(observations) >= 2 * 21
    # Params, records and the screen are written before the first epoch or after the last.
    assert len({written for written, *_ in observations}) == 1
    assert len({tuple(files) for *_, files in observations}) == 1
    assert not {"params.npy", "labels.npy", "document.json"} & set(observations[-1][2])
    # A parent that polls would be seen running, or waiting for a core, now and then.
    assert {state for _, state, _ in observations} == {"S"}


FORGES = """
import json, os, sys
import numpy as np
for name, array in (("params", np.zeros((3, 65, 10), "f4")), ("labels", np.zeros(357, "i8"))):
    np.save(name, array)
open("document.json", "w").write(json.dumps({}))
request = json.load(open("request.json"))
if request["mode"] == "trial":
    os._exit(0)
Trainer = None
"""
EPOCHS = {"status": "ok", "epoch_seconds": [0.01], "epoch_cpu_seconds": [0.01]}


@pytest.mark.parametrize(
    "document",
    [
        {"status": "ok"},
        {**EPOCHS, "epoch_seconds": [0.0]},
        {**EPOCHS, "epoch_cpu_seconds": ["x"]},
        {"status": "splendid"},
        {"status": "failed", "reason": 7},
        {"status": "failed", "peak_rss_bytes": "much"},
    ],
    ids=str,
)
def test_forged_result_fails_its_trial(measure_code, document):
    record = measure_code(FORGES.format(document))
    assert (record.status, record.parity and record.parity.passed) in {
        ("failed", None),
        ("failed", False),
    }


def test_trial_without_params_fails(measure_code):
    code = FORGES.replace("np.save(name, array)", "pass").format({"status": "ok"})
    record = measure_code(code)
    assert (record.status, "no params" in record.reason) == ("failed", True)


@pytest.mark.parametrize(("value", "status"), [(0.8196, "ok"), (0.8, "failed")])
def test_textbook_program_is_judged_by_its_published_numbers(measure_code, value, status):
    code = f"def run(textbook): return {{'cross_validation_accuracy': {value}}}"
    record = measure_code(
        code,
        workload="figure",
        replace={"implementation": "figure-sklearn", "batch_size": 0, "samples": 0},
    )
    assert (record.kind, record.status) == ("textbook", status)
    assert record.quantities == {"cross_validation_accuracy": value}
    assert record.program_seconds >= 0
