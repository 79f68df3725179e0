"""``bench machine``: facts as in the records, what would disturb a run, what works on the GPU."""

import pytest

from bench.cli.verbs import machine as verb
from bench.runner import doctor
from bench.runner.host import machine
from bench.runner.host.gpu import Diagnosis


def test_machine_prints_what_records_hold_and_disturbances(called, monkeypatch):
    disturbances = ["it is [b]hot[/b]", "x" * 500]
    monkeypatch.setattr(verb, "find_disturbances", lambda: disturbances)
    status, out, _ = called("machine")
    lines = out.splitlines()
    assert (status, lines[-2:]) == (0, disturbances)
    facts = {line[: verb.LABEL_WIDTH].strip(): line[verb.LABEL_WIDTH :] for line in lines[:-2]}
    expected = machine.describe()
    assert list(facts) == [verb.LABELS.get(key, key) for key in expected]
    assert (facts["machine id"], facts["name in tables"]) == (expected["id"], expected["name"])


@pytest.mark.parametrize("trains", [True, False])
def test_doctor_marks_each_line_and_says_how_to_measure(called, monkeypatch, trains):
    state = [Diagnosis("driver", "580"), Diagnosis("MPS", "on", "Stop it")]
    asked = []

    def examine_programs(pythons):
        asked.append(pythons)
        yield Diagnosis("jax", "no plugin", "Install [it]", blocks=True)
        yield Diagnosis("pytorch", "trains a step", blocks=not trains)

    monkeypatch.setattr(doctor, "diagnose_gpu", lambda: state)
    monkeypatch.setattr(doctor, "examine_programs", examine_programs)
    status, out, err = called("machine", "--gpu")
    lines = out.splitlines()
    assert (status, err, asked) == (0 if trains else 1, "", [{}])
    assert [line.split(maxsplit=2) for line in lines[:4]] == [
        ["ok", "driver", "580"],
        ["!", "MPS", "on. Stop it"],
        ["no", "jax", "no plugin. Install [it]"],
        ["ok" if trains else "no", "pytorch", "trains a step"],
    ]
    measure = ["measure: softmax-bench run --device cpu,gpu --quick"]
    assert lines[4:] == [f"{trains:d} of 2 programs train on the GPU", *measure * trains]
