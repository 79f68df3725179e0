"""The parent's loop: whatever a trial does, it becomes a record, and the run goes on."""

import contextlib
import hashlib
import json
import tempfile
from pathlib import Path

import msgspec
import pytest
from support.processes import ASSETS, lines_of
from support.records import environment, ok

from bench.records import store
from bench.records.schema import FORMAT, Run
from bench.runner import executor, loop, plan, progress
from bench.runner.process.outcome import Outcome

SABOTEURS = {
    "live_view": ("failed", "handed back (a view of live weights?)"),
    "changes_order": ("failed", "changed the order it was given"),
    "changes_params": ("failed", "changed the initial params it was given"),
    "not_a_number": ("failed", "its params are not finite"),
    "wrong_shape": ("failed", "returned a weight of (10, 64)"),
    "wrong_dtype": ("failed", "the weight as a float32 NumPy array"),
    "wrong_labels": ("failed", "int64 labels, not float64"),
    "prints": ("failed", "it printed on stdout"),
    "hangs": ("timeout", "still running after 6 s; raise --timeout"),
    "segfaults": ("failed", "Segmentation fault"),
    "leaves_silently": ("failed", "the process left no result"),
    "exits_with_three": ("failed", "ended with exit status 3"),
    "raises": ("failed", "RuntimeError: the gradient is gone"),
    "says_unavailable": ("unavailable", "no abacus in this machine"),
    "momentum": ("failed", "other mathematics"),
    "predicts_wrongly": ("failed", "predict disagrees with argmax"),
    "leaves_a_child": ("failed", "it left processes running: sleep"),
    "leaves_a_daemon": ("failed", "it left processes running: sleep"),
    "changes_images": ("failed", "changed the training data it was given"),
    "floods_stderr": ("failed", "RuntimeError: and now this"),
    "takes_all_memory": ("out-of-memory", "ran out of memory"),
    "slow_clock": ("failed", "it replaced bench.worker.measure.perf_counter_ns"),
    "mends_the_clock": ("failed", "it replaced bench.worker.measure.perf_counter_ns"),
    "disarms_the_guard": ("failed", "its clock does not add up"),
    "short_epochs": ("failed", "it replaced bench.worker.measure.time_call"),
    "many_threads": ("failed", "it left the cores it was given"),
    "honest": ("ok", None),
}


@pytest.fixture(scope="module")
def sabotaged(tmp_path_factory, command):
    """A run of all saboteurs and an honest file among them; the process and its records by name."""
    folder = tmp_path_factory.mktemp("sabotaged")
    files = ASSETS / "saboteurs"
    chosen = [f"--implementation={files / name}.py" for name in SABOTEURS]
    ended = command(
        folder, "run", "--data=digits", "--workload=sgd", "--rounds=1", "--threads=1",
        "--no-ceiling", "--batch-size=8", "--epochs=2", "--timeout=6", "--output=out", *chosen,
    )  # fmt: skip
    records = {each.case.implementation: each for each in store.read_records(folder / "out")}
    return ended, records


@pytest.mark.parametrize("name", SABOTEURS)
def test_every_saboteur_becomes_a_row_with_its_status_and_a_reason_of_one_line(sabotaged, name):
    status, reason = SABOTEURS[name]
    record = sabotaged[1][name]
    assert record.status == status
    assert (record.reason is None) == (reason is None)
    assert (reason or "") in (record.reason or "")
    assert "\n" not in (record.reason or "")


def test_a_run_with_failed_trials_goes_on_and_ends_with_three(sabotaged):
    ended, records = sabotaged
    assert records.keys() == SABOTEURS.keys()
    assert ended.returncode == 3
    assert ended.stderr == ""
    for status, reason in SABOTEURS.values():
        assert status == "ok" or reason in ended.stdout


def test_only_what_failed_keeps_the_end_of_its_stderr(sabotaged):
    _, records = sabotaged
    assert records["raises"].stderr_tail.endswith("RuntimeError: the gradient\n  is gone\n")
    assert len(records["floods_stderr"].stderr_tail) <= 2000
    assert records["honest"].stderr_tail is None


