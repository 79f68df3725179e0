"""A resumed run takes its code from the registry or the command line, never from its plan."""

import sys
from pathlib import Path

import msgspec
import pytest
from support.data import idx_files, write_idx
from support.records import NUMPY, case, run, write

from bench.data import dataset
from bench.errors import UserError
from bench.planning import resume
from bench.planning.cases import list_rooflines, list_textbook_programs, make_case
from bench.planning.plan import RunOptions
from bench.records.files import hash_file
from bench.records.schema import StoppingRule
from implementations import IMPLEMENTATIONS

MINE = "OBJECTIVE = 'softmax'\nclass Trainer: ...\n"


def resolve_code(planned, files, pythons):
    """Resolve a plan with the files and Pythons of a command."""
    return resume.resolve_code(planned, RunOptions(implementations=files, pythons=pythons))


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """Return the case of an implementation file of the user's own, in the current folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(MINE)
    own = {"file": "mine.py", "module": "mine", "framework": "", "extra": "", "style": "own"}
    own |= {"data_access": "own", "pixel_bytes": {"cpu": 1, "gpu": 1}}
    return case("mine", sha256=hash_file(tmp_path / "mine.py"), **own)


def test_plan_of_the_registry_resolves_to_itself():
    cases = [make_case(entry) for entry in IMPLEMENTATIONS]
    rooflines = list_rooflines([case(device="gpu", threads=1)])
    planned = run(*cases, textbook=list_textbook_programs(2), rooflines=rooflines)
    assert resolve_code(planned, (), {}) == planned
    assert resume.list_repeated_options(planned) == []


@pytest.mark.parametrize("where", ["cases", "sweep", "textbook", "rooflines"])
@pytest.mark.parametrize(
    "changed",
    [
        {"module": "os"},
        {"variables": {"LD_PRELOAD": "./evil.so"}},
        {"implementation": "evil"},
    ],
)
def test_module_or_variables_unlike_the_registry_are_refused(changed, where):
    planned = msgspec.structs.replace(run(case()), **{where: (case(**changed),)})
    with pytest.raises(UserError, match="Measure anew"):
        resolve_code(planned, (), {})


def test_other_fields_come_from_the_registry():
    planned = run(case(framework="evil", extra="evil", devices=("gpu",), style="own", threads=7))
    (resolved,) = resolve_code(planned, (), {}).cases
    assert resolved == case(threads=7)


def test_own_file_runs_only_when_it_is_named_again_and_unchanged(mine, tmp_path):
    planned = run(mine, case())
    for files in ((), ("other.py",), ("mine.py", "other.py")):
        with pytest.raises(UserError):
            resolve_code(planned, files, {})
    assert resolve_code(planned, ("mine.py",), {}) == planned
    moved = (tmp_path / "elsewhere").mkdir() or tmp_path / "elsewhere" / "mine.py"
    (tmp_path / "mine.py").rename(moved)
    assert resolve_code(planned, (str(moved),), {}).cases[0].file == str(moved)
    moved.write_text(MINE + "# changed\n")
    with pytest.raises(UserError, match="not the file"):
        resolve_code(planned, (str(moved),), {})


def test_hostile_fields_of_an_own_file_are_not_kept(mine):
    hostile = msgspec.structs.replace(mine, module="os", framework="os", extra="x", style="tuned")
    assert resolve_code(run(hostile), ("mine.py",), {}).cases == (mine,)


def test_variables_of_a_plan_run_nothing_where_its_file_is_named_again(mine, called, tmp_path):
    # What Python's own modules make of them: a warning is imported, which opens a browser.
    browser = f"/bin/sh -c 'touch {tmp_path}/ran' %s"
    variables = {"PYTHONWARNINGS": "all:0:antigravity.x:0:0", "BROWSER": browser}
    planned = run(msgspec.structs.replace(mine, **NUMPY, variables=variables))
    folder = write(tmp_path / "run", planned)
    status, out, err = called("run", "--resume", "--output", folder, "--implementation=mine.py")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "PYTHONWARNINGS" in err
    assert not (tmp_path / "ran").exists()


def test_python_runs_only_when_it_is_named_again():
    planned = run(case(interpreter=sys.executable))
    for pythons in ({}, {"jax": sys.executable}):
        with pytest.raises(UserError, match="the same --implementation, --python") as error:
            resolve_code(planned, (), pythons)
        assert sys.executable not in str(error.value)
    assert resolve_code(planned, (), {"torch": sys.executable}) == planned
    with pytest.raises(UserError):
        resolve_code(run(case()), (), {"torch": sys.executable})


@pytest.mark.parametrize(
    ("where", "changes"),
    [
        ("cases", {"workload": "nosuch"}),
        ("cases", {"batch_size": 7}),
        ("cases", {"batch_size": 0}),
        ("cases", {"batch_size": 2880}),
        ("cases", {"samples": 0}),
        ("cases", {"samples": 2**53}),
        ("cases", {"threads": 0}),
        ("cases", {"epochs": 2**53}),
        ("cases", {"epochs": 0}),
        ("sweep", {"epochs": 201}),
        ("textbook", {"threads": 0}),
        ("rooflines", {"threads": 0}),
        ("", {"seed": -1}),
        ("", {"seed": 10**400}),
        ("", {"timeout": 1e9}),
        ("", {"timeout": 0.0}),
        ("", {"budget": 1e9}),
        ("", {"rounds": {"sgd": 1001, "nosuch": 1}}),
        ("", {"sweep_rounds": 0}),
        ("", {"stopping": StoppingRule(1001, 0.05)}),
        ("", {"stopping": StoppingRule(3, 1.0)}),
    ],
    ids=str,
)
def test_plan_beyond_the_bounds_of_the_command_line_is_refused(refused, tmp_path, where, changes):
    numpy = {**NUMPY, "framework": "numpy", "devices": ("cpu",)}
    changes, planned = dict(changes), run(case("numpy", **numpy), sweep=(case("numpy", **numpy),))
    if where:
        kinds = {
            "textbook": list_textbook_programs(1)[0],
            "rooflines": list_rooflines(planned.cases)[0],
        }
        changed = msgspec.structs.replace(kinds.get(where, planned.cases[0]), **changes)
        changes = {where: (changed,)}
    changes.setdefault("rounds", {"sgd": 1, "nosuch": 1})
    folder = write(tmp_path / "run", msgspec.structs.replace(planned, **changes))
    line = refused("run", "--resume", "--output", folder)
    assert "cannot be resumed" in line or "run.json: not a Run" in line


def test_newest_run_is_found(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="no run in results/"):
        resume.find_newest_run()
    for name, year in (("a", 2025), ("b", 2026), ("lab/m", 2027), ("reference/z", 2030)):
        created = f"{year}-01-01T00:00:00+00:00"
        write(tmp_path / "results" / name, run(case(), run=name.replace("/", "-"), created=created))
    assert resume.find_newest_run() == Path("results/b")


def test_data_elsewhere_are_named_again_and_are_the_same(tmp_path, monkeypatch):
    monkeypatch.setenv("SOFTMAX_BENCH_CACHE", str(tmp_path / "cache"))
    write_idx(tmp_path / "small", idx_files())
    small = str(tmp_path / "small")
    known = {"sha256": dataset.find(small).sha256}
    folder = write(tmp_path / "run", run(case(), data_source="/srv/data"), data=known)
    for data in (None, "digits"):
        with pytest.raises(UserError, match="--data"):
            resume.read_resumed(folder, RunOptions(data=data))
    assert resume.read_resumed(folder, RunOptions(data=small)).data_source == small
