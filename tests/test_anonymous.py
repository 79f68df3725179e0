"""What is anonymous: no host, no user, no path; and what stays."""

import re

import msgspec
import pytest
from fixtures_records import MACHINE, bare, case, environment, ok, run
from hypothesis import given
from hypothesis import strategies as st

from bench import anonymous, lines
from bench.anonymous import Anonymous
from bench.machine import fingerprint
from bench.plan import trials

WITHOUT = Anonymous(["alicebox"], ["alice"])


def reason(text, without=WITHOUT):
    return without.record(bare(case(), reason=text), "here").reason


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ('File "/home/alice/x y.py", line 3', 'File "<path>/x y.py", line 3'),
        ("open '/opt/a b/c.so', /usr/x.so:/data/z", "open '<path>/c.so', <path>/x.so:<path>/z"),
        ("gcc -I/data/lab/inc -L/home/alice/lib", "gcc -I<path>/inc -L<path>/lib"),
        ("in (/data/a, [/data/b])", "in (<path>/a, [<path>/b])"),
        ("/nfs/home/alice and below/home/bob/x", "<path>/<user> and below<path>/x"),
        ("file:///srv/x of tcp://10.0.0.1:8786", "file://<path>/x of tcp://<host>"),
        (r"/My\ Documents/letter.txt", "<path>/letter.txt"),
        ("on alicebox: Alice, ALICEBOX.", "on <host>: <user>, <host>."),
        ("alice_softmax.py, alice-2", "<user>_softmax.py, <user>-2"),
        ("by <alice@alicebox>, >/data/x, </data/y>", "by <<user>@<host>>, ><path>/x, <<path>/y>"),
        ("CUDA sees GPU-12345678-9abc-def0", "CUDA sees GPU-<id>"),
    ],
)  # fmt: skip
def test_a_text_loses_hosts_users_and_paths(text, left):
    assert reason(text) == left
    assert reason(left) == left


@pytest.mark.parametrize(
    "text",
    ["1,440 samples/s and/or 3/4", "../data/x, ./y, <scratch>/cache/home", "malice, alicebox2",
     "https://pytorch.org/docs/stable", "a / b, // and /", "sum(x)/len(y), {a}/b, t[0]/c"],
)  # fmt: skip
def test_what_is_none_of_them_stays(text):
    assert reason(text) == text


TEXTS = st.lists(
    st.sampled_from(
        ["/", "home", "alice", "alicebox", " ", "'", '"', "-I", ".", "~", "<", ">", "x", ":", "=",
         "tcp://", "file://", "\\ ", "host", "user", "path", "GPU-12345678", "_", "\n", "é"]
    ), max_size=12,
).map("".join)  # fmt: skip


@given(TEXTS)
def test_what_is_anonymous_already_stays_as_it_is(text):
    without = Anonymous(["alicebox", "host", "path"], ["alice", "user"])
    left = reason(text, without)
    assert reason(left, without) == left
    assert not re.search(r"(?<![^\W_])alice(box)?(?![^\W_])", left)


def test_hosts_are_called_by_their_names_with_and_without_a_domain():
    told = environment(machine={**MACHINE, "host": "node7.cluster.lab.edu"})
    assert anonymous.hosts(told) == {"node7.cluster.lab.edu", "node7", "cluster.lab.edu"}
    assert anonymous.hosts(environment(machine={**MACHINE, "host": "mac.local"})) == {
        "mac.local", "mac"
    }  # fmt: skip
    assert anonymous.hosts(environment()) == set()
    assert anonymous.hosts(environment(machine={**MACHINE, "host": 7})) == set()
    without = Anonymous(anonymous.hosts(told), ())
    assert reason("NODE7, node7.cluster.lab.edu and node8.cluster.lab.edu", without) == (
        "<host>, <host> and node8.<host>"
    )


def test_users_are_known_by_their_homes_wherever_these_lie():
    told = bare(case(), reason='/home/alice/x, "/nfs/home/bob" /Users/Zoë.K.', stderr_tail="/root")
    assert anonymous.users(told) == {"alice", "bob", "Zoë.K"}
    assert anonymous.users(bare(case(), reason="/Users/bob/x")) == {"bob"}
    assert anonymous.users(run(case(), data="/home/alice")) == {"alice"}


