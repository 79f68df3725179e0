"""One trial: what its process is asked, how it is judged, and what is recorded of it."""

import hashlib
import itertools
import re

import msgspec
import numpy as np
import pytest
from support.pretended import comparison, pairing
from support.workers import StoppedWorkers, of_file

from bench.analysis.summary import summarize
from bench.records import store
from bench.records.schema import Parity, Trial
from bench.regression.programs.comparison_plan import plan_pair
from bench.runner import drive, runner
from bench.runner.parity.draws import NOISE_EPOCH, Draws, Epoch
from bench.runner.parity.judge import Judge, Judgement
from bench.runner.process.outcome import Outcome
from bench.runner.process.spec import Installation
from bench.runner.runner import Runner
from bench.worker.workloads import WORKLOADS

pytestmark = pytest.mark.usefixtures("short_trials")

INSTALLATIONS = {"base": Installation(), "candidate": Installation()}
ALONE = Trial("r1-mine", "trial", 1, pairing(batch_size=96, threads=1).baseline)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "out"


@pytest.fixture
def make_runner(folder, digits):
    """A runner of a comparison, or of a run without versions."""

    def make(installations=None, warm_from=0, **changes):
        planned = comparison(pairing(batch_size=96), **{"seed": None, **changes})
        if not folder.exists():
            store.create_run(folder, planned, "comparison.json" if installations else "run.json")
        sides = {"installations": installations}
        return Runner(folder, planned, digits, warm_from=warm_from, **sides)

    return make


@pytest.fixture
def starts(monkeypatch):
    """Start no process; the requests and children of the workers."""
    workers = StoppedWorkers()
    for module in (drive, runner):
        monkeypatch.setattr(module, "Worker", workers.start)
    return workers


def sides(number=1, **changes):
    """Return the two trials of a pair, by version."""
    one = pairing(**{"batch_size": 96, "threads": 1, **changes})
    both = plan_pair(number, one, one.baseline.epochs)
    return {trial.version: trial for trial in both}


def test_pair_trains_in_turn_and_one_epoch_of_one_side_is_judged(make_runner, folder, monkeypatch):
    monkeypatch.setattr(runner.secrets, "choice", lambda choices: choices[1])
    measuring, trials = make_runner(INSTALLATIONS), [*sides(3).values()]
    measuring._pings[trials[0].case.samples, trials[0].case.threads] = [1e-9]
    records = measuring.measure_pair(trials, judge_one_epoch=True)
    assert store.read_records(folder) == list(records)
    for record in records:
        assert (record.status, record.reason, record.round) == ("ok", None, 3)
        assert len(record.epoch_seconds) == 5
        assert len(record.epoch_delay_seconds) == 5 > record.ping_seconds == 1e-9
        assert (record.alternated, record.predict_seconds) == (True, [])
    assert [record.parity is not None for record in records] == [False, True]
    assert [len(record.judged_epochs) for record in records] == [0, 1]
    assert len({record.entropy for record in records}) == 2
    assert list(folder.rglob("*.npy")) == []


def test_side_that_computes_while_the_other_trains_fails(make_runner, saboteur):
    # Epochs of some 20 ms: a busy machine may not run the helper at all within one of 1 ms.
    base, candidate = sides(2, batch_size=1).values()
    busy = of_file(candidate.case, saboteur("keeps_a_helper_busy"))
    candidate = msgspec.structs.replace(candidate, case=busy)
    honest, failed = make_runner(INSTALLATIONS).measure_pair(
        [base, candidate], judge_one_epoch=True
    )
    assert (honest.status, honest.reason) == ("ok", None)
    assert failed.status == "failed"
    # On a busy machine its helper may rest in one of them.
    where = r"keeps the CPU busy while the other side trains, in [345] of 5"
    assert re.search(where, failed.reason)