def test_an_honest_record_holds_all_that_was_measured(sabotaged):
    record = sabotaged[1]["honest"]
    assert record.parity.passed
    epochs = len(record.epoch_seconds)
    assert epochs >= 2
    for values in (record.epoch_cpu_seconds, record.validation_accuracy, record.test_accuracy):
        assert len(values) == epochs
    expected = sum(record.epoch_cpu_seconds) / sum(record.epoch_seconds)
    assert record.threads_in_force == pytest.approx(expected)
    assert record.threads_in_force <= 1.1
    assert record.worker_seconds < record.wall_seconds
    assert record.peak_rss_bytes > 2**20
    assert record.conditions.keys() == {
        "load_before", "load_after", "mhz_before", "mhz_after", "steal_seconds", "seconds",
        "others_seconds", "throttled",
    }  # fmt: skip
    assert record.conditions["seconds"] >= record.wall_seconds
    assert record.conditions["others_seconds"] >= 0


def test_nothing_is_left_in_the_folder_for_temporary_files(sabotaged, surroundings):
    assert not list(Path(surroundings["TMPDIR"]).iterdir())


@pytest.fixture
def own_case(make_case, tmp_path):
    def make(code, name="own_file", **changes):
        path = tmp_path / f"{name}.py"
        path.write_text(code)
        return make_case(
            implementation=name, module=name, framework="", style="own", data="own",
            devices=("cpu", "gpu"), file=str(path),
            sha256=hashlib.sha256(path.read_bytes()).hexdigest(), **changes,
        )  # fmt: skip

    return make


