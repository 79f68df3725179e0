"""What runs on a host: who it is, and a trial that leaves what it would leave here."""

import shutil
import tempfile
from contextlib import contextmanager

import msgspec
import numpy as np
import pytest
from fixtures_hosts import decode
from fixtures_records import run as a_run

from bench import arrays, dataset, machine, store
from bench.cluster import there
from bench.cluster.campaign import Campaign, Sent
from bench.cluster.errand import (
    Answer,
    Data,
    Introduction,
    Question,
    Reply,
    Suite,
    data_of,
    decoded,
    encoded,
    errand,
)
from bench.cluster.hosts import Host
from bench.error import UserError
from bench.result import Trial
from bench.runner import Runner
from bench.station import Left


@pytest.fixture(autouse=True)
def own_host(tmp_path, monkeypatch):
    """A host of its own: its lock, and no framework that was imported, nor data looked for."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(there, "_imported", set())
    there._station.cache_clear()
    yield
    there._station.cache_clear()


@pytest.fixture
def locked(monkeypatch):
    """Follow whether the host is had."""
    found = []

    @contextmanager
    def had():
        found.append(True)
        yield
        found.append(False)

    monkeypatch.setattr(there.lock, "had", had)
    return found


def introduced(data, suite=None):
    """Return what this host says of itself to somebody with these data and this suite."""
    asked = encoded(Question(suite or there.suite(), data))
    reply = decoded(there.introduce(asked), Reply)
    assert reply.failure is None
    return decoded(reply.data, Introduction)


def asking(data):
    """Return what a host of this suite is asked, of these data."""
    return Question(there.suite(), data)


# Who it is


def test_a_host_with_the_same_suite_and_data_says_what_it_is(digits):
    found = introduced(data_of(digits, "digits"))
    assert (found.suite, found.host, found.fault) == (there.suite(), there.host(), None)
    assert found.environment.machine == machine.describe()
    assert found.environment.data == digits.describe()


def test_to_another_suite_it_says_who_it_is_and_nothing_else(digits, monkeypatch):
    monkeypatch.setattr(there, "found", lambda _: pytest.fail("it looked for the data"))
    found = introduced(data_of(digits, "digits"), Suite("0.0.1", "", "0123456789ab"))
    assert found == Introduction(there.suite(), there.host())


def test_of_other_data_it_says_in_which_files_they_differ(digits):
    other = {**digits.sha256, "another": "0" * 64}
    found = introduced(Data("digits", other))
    assert found.environment is None
    assert found.fault == "its data differ from the caller's in another; copy them there"
    name = next(iter(digits.sha256))
    assert f"in {name}; copy" in introduced(Data("digits", {name: "0" * 64})).fault


def test_of_data_that_are_not_there_it_says_why(tmp_path):
    found = introduced(Data(str(tmp_path / "nowhere"), {"digits": "0" * 64}))
    assert found.environment is None
    assert "nowhere" in found.fault


def test_data_that_are_prepared_are_looked_for_nowhere_else(digits, monkeypatch):
    monkeypatch.setattr(dataset, "find", lambda _: pytest.fail("it looked for the data"))
    found = there.found(Data("/not/here", digits.sha256))
    assert (found.folder, found.sha256) == (digits.folder, digits.sha256)


def test_data_are_unpacked_while_nothing_is_measured(digits, locked, monkeypatch):
    """Of those that are there already nobody has to be waited for."""
    introduced(data_of(digits, "digits"))
    assert locked == []
    monkeypatch.setattr(there.dataset, "prepared", lambda sha256: None)
    seen, find = [], there.dataset.find
    monkeypatch.setattr(there.dataset, "find", lambda data: seen.append(locked[-1]) or find(data))
    introduced(data_of(digits, "digits"))
    assert (seen, locked) == ([True], [True, False])


def test_workers_of_a_host_say_the_same_of_which_it_is(monkeypatch, tmp_path):
    assert there.host() == there.host() != ""
    monkeypatch.setattr(there, "_BOOT", tmp_path / "none")
    monkeypatch.setattr(there.socket, "gethostname", lambda: "box")
    assert there.host() == "box"


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """A copy of the suite's code, which is taken for the suite."""
    for folder in ("bench", "implementations"):
        shutil.copytree(machine.ROOT / folder, tmp_path / folder)
    monkeypatch.setattr(machine, "ROOT", tmp_path)
    there._code.cache_clear()
    yield tmp_path
    there._code.cache_clear()


