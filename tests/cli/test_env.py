"""``--env``: the worker gets the variable, the records keep it, and the case is another one."""

import json

import pytest

from bench.records import store
from bench.records.schema import format_env
from bench.regression.programs.comparison_plan import ComparisonPlan
from bench.runner import conformance

# Says what its process was given, and trains nothing.
SHOWS = """
import os
from bench.contract import Unavailable
from implementations.idiomatic import softmax_numpy

class Trainer(softmax_numpy.Trainer):
    def __init__(self, problem, device):
        raise Unavailable(f"given {os.environ.get('SHOWN')}, {os.environ.get('LD_PRELOAD')}")
"""
PATH = "/nowhere/of alice/lib.so"  # ld.so ignores what it does not find
ENV = (f"--env=LD_PRELOAD={PATH}", "--env=SHOWN=--a=1 --b")
GIVEN = {"LD_PRELOAD": PATH, "SHOWN": "--a=1 --b"}
RUN = ("run", "--data=digits", "--implementation=shows.py", "--threads=1", "--no-roofline")
RUN += ("--rounds=1", "--workload=sgd", "--output=out")


@pytest.fixture(autouse=True)
def file(tmp_path, monkeypatch):
    (tmp_path / "shows.py").write_text(SHOWS)
    monkeypatch.setenv("SHOWN", "by the shell")


def test_run_records_the_variables_with_their_values(called, tmp_path):
    called(*RUN, *ENV)
    plan, (record,) = store.read_run(tmp_path / "out"), store.read_records(tmp_path / "out")
    assert record.reason == f"given --a=1 --b, {PATH}"
    assert [case.env for case in plan.cases] == [record.case.env] == [GIVEN]
    (environment,) = store.read_environments(tmp_path / "out").values()
    assert environment.variables.items() >= GIVEN.items()
    report = (tmp_path / "out" / "report.md").read_text().replace("\\", "")
    assert f"with {format_env(GIVEN)}" in report


def test_run_is_resumed_only_with_its_variables(called, refused, tmp_path):
    called(*RUN, *ENV)
    resume = ("run", "--resume", "--output=out", "--implementation=shows.py")
    for env in ((), ENV[:1], (*ENV, "--env=MORE=1"), (ENV[0], "--env=SHOWN=other")):
        line = refused(*resume, *env)
        assert ("--env" in line, "SHOWN" in line) == (True, False)  # pasted, a value may run
    before = (tmp_path / "out" / "trials.jsonl").read_bytes()
    status, _, err = called(*resume, *ENV)
    assert (status, err) == (4, "")  # it was unavailable
    assert (tmp_path / "out" / "trials.jsonl").read_bytes() == before


def test_check_sets_the_variables(called, monkeypatch):
    monkeypatch.setattr(conformance, "BATCH_SIZES", {"digits": {"sgd": (8,)}})
    for env, shown in (((), "given None, None"), (ENV, f"given --a=1 --b, {PATH}")):
        assert shown in called("check", "--data=digits", "shows.py", *env)[1]


def test_sides_of_one_version_differ_in_their_variables(called, tmp_path):
    (tmp_path / "notes.py").write_text(
        "import os; from pathlib import Path\n"
        "from implementations.idiomatic.softmax_numpy import Trainer\n"
        "seen = [os.environ.get(name) for name in ('LD_PRELOAD', 'SHOWN')]\n"
        f"with Path('{tmp_path}/seen').open('a') as file: print(*seen, file=file)\n"
    )
    arguments = ("ab", "--candidate=notes.py", "--base-env=LD_PRELOAD=", "--candidate-env=SHOWN=b")
    arguments += ("--data=digits", "--budget=1s", "--output=out")
    _, out, _ = called(*arguments, "--format=json")
    document = json.loads(out)
    sides = {side: (document[side]["name"], document[side]["env"]) for side in SIDES}
    assert sides == SIDES
    plan = store.read_plan(tmp_path / "out" / "comparison.json", ComparisonPlan)
    assert [plan.baseline.env, plan.candidate.env] == [env for _, env in SIDES.values()]
    records = store.read_records(tmp_path / "out")
    assert {record.version: (record.status, record.case.env) for record in records} == {
        "base": ("ok", {"LD_PRELOAD": ""}),
        "candidate": ("ok", {"SHOWN": "b"}),
    }
    assert {" None", "None b"} <= set((tmp_path / "seen").read_text().splitlines())


SIDES = {
    "baseline": ("notes.py", {"LD_PRELOAD": ""}),
    "candidate": ("notes.py", {"SHOWN": "b"}),
}
AB = ("ab", "--data=digits", "--implementation=numpy")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((*RUN, "--env=SHOWN"), "Give NAME=VALUE"),
        ((*RUN, "--env=OMP_NUM_THREADS=2"), "--threads"),
        (("check", "numpy", "--env=KERAS_BACKEND=jax"), "KERAS_BACKEND cannot be set"),
        ((*AB, "--candidate-env=HOME=/tmp"), "HOME cannot be set"),
        (AB, "--candidate-env"),
        ((*AB, "--base-env=A=1", "--candidate-env=A=1"), "nothing differs"),
        (("ab", "--data=digits", "--candidate-env=A=1"), "--implementation"),
    ],
)
def test_variable_that_cannot_be_set_is_refused_in_one_line(refused, arguments, words):
    assert words in refused(*arguments)