def test_first_pair_is_judged_whole_on_both_sides(make_runner):
    records = make_runner(INSTALLATIONS).measure_pair([*sides(0).values()], judge_one_epoch=False)
    for record in records:
        assert (record.status, record.judged_epochs) == ("ok", [1, 2, 3, 4, 5])
        assert record.first_predict_seconds > 0


@pytest.mark.parametrize(
    ("judge_one_epoch", "seconds"),
    [
        (None, [2.0]),  # the choice of training images, and the judgement
        (False, [2.0, 2.0]),
        (True, [0.5, 0.5]),  # one epoch of one side
    ],
)
def test_judging_is_timed_wherever_it_happens(make_runner, monkeypatch, judge_one_epoch, seconds):
    # Every reading of the clock is a second after the one before.
    monkeypatch.setattr(runner, "now", itertools.count().__next__)
    if judge_one_epoch is None:
        records = [make_runner().measure(ALONE)]
    else:
        made = make_runner(INSTALLATIONS)
        records = made.measure_pair([*sides(3).values()], judge_one_epoch=judge_one_epoch)
    assert [record.judging_seconds for record in records] == seconds


def test_params_and_entropy_are_written_when_the_round_is_over(make_runner, folder):
    with make_runner() as made:
        record = made.measure(ALONE)
        assert (record.status, record.version) == ("ok", "")
        assert len(record.epoch_seconds) > 5
        assert len(record.kernel_seconds) == len(record.epoch_seconds) + 1
        assert len(record.predict_seconds) >= 5
        assert len(record.predict_one_seconds) >= 5
        assert len(set(record.judged_epochs)) == 5
        assert record.parity.passed
        assert record.noise_parity.passed
        assert len(record.training_loss) == len(record.training_accuracy) == 5
        assert list(folder.glob("params/*")) == []
        assert store.read_entropy(folder) == {}
        other = made.measure(Trial("r2-mine", "trial", 2, ALONE.case))
        assert [path.name for path in (folder / "params").iterdir()] == ["r1-mine.npy"]
    assert other.entropy != record.entropy
    entropy = store.read_entropy(folder)
    assert entropy.keys() == {record.entropy, other.entropy}
    assert all(
        hashlib.sha256(text.encode()).hexdigest()[:12] == name for name, text in entropy.items()
    )
    params = np.load(folder / "params" / "r1-mine.npy")
    assert len(params) == 5 + len(record.epoch_seconds) + 1


def test_several_models_are_judged_and_leave_no_params(make_runner, folder):
    case = msgspec.structs.replace(
        ALONE.case, module="many.idiomatic.many_numpy", workload="many-3", many=True
    )
    with make_runner() as made:
        record = made.measure(Trial("r1-mine", "trial", 1, case))
    assert (record.status, record.reason) == ("ok", None)
    assert record.parity.passed
    assert record.noise_parity.passed
    assert (record.validation_accuracy, record.predict_seconds) == ([], [])
    assert record.peak_rss_bytes > 0
    assert not (folder / "params").exists()


@pytest.mark.parametrize(
    ("changes", "memory", "reason"),
    [
        ({"workload": "many-3"}, 2**40, runner.ONE_BY_ONE),
        ({"many": True}, 2**40, runner.TOGETHER),
        # 60 % of it hold five copies of the images, and 32 of the weights of 1,000 models.
        (
            {"workload": "many-1001", "many": True},
            141_740_000,
            "1001 models: this machine's memory",
        ),
    ],
)
def test_case_that_its_program_or_the_memory_cannot_do_is_unavailable(
    make_runner, starts, monkeypatch, changes, memory, reason
):
    monkeypatch.setattr(runner, "read_usable_memory", lambda: memory)
    case = msgspec.structs.replace(ALONE.case, **changes)
    record = make_runner().measure(Trial("r1-mine", "trial", 1, case))
    assert (record.status, starts) == ("unavailable", [])
    assert record.reason.startswith(reason)