CHANGES = {
    "a line of the harness": lambda root: append(root / "bench/measure.py"),
    "a line of an implementation": lambda root: append(root / "implementations/_devices/jax.py"),
    "a file more": lambda root: append(root / "bench/gate/new.py"),
    "a file less": lambda root: (root / "bench/cluster/choice.py").unlink(),
    "another name": lambda root: (root / "bench/sizes.py").rename(root / "bench/siz.py"),
}


def append(path):
    path.write_text(f"{path.read_text() if path.exists() else ''}\n")


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_suite_with_other_code_is_another_whatever_its_version(copied, change):
    before = there.suite()
    (copied / "bench" / "notes.txt").write_text("no code")
    there._code.cache_clear()
    assert there.suite() == before
    change(copied)
    there._code.cache_clear()
    after = there.suite()
    assert (after.version, after.code != before.code) == (before.version, True)


# What it measures


def asked(case, digits, **changes):
    """Return a trial of a case, and its errand."""
    trial = Trial("r1-x", "trial", 1, case)
    planned = a_run(case, data="digits", timeout=60.0, machine=machine.describe()["id"], **changes)
    return trial, planned, errand(trial, planned, asking(data_of(digits, "digits")))


def measured(data):
    reply = decoded(there.measure(data), Reply)
    assert reply.failure is None
    return decoded(reply.data, Answer)


def test_a_trial_leaves_there_what_it_leaves_here(make_case, digits, tmp_path):
    case = make_case(batch_size=288)
    trial, planned, sent = asked(case, digits)
    answer = measured(sent)
    assert answer.values["status"] == "ok"
    for name in ("here", "there"):
        store.create(tmp_path / name, planned)
    here = Runner(tmp_path / "here", planned, digits).measure(trial)
    host = Host("a", answer.environment, None, "tcp://a:1")
    sent = Sent(host, trial, answer.values["started"])
    part = Campaign(tmp_path / "there", planned, digits)
    found = part.keep(sent, answer)
    assert (found.status, found.reason) == ("ok", None)
    assert found.parity.passed
    assert msgspec.to_builtins(found).keys() == msgspec.to_builtins(here).keys()
    assert found.environment == here.environment  # the same facts, wherever they are asked
    assert np.array_equal(*(store.read_params(tmp_path / name, trial.id)[:3]
                            for name in ("here", "there")))  # fmt: skip


def test_a_trial_has_the_host_for_itself_from_the_first_import_on(
    make_case, digits, locked, monkeypatch
):
    seen = []
    monkeypatch.setattr(there.probe, "framework", lambda case: seen.append(locked[-1]))
    monkeypatch.setattr("bench.station.launch", lambda *_: seen.append(locked[-1]) or 1 / 0)
    reply = decoded(there.measure(asked(make_case(), digits)[2]), Reply)
    assert reply.failure == "ZeroDivisionError: division by zero"
    assert seen == [True, True]


def test_what_cannot_be_measured_there_is_an_answer_without_params(make_case, digits, monkeypatch):
    monkeypatch.setattr(there.probe, "framework", lambda case: None)
    answer = measured(asked(make_case(device="gpu"), digits)[2])
    assert (answer.values["status"], answer.values["reason"]) == (
        "unavailable", "numpy runs on cpu only"
    )  # fmt: skip
    assert (answer.params, answer.labels, answer.stderr_tail) == (None, None, "")


def test_a_suite_that_has_become_another_measures_nothing(make_case, digits, monkeypatch):
    sent = asked(make_case(), digits)[2]
    monkeypatch.setattr(there, "suite", lambda: Suite("0.1.0", "", "edited"))
    reply = decoded(there.measure(sent), Reply)
    assert reply.failure.startswith("it has softmax-bench 0.1.0 (code edited) now; install")