def test_an_environment_has_no_host_and_the_id_of_its_facts():
    told = environment(
        machine={**MACHINE, "host": "alicebox", "system": "Linux", "of": "alicebox"},
        software={"python": "3.11", "distributions": {"alice-tools": "1", "torch": "2"}},
        variables={"CUDA_VISIBLE_DEVICES": "GPU-12345678-9abc", "KERAS_BACKEND": "torch"},
        data={"name": "folder", "source": "/home/alice/data", "sha256": {"x": "0"}},
    )
    left = WITHOUT.environment(told)
    assert left.machine == {**MACHINE, "system": "Linux", "of": "<host>"}
    assert left.software["distributions"] == {"<user>-tools": "1", "torch": "2"}
    assert left.variables == {"CUDA_VISIBLE_DEVICES": "GPU-<id>", "KERAS_BACKEND": "torch"}
    assert left.data == {"name": "folder", "source": "<path>/data", "sha256": {"x": "0"}}
    facts = msgspec.structs.asdict(left)
    assert facts.pop("id") == left.id == fingerprint(facts)
    assert WITHOUT.environment(left) == left


def test_of_two_hosts_that_are_alike_the_environments_become_one():
    told = [environment(id=host, machine={**MACHINE, "host": host}) for host in ("n1", "n2")]
    without = Anonymous(["n1", "n2"])
    assert without.environment(told[0]) == without.environment(told[1])


def test_a_record_keeps_its_numbers_and_loses_what_it_printed():
    found = ok(case(), stderr_tail="by alice", reason="on alicebox")
    left = WITHOUT.record(found, "there")
    assert left == msgspec.structs.replace(
        found, stderr_tail=None, reason="on <host>", environment="there"
    )
    assert lines.refused(left) is None


def test_a_plan_keeps_the_last_parts_of_its_paths():
    own = case("own", file="/home/alice/own.py", interpreter="/opt/alice/bin/python")
    found = run(own, case(), data="/data/alice", command="python -m bench run --data '/data/a b' "
                "--python=torch=/opt/bin/python --output=/x/y/ --implementation z.py,/home/a/o.py "
                "--cluster tcp://alicebox:8786 --data=/")  # fmt: skip
    left = WITHOUT.run(found)
    assert left.command == (
        "python -m bench run --data 'a b' --python=torch=python --output=y "
        "--implementation z.py,o.py --cluster 'tcp://<host>' '--data=<path>'"
    )
    assert (left.cases[0].file, left.cases[0].interpreter) == ("own.py", "python")
    assert (left.data, left.cases[1], left.created) == ("<user>", case(), found.created)
    assert WITHOUT.run(left) == left


def test_a_command_that_no_shell_takes_is_a_text():
    assert WITHOUT.run(run(command="it's /home/alice/x")).command == "it's <path>/x"


def test_what_is_called_after_a_user_is_still_the_trial_of_its_plan():
    plan = run(case("alice"), case("alicebox", workload="alice"), rounds={"sgd": 1, "alice": 1})
    left = WITHOUT.run(plan)
    ids = [WITHOUT.record(bare(of.case, trial=of.id), "here").trial for of in trials(plan)]
    assert {each.id for each in trials(left)} == set(ids)
    assert not any("alice" in each for each in ids)


def test_a_host_that_is_called_like_a_number_of_a_trial_changes_none():
    found = ok(case(), reason="r1 and n48000 are down")
    left = Anonymous(["r1", "n48000"]).record(found, "here")
    assert (left.trial, left.reason) == (found.trial, "<host> and <host> are down")


@pytest.mark.parametrize("name", ["torch", "cpu", "SGD", "ok", "7", "2025", "x", "", "-"])
def test_a_name_that_tells_of_nobody_changes_nothing(name):
    found = ok(case(), reason="7 x-rays of 2025 - with torch on cpu, sgd: ok")
    assert Anonymous([name], [name]).record(found, "here") == found


def test_a_host_that_is_called_as_its_processor_leaves_the_processor():
    told = environment(machine={**MACHINE, "cpu": "AMD EPYC", "host": "epyc"})
    assert Anonymous(["epyc"]).environment(told).machine == {**MACHINE, "cpu": "AMD EPYC"}