def test_kept_params_follow_from_the_entropy(make_runner, folder, digits):
    with make_runner() as made:
        record = made.measure(ALONE)
    draws = Draws(store.read_entropy(folder)[record.entropy])
    judge, params = Judge(digits.folder, 10), np.load(folder / "params" / "r1-mine.npy")
    for epoch, place in ((Epoch("stretch", 4), 3), (Epoch("timed", 2), 6), (NOISE_EPOCH, -1)):
        start = draws.draw_initial_params(WORKLOADS["sgd"], digits.features, 10, epoch)
        weight = judge.get_state(ALONE.case, draws, start, epoch).solution.weight
        np.testing.assert_allclose(params[place][:-1], weight, atol=1e-5)


def test_set_up_that_is_hidden_in_an_untimed_epoch_is_in_the_start(make_runner, saboteur):
    late = of_file(ALONE.case, saboteur("sets_up_in_its_second_epoch"))
    record = make_runner().measure(Trial("r1-late", "trial", 1, late))
    assert (record.status, record.stretch_timed) == ("ok", False)
    assert 0.4 < record.untimed_cpu_seconds < record.wall_seconds
    (row,) = summarize([record], {})
    parts = record.import_seconds, record.setup_seconds, record.first_epoch_seconds
    assert row.start.by_round[1] > 0.4 + sum(parts)


def test_programs_share_orders_and_no_two_processes_of_one_do(make_runner, folder):
    textbook = {"workload": "textbook", "batch_size": 32}
    with make_runner() as made:
        first, *others, later = (
            made.measure(Trial(name, "trial", number, of))
            for name, number, of in (
                ("r1-a", 1, ALONE.case),
                ("r1-b", 1, msgspec.structs.replace(ALONE.case, batch_size=32)),
                ("r1-e", 1, msgspec.structs.replace(ALONE.case, **textbook)),
                ("r1-d", 1, msgspec.structs.replace(ALONE.case, implementation="jax")),
                ("r2-a", 2, ALONE.case),
            )
        )
        assert first.entropy == others.pop().entropy  # of another program
        threads = made._get_draws(
            Trial("r2-c", "trial", 2, msgspec.structs.replace(ALONE.case, threads=2))
        )
    drawn = {threads.id, *(record.entropy for record in (first, *others, later))}
    assert len(drawn) == 5
    assert store.read_entropy(folder).keys() == drawn


def test_seed_repeats_orders_and_weights(make_runner, digits, tmp_path):
    measuring = make_runner(seed=7)
    measuring._pings[ALONE.case.samples, ALONE.case.threads] = [1e-9]  # of an earlier process
    first = measuring.measure(ALONE)
    assert first.ping_seconds == 1e-9
    again = Runner(tmp_path / "out", comparison(seed=7), digits).measure(ALONE)
    assert first.entropy == again.entropy
    assert first.validation_accuracy[:5] == again.validation_accuracy[:5]


# Writes a file to the folder of its compile cache, and the order of its first epoch.
CACHING = """
import os, pathlib
import numpy as np
from implementations.idiomatic import softmax_numpy

folder = pathlib.Path(os.environ["NUMBA_CACHE_DIR"])
BEFORE = len(list(folder.iterdir()))

class Trainer(softmax_numpy.Trainer):
    def train_epoch(self, order):
        other = folder / "order.npy"
        if BEFORE == 0 and not other.exists():
            np.save(other, order)
            (folder / "path").write_text(softmax_numpy.__file__)
        elif BEFORE and (np.load(other) == order).all():
            raise ValueError("the same order")
        elif BEFORE and (folder / "path").read_text() != softmax_numpy.__file__:
            raise ValueError("a cache of another path")
        {extra}
        return super().train_epoch(order)
"""


@pytest.fixture
def caching(tmp_path):
    """Trials of an own file in successive rounds, which does something in its training, too."""

    def make(extra="pass"):
        path = tmp_path / "caching.py"
        path.write_text(CACHING.format(extra=extra))
        own = of_file(ALONE.case, path)
        return [Trial(f"r{number}-mine", "trial", number, own) for number in (1, 2, 3)]

    return make