def test_a_file_that_is_another_there_is_neither_imported_nor_measured(make_case, digits, tmp_path):
    own, mark = tmp_path / "mine.py", tmp_path / "mark"
    own.write_text(f"from pathlib import Path\nPath({str(mark)!r}).touch()\nclass Trainer: ...\n")
    case = make_case(implementation="mine", module="mine", framework="", file=str(own),
                     sha256="0" * 64)  # fmt: skip
    reply = decoded(there.measure(asked(case, digits)[2]), Reply)
    assert reply.failure == f"{own} has changed since the run was planned; copy it there"
    assert not mark.exists()


def test_a_framework_is_imported_once_unmeasured_for_each_backend_and_python(
    make_case, monkeypatch
):
    seen = []
    monkeypatch.setattr(there.probe, "framework", seen.append)
    keras = {"framework": "keras", "variables": {"KERAS_BACKEND": "jax"}}
    cases = [
        make_case(), make_case(batch_size=96), make_case(interpreter="/a/python"),
        make_case(**keras), make_case(**{**keras, "variables": {"KERAS_BACKEND": "torch"}}),
        make_case(module="mine", framework=""), make_case(module="yours", framework=""),
    ]  # fmt: skip
    for case in [*cases, *cases]:
        there._import(case)
    assert seen == [cases[0], *cases[2:]]


def test_what_trials_of_a_run_share_is_found_out_once(make_case, digits, monkeypatch):
    looked, found = [], there.found
    monkeypatch.setattr(there, "found", lambda data: looked.append(data) or found(data))
    _, _, first = asked(make_case(), digits)
    _, _, second = asked(make_case(batch_size=96), digits)
    _, _, other = asked(make_case(), digits, seed=43)
    shared = [encoded(decode(each).shared) for each in (first, second, other)]
    stations = [there._station(each) for each in shared]
    assert stations[0] is stations[1] is not stations[2]
    assert len(looked) == 2


def test_data_that_have_changed_since_the_host_joined_fail_what_it_is_sent(make_case, digits):
    trial, planned, _ = asked(make_case(), digits)
    sent = errand(trial, planned, asking(Data("digits", {"digits": "0" * 64})))
    failure = decoded(there.measure(sent), Reply).failure
    assert failure.startswith("its data differ from the caller's in ")


def test_only_what_is_a_file_of_the_process_is_handed_over(tmp_path, monkeypatch):
    left = Left({}, folder=tmp_path)
    (tmp_path / "other").write_bytes(b"somebody's")
    assert there._handed_over(left, "params.npy") is None
    (tmp_path / "params.npy").symlink_to(tmp_path / "other")
    assert there._handed_over(left, "params.npy") is None
    assert there._handed_over(left, "other") == b"somebody's"
    monkeypatch.setattr(arrays, "MOST", 5)
    assert there._handed_over(left, "other") is None
    assert there._handed_over(Left({}), "other") is None


RAISED = {
    "of a user": (UserError("no\nroom"), "no room"),
    "half a character": (ValueError("\udcff"), "ValueError: ?"),
    "half a character of a user": (UserError("\udcff"), "?"),
    "lines": (OSError(5, "a\nb"), "OSError: [Errno 5] a b"),
    "no memory": (MemoryError(), "MemoryError: "),
    "too deep": (RecursionError("deep"), "RecursionError: deep"),
}


@pytest.mark.parametrize(("error", "told"), RAISED.values(), ids=RAISED)
def test_whatever_a_host_raises_is_a_reply_of_one_line(error, told):
    def fail(_):
        raise error

    assert decoded(there._replying(fail)(b""), Reply) == Reply(failure=told)


@pytest.mark.parametrize("function", [there.introduce, there.measure])
def test_what_is_not_of_this_suite_is_replied_to(function):
    for data in (b"", b"\xc1", encoded(Reply()), b"\x91" * 10_000):
        assert decoded(function(data), Reply).failure


def test_a_host_that_is_stopped_does_not_reply():
    def stopped(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        there._replying(stopped)(b"")
