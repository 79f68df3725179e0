"""Which hosts of a cluster measure a plan: those of one machine, of which most are connected."""

import pytest
from support.hosts import placed

from bench.cli.options import Given, Where
from bench.cluster import choice
from bench.cluster.hosts import Host
from bench.error import UserError


def hosts(*kinds, gpu=None):
    return [Host(f"{kind}-{n}", placed(kind), gpu, f"tcp://{kind}:{n}")
            for n, kind in enumerate(kinds)]  # fmt: skip


def test_hosts_are_told_apart_by_their_machine_that_of_most_hosts_first_and_then_by_its_id():
    found = choice.machines(hosts("c", "b", "a", "b"))
    assert list(found) == ["machine-b", "machine-a", "machine-c"]
    assert [len(each) for each in found.values()] == [2, 1, 1]
    assert choice.machines([]) == {}


def test_the_cores_of_a_machine_decide_and_a_gpu_is_there_where_one_of_its_hosts_has_one():
    assert choice.where(hosts("a", "a")) == Where(2, "machine-a", gpu=False)
    assert choice.where([*hosts("a"), *hosts("a", gpu="GPU")]).gpu


def test_the_machine_of_most_hosts_is_chosen():
    assert choice.one(hosts("a", "b", "b"), Given()).machine == "machine-b"


def test_for_cases_of_the_gpu_the_machine_of_most_hosts_that_has_one_is_chosen():
    there = [*hosts("a", "a", "a"), *hosts("g", gpu="GPU")]
    assert choice.one(there, Given(device="cpu,gpu")).machine == "machine-g"
    assert choice.one(there, Given()).machine == "machine-a"


def test_where_no_host_has_a_gpu_that_is_asked_for_it_is_said_how_to_declare_one():
    with pytest.raises(UserError, match=r'^no host declares a GPU; .* "bench=1 GPU=1"$'):
        choice.one(hosts("a", "b"), Given(device="gpu"))
