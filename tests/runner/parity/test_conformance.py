"""`bench check` rejects every saboteur and names the fault; honest implementations pass."""

import dataclasses

import msgspec
import pytest
from support.processes import ASSETS

from bench.data import dataset
from bench.errors import DataError
from bench.runner import plan
from bench.runner.parity import conformance
from bench.runner.parity.conformance import Checker, Finding, has_passed
from bench.runner.parity.judge import NO_TIMES, Judgement
from bench.runner.process.outcome import Outcome
from bench.worker.machine import list_usable_cores
from implementations import IMPLEMENTATIONS

pytestmark = pytest.mark.timeout(1800)

PARITY = "is above 1e-05: other mathematics"
# A part of the reason for which each of them is rejected.
REASONS = {
    "skips_a_batch": "in the first epoch; it looks as if it skips the last batch",
    "repeats_a_batch": f"{PARITY}, in the first epoch",
    "swaps_batches": f"{PARITY}, in the first epoch",
    "ignores_the_order": "it ignores the order and takes the samples in stored order",
    "shuffles": f"{PARITY}, in the first epoch",
    "sums_the_loss": "it looks as if it adds up the loss of a batch instead of averaging it",
    "momentum": f"{PARITY}, in the first epoch",
    "decays_its_weights": PARITY,
    "learns_too_fast": f"{PARITY}, in the first epoch",
    "epsilon_outside": "it looks as if its RMSprop has epsilon outside the root, as PyTorch's",
    "keras_jax_probabilities": PARITY,
    "leaves_out_the_bias": "it looks as if it leaves out the bias",
    "float16": PARITY,
    "bfloat16": PARITY,
    "tf32": PARITY,
    "live_view": "changed params that it had returned (a view of live weights?)",
    "window": "a weight that is a view of its framework's memory",
    "changes_params": "changed the initial params that it received",
    "changes_order": "changed the order that it received",
    "changes_images": "changed the training data that it received",
    "one_epoch_late": "it looks as if it hands back the weights that it was given",
    "works_on": "changed params that it had returned",
    "remembers_orders": f"{PARITY}, from other weights, over an order that was there before",
    "keeps_its_optimizer": f"{PARITY}, in epoch 1 after a second reset",
    "ignores_reset": f"{PARITY}, in epoch 1 after a second reset",
    "not_repeatable": f"{PARITY}, in the first epoch",
    "predicts_wrongly": "predict disagrees with argmax(images @ weight + bias) on",
    "remembers_predictions": "images, after a reset to other weights",
    "predicts_with_old_weights": "images, after five epochs",
    "claims_a_gpu": "where no GPU can be seen it must raise Unavailable: it trained",
    "keeps_busy": "keeps the CPU busy after an epoch has returned",
    "many_threads": "it left the cores it was given",
    "leaves_a_child": "it left processes running: sleep",
    "leaves_a_daemon": "it left processes running: sleep",
    "wrong_shape": "returned a weight of (10, 64), not (64, 10)",
    "wrong_dtype": "must return the weight as a float32 NumPy array",
    "wrong_labels": "must return int64 labels, not float64",
    "not_a_number": "its params are not finite",
    "prints": "it printed on stdout; an implementation is silent",
    "exits_with_three": "the process ended with exit status 3",
    "leaves_silently": "the process left no result",
    "segfaults": "ended by a signal: Segmentation fault",
    "raises": "RuntimeError: the gradient is gone",
    "hangs": "still running after 6 s; raise --timeout",
    "takes_all_memory": "the process ran out of memory",
    "slow_clock": "it replaced bench.worker.measure.perf_counter_ns",
    "mends_the_clock": "it replaced bench.worker.measure.perf_counter_ns",
    "disarms_the_guard": "its clock does not add up",
    "short_epochs": "it replaced bench.worker.measure.time_call",
    "replaces_code": "it replaced the code of bench.worker.guard.require_unchanged",
    "times_fewer_epochs": "it replaced the contents of bench.worker.measure.TIMED_SECONDS",
    "stops_the_collector": "it switched the garbage collector off",
}
# Files for other tests.
OTHERS = {
    "honest",
    "says_unavailable",
    "floods_stderr",
    "does_not_import",
    "no_trainer",
    "bad_objective",
}


@pytest.fixture(scope="module")
def data(digits):
    """The digits and, where it can be had, Fashion-MNIST: it shows the smallest faults."""
    try:
        return [digits, dataset.find()]
    except DataError:
        return [digits]


@pytest.fixture(scope="module")
def checker(data):
    return Checker(data, seed=42, threads=1, timeout=600, device="cpu")


def case_of(name):
    return plan.find_implementation(str(ASSETS / "saboteurs" / f"{name}.py"), lambda _: "softmax")


def test_every_saboteur_has_its_reason():
    assert {path.stem for path in (ASSETS / "saboteurs").glob("*.py")} == set(REASONS) | OTHERS


# Only a real epoch of textbook shows it, which comes last.
SLOW = pytest.param("keras_jax_probabilities", marks=pytest.mark.full)


@pytest.mark.parametrize("name", [*sorted(set(REASONS) - {"hangs", *SLOW.values}), SLOW])
def test_saboteur_is_rejected_with_its_reason(checker, data, name):
    if name == "keras_jax_probabilities":
        pytest.importorskip("keras")
    findings = []
    for finding in checker.check(case_of(name)):
        findings.append(finding)
        if finding.status not in {"ok", "unavailable"}:
            break
    if name in {"tf32", "keras_jax_probabilities"} and len(data) == 1:
        pytest.skip("needs Fashion-MNIST")
    assert not has_passed(findings)
    assert REASONS[name] in findings[-1].reason
    assert "\n" not in findings[-1].reason