def test_processes_find_the_caches_of_earlier_ones_from_a_round_on(make_runner, caching, folder):
    with make_runner(warm_from=3) as made:
        records = [made.measure(trial) for trial in caching()]
    assert [(record.status, record.reason) for record in records] == [("ok", None)] * 3
    size = records[0].cache_bytes
    assert size > 8 * ALONE.case.samples
    assert [record.found_cache_bytes for record in records] == [0, 0, size]
    assert store.read_records(folder) == records
    with make_runner() as cold:
        assert {cold.measure(trial).found_cache_bytes for trial in caching()} == {0}


@pytest.mark.parametrize(("warm_from", "status"), [(1, "failed"), (0, "ok")])
def test_each_side_of_a_pair_finds_its_own_caches(make_runner, caching, warm_from, status):
    (trial, *_) = caching("if BEFORE: raise ValueError('warm')")
    with make_runner(INSTALLATIONS, warm_from=warm_from) as made:
        statuses = []
        for number in (0, 1):
            both = [msgspec.structs.replace(one, case=trial.case) for one in sides(number).values()]
            records = made.measure_pair(both, judge_one_epoch=True)
            statuses.append({record.status for record in records} - {"interrupted"})
    assert statuses == [{"ok"}, {status}]


def test_link_in_place_of_a_cache_is_not_followed(make_runner, caching, tmp_path):
    (tmp_path / "private").write_text("a secret")
    link = f"(shutil.rmtree(folder), folder.symlink_to({str(tmp_path)!r}))"
    swap = f"import shutil; folder.is_symlink() or {link}"
    with make_runner(warm_from=2) as made:
        records = [made.measure(trial) for trial in caching(swap)]
    assert [one.reason for one in records] == [None] * 3
    assert {one.found_cache_bytes for one in records} == {0}


@pytest.mark.parametrize("point", [(drive, "Worker"), (Judge, "judge")], ids=str)
def test_trial_that_is_interrupted_is_recorded(make_runner, folder, monkeypatch, point):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(*point, interrupt)
    with pytest.raises(KeyboardInterrupt):
        make_runner(INSTALLATIONS).measure(sides(4)["candidate"])
    (record,) = store.read_records(folder)
    assert (record.status, record.version, record.round) == ("interrupted", "candidate", 4)


def test_probe_reports_its_own_fields_only(make_runner, starts):
    document = {"product_operations": 7, "parity": 1, "round": 9, "product_seconds": [0.5]}
    starts.outcome = Outcome("ok", None, document, "", 1.0)
    record = make_runner().measure(Trial("r1-probe", "roofline", 1, ALONE.case))
    assert (record.product_operations, record.round) == (7, 1)


def test_invalid_result_is_a_failed_record(make_runner, starts):
    starts.outcome = Outcome("ok", None, {"product_operations": -1}, "", 1.0)
    record = make_runner().measure(Trial("r1-probe", "roofline", 1, ALONE.case))
    assert (record.status, record.product_operations) == ("failed", None)


def test_parity_that_is_not_a_number_is_a_failed_record(make_runner, folder, monkeypatch):
    judgement = Judgement(parity=Parity(float("nan"), 1e-5, passed=False), fault="no number")
    monkeypatch.setattr(Judge, "judge", lambda *_: judgement)
    record = make_runner().measure(ALONE)
    assert record.status == "failed"
    assert store.read_records(folder) == [record]


def test_too_many_threads_fail_a_correct_trial(make_runner, monkeypatch):
    monkeypatch.setattr(runner.Drive, "judge_threads", lambda _: (3.0, "too many"))
    record = make_runner().measure(ALONE)
    assert (record.status, record.reason, record.threads_in_force) == ("failed", "too many", 3.0)
    assert record.parity.passed