@pytest.fixture
def performed(tmp_path, digits, monkeypatch):
    """Perform a run of some cases in this process; its events."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def perform(*cases, figures=(), rounds=1, run_folder="out", **changes):
        folder = tmp_path / run_folder
        planned = Run(
            format=FORMAT, run="a-run", command="bench run", created="2026-01-01T00:00:00+00:00",
            seed=42, rounds={"sgd": rounds, "textbook": rounds}, cases=cases, figures=figures,
            timeout=60, data="digits", **changes,
        )  # fmt: skip
        if not folder.exists():
            store.create(folder, planned)
        return list(loop.measure_run(folder, planned, digits))

    return perform


def records_of(events):
    return [event.record for event in events if isinstance(event, loop.TrialEnded)]


def test_events_come_before_and_after_every_trial(performed, make_case):
    events = performed(make_case(), make_case(batch_size=96), rounds=2)
    assert events[0] == loop.ImportStarted("numpy")
    assert [type(event) for event in events[1:]] == [loop.TrialStarted, loop.TrialEnded] * 4
    assert [event.number for event in events[1:]] == [1, 1, 2, 2, 3, 3, 4, 4]
    assert {event.total for event in events[1:]} == {4}
    for started, ended in zip(events[1::2], events[2::2], strict=True):
        assert ended.record.trial == started.trial.id
        assert ended.record.status == "ok"


def test_what_has_a_record_is_not_measured_again(performed, make_case):
    assert len(records_of(performed(make_case()))) == 1
    assert performed(make_case()) == []


def test_a_framework_that_is_not_installed_is_unavailable_and_says_how_to_install_it(
    performed, own_case
):
    (record,) = records_of(performed(own_case("import abacus_learn.nn", extra="abacus")))
    assert record.status == "unavailable"
    assert record.reason == ("abacus_learn is not installed: pip install 'softmax-bench[abacus]'")


def test_a_device_that_an_implementation_does_not_know_needs_no_child(
    performed, make_case, monkeypatch
):
    monkeypatch.setattr(executor, "launch", lambda *_: pytest.fail("a child was launched"))
    monkeypatch.setattr(loop, "_imports", lambda _: iter(()))
    (record,) = records_of(performed(make_case(device="gpu")))
    assert (record.status, record.reason) == ("unavailable", "numpy runs on cpu only")


def test_an_own_file_that_has_changed_since_the_plan_is_not_measured(performed, own_case, tmp_path):
    case = own_case("from implementations.idiomatic.softmax_numpy import Trainer")
    code = "from implementations.idiomatic.softmax_numpy import Trainer\n\n"
    (tmp_path / "own_file.py").write_text(code)
    (record,) = records_of(performed(case))
    assert record.status == "failed"
    assert record.reason.endswith("own_file.py has changed since the run was planned")


def test_an_own_file_that_is_gone_is_a_failure(performed, own_case, tmp_path):
    case = own_case("from implementations.idiomatic.softmax_numpy import Trainer")
    (tmp_path / "own_file.py").unlink()
    (record,) = records_of(performed(case))
    assert record.status == "failed"
    assert "cannot be read any more" in record.reason


@pytest.fixture
def pretended(monkeypatch):
    """Pretend to measure: every round has the epoch that was given for it, every trial 12 s."""
    clock = [0.0]

    def pretend(*epochs):
        def measure(self, trial):
            folder = self._keeper._folder
            store.add_environment(folder, environment())
            of = {"trial": trial.id, "run": self._keeper._planned.run}
            record = ok(trial.case, trial.round, epochs[trial.round - 1], **of)
            clock[0] += record.wall_seconds
            store.append(folder, record)
            return record

        monkeypatch.setattr(loop.Runner, "measure", measure)
        monkeypatch.setattr(loop, "_imports", lambda _: iter(()))
        monkeypatch.setattr(progress, "now", lambda: clock[0])

    return pretend


def trials_of(events):
    return [
        (event.trial.id[:2], event.number, event.total, len(event.remaining))
        for event in events
        if isinstance(event, loop.TrialStarted)
    ]


def test_a_precision_takes_the_rounds_that_the_first_stage_fixes(performed, pretended, make_case):
    # Logarithms 0, 0.0198, 0.0392: s = 0.0196, t = 4.303: (4.303 * 0.0196 / ln 1.04)^2 = 4.63.
    pretended(1.0, 1.02, 1.04, 2.0, 0.5)
    events = performed(make_case(), rounds=3, precision=0.04)
    expected = [("r1", 1, 3, 3), ("r2", 2, 3, 2), ("r3", 3, 3, 1), ("r4", 4, 5, 2), ("r5", 5, 5, 1)]
    assert trials_of(events) == expected
    assert performed(make_case(), rounds=3, precision=0.04) == []


def test_a_run_that_stopped_in_its_second_stage_goes_on_with_it(
    performed, pretended, make_case, tmp_path
):
    pretended(1.0, 1.02, 1.04, 2.0, 0.5)
    performed(make_case(), rounds=3, precision=0.04)
    path = tmp_path / "out" / "trials.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:4]))
    events = performed(make_case(), rounds=3, precision=0.04)
    assert trials_of(events) == [("r5", 5, 5, 1)]


def test_without_a_precision_there_is_one_stage(performed, pretended, make_case):
    pretended(1.0, 1.5, 2.0)
    assert len(trials_of(performed(make_case(), rounds=3))) == 3


def test_a_budget_ends_a_run_before_a_trial_that_would_exceed_it(performed, pretended, make_case):
    pretended(1.0, 1.0, 1.0, 1.0)
    # Of 12 s each: after two 24 s are gone, and the third would end at 36.
    events = performed(make_case(), rounds=4, budget=35.0)
    assert len(trials_of(events)) == 2
    assert events[-1] == loop.BudgetSpent(2)
    # Going on has the budget anew.
    assert len(trials_of(performed(make_case(), rounds=4, budget=36.0))) == 2


def test_a_budget_that_lasts_changes_nothing(performed, pretended, make_case):
    pretended(1.0, 1.0)
    events = performed(make_case(), rounds=2, budget=24.0)
    assert len(trials_of(events)) == 2
    assert not [event for event in events if isinstance(event, loop.BudgetSpent)]


def test_a_precision_measures_the_sweep_once_and_more_rounds_of_the_cases_only(
    performed, pretended, make_case
):
    pretended(1.0, 1.02, 1.04, 2.0, 0.5)
    swept = make_case(batch_size=96)
    events = performed(make_case(), rounds=3, precision=0.04, sweep=(swept,))
    measured = [(event.trial.round, event.trial.case.batch_size) for event in events
                if isinstance(event, loop.TrialStarted)]  # fmt: skip
    assert measured == [(1, 32), (2, 32), (3, 32), (4, 32), (5, 32), (1, 96)]
    assert [(number, total, left) for _, number, total, left in trials_of(events)] == [
        (1, 4, 4), (2, 4, 3), (3, 4, 2), (4, 6, 3), (5, 6, 2), (6, 6, 1),
    ]  # fmt: skip
    assert performed(make_case(), rounds=3, precision=0.04, sweep=(swept,)) == []


def test_a_sweep_that_was_stopped_goes_on_where_it_was(performed, pretended, make_case):
    pretended(1.0)
    swept = tuple(make_case(batch_size=size) for size in (8, 96, 480))
    first = performed(make_case(), sweep=swept, budget=25.0)
    assert first[-1] == loop.BudgetSpent(1)
    again = performed(make_case(), sweep=swept, budget=25.0)
    assert trials_of(again) == [("r1", 4, 4, 1)]


def test_probes_read_what_is_measured_on_their_cores_and_fits_into_the_memory(
    performed, make_case, monkeypatch
):
    asked = []

    def launch(request, child, scratch):
        asked.append(request)
        return Outcome("failed", "not launched", {}, "", wall_seconds=1)

    monkeypatch.setattr(executor, "launch", launch)
    monkeypatch.setattr(loop, "_imports", lambda _: iter(()))
    monkeypatch.setattr(executor.sizes, "most_samples", lambda features: 30 * features)
    monkeypatch.setattr(executor.machine, "usable_cores", lambda: [0, 1])
    cases = [make_case(samples=960), make_case(samples=1920), make_case(samples=96, threads=2)]
    performed(*cases, ceilings=plan.roofline_cases(cases), sweep=(make_case(samples=480),))
    probes = [one for one in asked if one["module"] == "roofline.roofline_numpy"]
    assert [one["samples"] for one in probes] == [[480, 960, 1920], [96]]
    asked.clear()
    large = make_case(samples=1952)
    performed(large, ceilings=plan.roofline_cases([large]), run_folder="other")
    assert {tuple(one["samples"]) for one in asked} == {()}


WATCHES = """
import json, os
from pathlib import Path
from implementations.idiomatic import softmax_numpy