def test_hanging_implementation_is_checked_once(digits):
    hasty = Checker([digits], seed=42, threads=1, timeout=6, device="cpu")
    (finding,) = hasty.check(case_of("hangs"))
    assert (finding.status, finding.reason) == ("timeout", REASONS["hangs"])
    assert not has_passed([finding])


def test_honest_implementation_passes_every_check(checker, data):
    numpy = next(entry for entry in IMPLEMENTATIONS if entry.name == "numpy")
    findings = list(checker.check(plan.find_implementation(numpy.name, None)))
    assert [finding.status for finding in findings] == ["ok"] * 5 * len(data)
    assert {finding.data for finding in findings} == {part.name for part in data}
    assert {finding.batch_size for finding in findings} >= {8, 32, 1440}
    assert all(0 < finding.error <= 1e-5 for finding in findings)
    assert has_passed(findings)


def test_gpu_is_asked_for_where_there_is_none(digits):
    alone = Checker([digits], seed=42, threads=1, timeout=600, device="cpu")
    *cpu, gpu = alone.check(case_of("honest"))
    assert {finding.status for finding in cpu} == {"ok"}
    assert (gpu.device, gpu.status) == ("gpu", "unavailable")
    assert gpu.reason.startswith("NumPy computes on the CPU only; ")
    assert has_passed([*cpu, gpu])


def test_passing_needs_a_success_and_no_fault():
    def finding(status):
        return Finding("digits", "sgd", "cpu", 32, status, None)

    assert has_passed([finding("ok"), finding("unavailable")])
    assert not has_passed([finding("unavailable")])
    assert not has_passed([])
    for fault in ("failed", "timeout", "out-of-memory"):
        assert not has_passed([finding("ok"), finding(fault)])


@pytest.mark.full
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("entry", IMPLEMENTATIONS, ids=lambda entry: entry.name)
def test_every_implementation_of_the_registry_passes(data, entry):
    # Every framework is checked on digits each day.
    threads = len(list_usable_cores())
    checker = Checker(data[-1:], seed=42, threads=threads, timeout=900, device="cpu")
    findings = list(checker.check(plan.find_implementation(entry.name, None)))
    assert has_passed(findings), [
        finding.reason for finding in findings if finding.status == "failed"
    ]
    unavailable = [finding for finding in findings if finding.status == "unavailable"]
    gaps = 2 if entry.name.startswith("sklearn-") else 0
    assert len(unavailable) == gaps + ("gpu" in entry.devices)


def test_ragged_batch_size_is_replaced_by_a_smaller_divisor(monkeypatch, digits):
    monkeypatch.setattr(conformance, "BATCH_SIZES", {"digits": {"sgd": (7, 1439, None)}})
    alone = Checker([digits], seed=42, threads=1, timeout=600, device="cpu")
    case = msgspec.structs.replace(case_of("honest"), devices=("cpu",))
    assert [finding.batch_size for finding in alone.check(case)] == [6, 720, 1440]


@pytest.fixture
def answered(monkeypatch):
    """Let every check end without a process; return the requests and children."""

    def answer(*statuses):
        left, asked = iter(statuses), []

        def launch(request, child, scratch):
            asked.append((request, child))
            return Outcome(next(left, statuses[-1]), "so it is", {}, "", 1.0)

        monkeypatch.setattr(conformance, "launch", launch)
        return asked

    return answer


def test_requests_cover_all_sizes_and_watch_one(digits, answered):
    asked = answered("unavailable")
    own = dataclasses.replace(digits, name="own")
    both = Checker([digits, own], seed=42, threads=1, timeout=600, device="cpu")
    case = msgspec.structs.replace(case_of("honest"), variables={"OWN": "yes"})
    findings = list(both.check(case))
    places = [
        (finding.data, finding.workload, finding.device, finding.batch_size) for finding in findings
    ]
    assert places == [
        ("digits", "sgd", "cpu", 8),
        ("digits", "sgd", "cpu", 32),
        ("digits", "sgd", "cpu", 1440),
        ("digits", "textbook", "cpu", 32),
        ("digits", "textbook", "cpu", 1440),
        ("digits", "sgd", "gpu", 32),
        # A user's own data have the sizes of Fashion-MNIST, or smaller divisors.
        ("own", "sgd", "cpu", 480),
        ("own", "sgd", "cpu", 32),
        ("own", "sgd", "cpu", 1440),
        ("own", "textbook", "cpu", 32),
        ("own", "textbook", "cpu", 1440),
    ]
    watched = [
        place[:2] + place[3:]
        for place, (request, _) in zip(places, asked, strict=True)
        if request["watch"]
    ]
    assert set(watched) == {("digits", "sgd", 32), ("own", "sgd", 32)}
    for place, (_, child) in zip(places, asked, strict=True):
        assert (child.device, child.threads, child.timeout) == (place[2], 1, 600)
        hidden = {"CUDA_VISIBLE_DEVICES": "", "HIP_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu"}
        assert child.variables == {"OWN": "yes", **(hidden if place[2] == "gpu" else {})}


def test_check_ends_after_a_timeout(digits, answered):
    asked = answered("ok", "timeout", "ok")
    checker = Checker([digits], seed=42, threads=1, timeout=600, device="cpu")
    findings = list(checker.check(case_of("honest")))
    assert len(findings) == len(asked) == 2
    assert findings[-1].status == "timeout"


def test_check_without_valid_times_has_not_passed(digits, answered, monkeypatch):
    answered("ok")
    monkeypatch.setattr(conformance.Judge, "judge_check", lambda *_: Judgement())
    alone = Checker([digits], seed=42, threads=1, timeout=600, device="cpu")
    first = next(alone.check(case_of("honest")))
    assert (first.status, first.reason) == ("failed", NO_TIMES)
