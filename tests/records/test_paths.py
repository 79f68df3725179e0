"""Records name no host, no user and no absolute path."""

import sys
import tempfile
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.records import bare, case, environment, run

from bench.records import environments, store
from bench.records.paths import (
    MAX_PRIVATE_TEXTS,
    find_case_folders,
    find_private_texts,
    hide_paths,
    shorten_path,
)
from bench.runner.host import machine as host
from bench.worker import machine


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Have a home folder of alice and work in a folder of it."""
    home = tmp_path / "home" / "alice"
    (home / "project").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(home / "project")
    return home


@pytest.mark.parametrize(
    ("path", "recorded"),
    [
        ("mine.py", "mine.py"),
        ("../mine.py", "../mine.py"),
        ("python3.12", "python3.12"),
        ("{home}/project/mine.py", "./mine.py"),
        ("{home}/project/../data", "~/data"),
        ("{home}", "~"),
        ("{home}/project", "."),
        ("/srv/alice/data", "<path>/data"),
        ("<path>/data", "<path>/data"),
    ],
)
def test_path_is_relative_or_its_last_part(home, path, recorded):
    assert shorten_path(path.format(home=home)) == recorded


@pytest.mark.parametrize(
    ("text", "recorded"),
    [
        ('File "{home}/x.py", line 3', 'File "~/x.py", line 3'),
        ("gcc -I{home}/include -L{home}/project/lib", "gcc -I~/include -L./lib"),
        ("in {home}: {home}-old, x{home}", "in ~: {home}-old, x{home}"),
        (
            "{tmp}/softmax-bench-trial-ab_1/path/bench/worker/__main__.py",
            "<scratch>/path/bench/worker/__main__.py",
        ),
        ("{suite}/implementations/x.py", "<suite>/implementations/x.py"),
        ("{python}/lib/x.so: no such file", "<python>/lib/x.so: no such file"),
        ("lost tcp://10.0.0.1:8786, alice", "lost tcp://<host>, alice"),
        ("x @ file:///srv/alice/x.whl#sha256=0a", "x @ file://<path>/x.whl#sha256=0a"),
        ("git+file:///srv/alice/x@main, alice", "git+file://<path>/x@main, alice"),
        ('"file:///srv/alice/x.py","b"', '"file://<path>/x.py","b"'),
        ("1,440 samples/s and/or 3/4", "1,440 samples/s and/or 3/4"),
    ],
)
def test_known_folders_in_a_text_become_marks(home, text, recorded):
    known = {
        "home": home,
        "tmp": tempfile.gettempdir(),
        "suite": machine.ROOT,
        "python": sys.prefix,
    }
    reason = hide_paths(bare(case(), reason=text.format(**known))).reason
    assert reason == recorded.format(**known)


def test_plan_on_disk_keeps_the_last_parts_of_its_paths(home, tmp_path):
    own = case("own", file="/srv/alice/own.py", interpreter=f"{home}/env/bin/python")
    command = (
        f"python -m bench run --data '/srv/a b' --python=torch=/opt/bin/python --output={home}/out "
        "--implementation z.py,/srv/alice/own.py --cluster tcp://node7:8786 "
        "--base 'x==1 /srv/alice/y.whl ./z.whl /opt/z.whl'"
    )
    store.create_run(tmp_path / "run", run(own, command=command, data_source="/srv/a b"))
    plan = store.read_run(tmp_path / "run")
    assert (plan.cases[0].file, plan.cases[0].interpreter, plan.data_source) == (
        "<path>/own.py",
        "~/env/bin/python",
        "<path>/a b",
    )
    data = (tmp_path / "run" / "run.json").read_text()
    for name in ("alice", "/srv", "/opt", "node7"):
        assert name not in data


def test_variables_that_the_user_asked_for_stay_as_they_are(home):
    env = {"LD_PRELOAD": f"{home}/lib.so:/opt/lib.so"}
    assert hide_paths(run(case(env=env))).cases[0].env == env
    assert hide_paths(bare(case(env=env))).case.env == env


def test_folders_of_a_case_are_hidden_in_its_messages(tmp_path):
    own = case(file=f"{tmp_path}/own.py", interpreter="/srv/env/bin/python")
    record = bare(own, reason=f"{tmp_path}/own.py changed", stderr_tail="/srv/env/lib/x.py")
    hidden = hide_paths(record, find_case_folders(own))
    assert (hidden.reason, hidden.stderr_tail) == ("<path>/own.py changed", "<python>/lib/x.py")
    assert hidden.case.file == "<path>/own.py"


def test_environment_names_no_host_and_has_the_id_of_what_is_written(home):
    assert "host" not in host.describe()
    facts = msgspec.structs.asdict(environment(variables={"X": f"{home}/x"}))
    del facts["id"]
    hidden = environments.make_environment(facts)
    assert hidden.variables == {"X": "~/x"}
    assert environments.make_environment({**facts, "variables": {"X": "~/x"}}) == hidden


PARTS = ["/", str(Path.home()), str(Path.cwd()), sys.prefix, "<path>", "tcp://", *' -I~.x\n"']


@given(st.lists(st.sampled_from(PARTS), max_size=8))
def test_hiding_twice_changes_nothing(parts):
    once = hide_paths(bare(case(), reason="".join(parts)))
    assert hide_paths(once) == once


@pytest.mark.parametrize(
    ("text", "private"),
    [
        ("/home/alice/x.py", ["/home/alice/x.py"]),
        ('"/srv/alice","b"', ["/srv/alice"]),
        ("PATH=/usr/bin:/home/alice/bin", ["/home/alice/bin"]),
        (r'"Traceback:\n/home/alice/x.py"', ["/home/alice/x.py"]),
        ("gcc -I/home/alice/include", ["/home/alice/include"]),
        ("x @ file:///srv/alice/x.whl", ["/srv/alice/x.whl"]),
        ("[x](</home/alice/x.md>)", ["/home/alice/x.md"]),
        ("/home/älice/x /home/älice/x", ["/home/älice/x"]),
        ("at tcp://node7:8786", ["tcp://node7:8786"]),
        ("/a/b" * 10**5, ["/a/b" * 10**5]),
        ("".join(f" /home/user{number}/x" for number in range(99)), MAX_PRIVATE_TEXTS),
        ("<suite>/bench/x.py ~/x/y ./x/y ../../x/y tcp://<host>", []),
        ("1,440 samples/s and/or/not 3/4/5, 27/11/2026, https://a.org/b/c, </td></tr>", []),
        ("/usr/lib/x.so, /proc/self/maps, /tmp", []),
    ],
)
def test_what_may_name_a_user_or_a_host_is_found(text, private):
    found = find_private_texts(text)
    assert found == private or len(found) == private
