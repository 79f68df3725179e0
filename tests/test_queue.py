"""Which trial a host measures next: a block is one host's, and what is lost is measured again."""

from collections import Counter, defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.records import case

from bench.cluster.queue import MOST_LOSSES, Queue
from bench.result import Trial


def trials(rounds=2, count=3, *, gpus=0, kind="trial"):
    """Return so many trials a round, of which the last are of the GPU."""
    devices = ["cpu"] * (count - gpus) + ["gpu"] * gpus
    return [
        Trial(f"r{number}-{n}", kind, number, case(device=device))
        for number in range(1, rounds + 1)
        for n, device in enumerate(devices)
    ]


def drained(queue, host, *, gpu=False):
    """Return the trials that a host measures, one after the other, until there is none for it."""
    found = []
    while (trial := queue.take(host, gpu=gpu)) is not None:
        found.append(trial.id)
        queue.done(host)
    return found


def test_one_host_measures_all_in_the_order_in_which_they_were_planned():
    planned = trials()
    queue = Queue(planned)
    assert drained(queue, "a") == [trial.id for trial in planned]
    assert not queue


def test_a_queue_of_nothing_is_over():
    assert not Queue([])
    assert Queue([]).take("a", gpu=True) is None


def test_a_block_is_of_the_host_that_began_it_and_another_begins_the_next():
    queue = Queue(trials())
    taken = defaultdict(list)
    for host in "abba" * 2:
        if (trial := queue.take(host, gpu=False)) is not None:
            taken[host].append(trial.id)
            queue.done(host)
    assert taken == {"a": ["r1-0", "r1-1", "r1-2"], "b": ["r2-0", "r2-1", "r2-2"]}


def test_a_host_without_a_block_of_its_own_gets_none_when_all_are_others():
    queue = Queue(trials(rounds=1))
    assert queue.take("a", gpu=False).id == "r1-0"
    assert queue.take("b", gpu=False) is None
    queue.done("a")
    assert queue.take("b", gpu=False) is None
    assert drained(queue, "a") == ["r1-1", "r1-2"]


def test_probes_and_figures_are_blocks_of_their_own_though_they_are_of_the_first_round():
    probes, figures = trials(1, 2, kind="ceiling"), trials(1, 2, kind="figure")
    queue = Queue([*probes, *trials(1, 2), *figures])
    kinds = [queue.take(host, gpu=False).kind for host in "abc"]
    assert kinds == ["ceiling", "trial", "figure"]
    assert queue.take("d", gpu=False) is None


def test_a_block_with_a_trial_of_the_gpu_is_of_a_host_that_has_one_from_its_first_trial_on():
    queue = Queue(trials(gpus=1))
    assert queue.take("bare", gpu=False) is None
    assert drained(queue, "full", gpu=True) == ["r1-0", "r1-1", "r1-2", "r2-0", "r2-1", "r2-2"]


def test_a_host_without_a_gpu_skips_the_blocks_that_need_one():
    queue = Queue([*trials(1, 2, gpus=1, kind="ceiling"), *trials(1, 2)])
    assert drained(queue, "bare") == ["r1-0", "r1-1"]
    assert queue


def test_a_queue_is_over_only_when_what_was_taken_has_come_back():
    queue = Queue(trials(1, 1))
    queue.take("a", gpu=False)
    assert queue
    queue.done("a")
    assert not queue


def test_a_closed_queue_hands_out_no_more_and_waits_for_what_was_taken():
    queue = Queue(trials())
    queue.take("a", gpu=False)
    queue.close()
    assert queue
    assert queue.take("b", gpu=False) is None
    queue.done("a")
    assert not queue


def test_what_a_lost_host_measured_comes_first_again_and_another_takes_over_its_block():
    queue = Queue(trials())
    queue.take("a", gpu=False)
    queue.done("a")
    assert queue.take("a", gpu=False).id == "r1-1"
    assert queue.lost("a") == 1
    assert drained(queue, "b") == ["r1-1", "r1-2", "r2-0", "r2-1", "r2-2"]


def test_what_was_the_last_of_its_block_is_not_lost_with_its_host():
    queue = Queue(trials(rounds=2, count=1))
    queue.take("a", gpu=False)
    assert queue.lost("a") == 1
    assert drained(queue, "b") == ["r1-0", "r2-0"]


def test_a_host_that_measured_nothing_loses_no_trial_but_its_block():
    queue = Queue(trials(rounds=1))
    queue.take("a", gpu=False)
    queue.done("a")
    assert queue.lost("a") == 0
    assert drained(queue, "b") == ["r1-1", "r1-2"]
    assert queue.lost("never seen") == 0


def test_a_trial_over_which_too_many_hosts_are_lost_is_handed_out_no_more():
    queue = Queue(trials(rounds=1, count=2))
    for count in range(1, MOST_LOSSES + 1):
        assert queue.take(f"host {count}", gpu=False).id == "r1-0"
        assert queue.lost(f"host {count}") == count
    assert drained(queue, "another") == ["r1-1"]
    assert not queue


def test_a_lost_trial_of_the_gpu_waits_for_a_host_that_has_one():
    queue = Queue(trials(rounds=1, count=1, gpus=1))
    queue.take("full", gpu=True)
    queue.lost("full")
    assert queue.take("bare", gpu=False) is None
    assert drained(queue, "other", gpu=True) == ["r1-0"]


STEPS = st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(["go", "go", "go", "lose"])))


@given(steps=STEPS, rounds=st.integers(1, 4), count=st.integers(1, 3), gpus=st.integers(0, 1))
def test_whatever_is_lost_every_trial_is_measured_once_or_lost_too_often(
    steps, rounds, count, gpus
):
    """A step lets a host take or give back; at the end each does what is left to it."""
    planned = trials(rounds, count, gpus=gpus)
    queue, running, done, lost = Queue(planned), {}, Counter(), Counter()
    hosts, broken = defaultdict(set), set()
    for host, step in steps:
        if step == "lose":
            broken |= {number for number, of in hosts.items() if host in of}
            losses = queue.lost(host)
            trial = running.pop(host, None)
            lost.update([trial.id] if trial else [])
            assert losses == (lost[trial.id] if trial else 0)
        elif host in running:
            done[running.pop(host).id] += 1
            queue.done(host)
        elif trial := queue.take(host, gpu=host in "ab"):
            assert host in "ab" or trial.case.device == "cpu"
            running[host] = trial
            hosts[trial.round].add(host)
    for host, trial in running.items():
        done[trial.id] += 1
        queue.done(host)
    for host in "abcd":
        done.update(drained(queue, host, gpu=host in "ab"))
    assert not queue
    assert all(len(of) == 1 or number in broken for number, of in hosts.items())
    too_often = {name for name, times in lost.items() if times == MOST_LOSSES}
    assert done == Counter({trial.id for trial in planned} - too_often)


@pytest.mark.parametrize("losses", range(MOST_LOSSES))
def test_a_trial_that_is_done_after_some_losses_is_done_once(losses):
    queue = Queue(trials(rounds=1, count=1))
    for _ in range(losses):
        queue.take("a", gpu=False)
        queue.lost("a")
    assert drained(queue, "a") == ["r1-0"]
    assert not queue