seen = []


def look(when):
    parent = Path(f"/proc/{os.getppid()}")
    written = (parent / "io").read_text().split()[3]
    ticks = (parent / "stat").read_text().rpartition(")")[2].split()[11:13]
    here = sorted(path.name for path in Path().iterdir())
    seen.append([when, written, ticks, here])


class Trainer(softmax_numpy.Trainer):
    def train_epoch(self, order):
        look("before")
        params = super().train_epoch(order)
        look("after")
        return params

    def predict(self, images):
        Path(os.environ["WATCHED"]).write_text(json.dumps(seen))
        return super().predict(images)
"""


def test_while_epochs_are_timed_the_parent_sleeps_and_nobody_writes(performed, own_case, tmp_path):
    watched = tmp_path / "watched"
    case = own_case(WATCHES, variables={"WATCHED": str(watched)}, epochs=20)
    (record,) = records_of(performed(case))
    assert (record.status, record.reason) == ("ok", None)
    seen = json.loads(watched.read_text())
    assert len(seen) >= 2 * 21
    # Params, records and the screen are written before the first epoch or after the last.
    assert len({written for _, written, *_ in seen}) == 1
    assert len({tuple(here) for *_, here in seen}) == 1
    assert not {"params.npy", "labels.npy", "document.json"} & set(seen[-1][3])
    first, last = (sum(map(int, ticks)) for _, _, ticks, _ in (seen[0], seen[-1]))
    assert last - first <= 1


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
    ("document", "reason"),
    [
        ({"status": "ok"}, "left a result without its epochs"),
        ({**EPOCHS, "epoch_seconds": [0.0]}, "left a result without its epochs"),
        ({**EPOCHS, "epoch_cpu_seconds": ["x"]}, "its epoch_cpu_seconds are not a number"),
        ({"status": "splendid"}, "it has no status"),
        ({"status": "failed", "reason": 7}, "a result that is wrong: Expected `str | null`"),
        ({"status": "failed", "peak_rss_bytes": "much"}, "a result that is wrong"),
    ],
)
def test_a_forged_result_is_a_failure_of_its_trial(performed, own_case, document, reason):
    (record,) = records_of(performed(own_case(FORGES.format(document))))
    assert record.status == "failed"
    assert reason in record.reason


def test_a_trial_without_params_is_a_failure(performed, own_case):
    code = FORGES.replace("np.save(name, array)", "pass").format({"status": "ok"})
    (record,) = records_of(performed(own_case(code)))
    assert record.reason == "the process handed over no params"


def test_a_child_may_not_judge_itself():
    document = {"import_seconds": 1.0, "parity": {"error": 0}, "validation_accuracy": [1.0]}
    found = executor._reported(Outcome("ok", None, document, "", wall_seconds=2))
    assert found == {"status": "ok", "reason": None, "import_seconds": 1.0, "wall_seconds": 2}


FIGURE = "def run(textbook): return {'cross_validation_accuracy': %s}"


@pytest.mark.parametrize(("value", "status"), [(0.8196, "ok"), (0.8, "failed")])
def test_a_figure_is_judged_by_what_was_published(performed, own_case, value, status):
    case = own_case(FIGURE % value, name="own_figure")
    case = msgspec.structs.replace(
        case, implementation="figure-sklearn", workload="figure", batch_size=0, samples=0
    )
    (record,) = records_of(performed(figures=(case,)))
    assert (record.kind, record.status) == ("figure", status)
    assert record.figure == {"cross_validation_accuracy": value}
    assert record.figure_seconds >= 0


def test_the_environment_is_kept_under_its_id_without_a_path(performed, make_case, tmp_path):
    (record,) = records_of(performed(make_case()))
    environments = store.read_environments(tmp_path / "out")
    assert environments.keys() == {record.environment}
    text = (tmp_path / "out" / "environments" / f"{record.environment}.json").read_text()
    assert str(Path.home()) not in text
    assert str(tmp_path) not in text
    assert environments[record.environment].data["name"] == "digits"


def test_what_another_process_finished_while_this_one_waited_is_not_measured_again(
    performed, make_case, monkeypatch, tmp_path
):
    performed(make_case())
    (finished,) = lines_of(tmp_path / "out")
    (tmp_path / "out" / "trials.jsonl").unlink()

    class Busy:
        def take(self):
            return False

        def wait(self):
            (tmp_path / "out" / "trials.jsonl").write_bytes(finished)

    monkeypatch.setattr(loop.lock, "opened", lambda: contextlib.nullcontext(Busy()))
    assert performed(make_case()) == [loop.HostBusy()]


def test_a_file_that_has_changed_is_not_even_imported(make_case, digits, tmp_path):
    own = tmp_path / "mine.py"
    mark = tmp_path / "mark"
    own.write_text(f"from pathlib import Path\nPath({str(mark)!r}).touch()\nclass Trainer: ...\n")
    case = make_case(implementation="mine", module="mine", framework="", file=str(own),
                     sha256="0" * 64)  # fmt: skip
    planned = Run(
        format=FORMAT, run="a", command="", created="", seed=1, rounds={"sgd": 1}, cases=(case,),
        figures=(), timeout=60.0,
    )  # fmt: skip
    store.create(tmp_path / "out", planned)
    *_, ended = loop.measure_run(tmp_path / "out", planned, digits)
    assert "has changed since the run was planned" in ended.record.reason
    assert not mark.exists()


def test_more_threads_than_there_are_cores_is_unavailable(make_case, digits, tmp_path):
    planned = Run(
        format=FORMAT, run="a", command="", created="", seed=1, rounds={"sgd": 1},
        cases=(make_case(threads=2**40),), figures=(), timeout=60.0,
    )  # fmt: skip
    store.create(tmp_path / "out", planned)
    *_, ended = loop.measure_run(tmp_path / "out", planned, digits)
    assert ended.record.status == "unavailable"
    assert "1099511627776 threads: this machine lets us use " in ended.record.reason
