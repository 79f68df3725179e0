"""``bench init`` in a scratch repository."""

import json
import os
import re
import subprocess
import sys
from importlib.metadata import PathDistribution
from pathlib import Path

import pytest
import yaml
from support.versions import BACKEND, PROJECT

from bench.analysis.intervals import Interval
from bench.regression.commands import workflow
from bench.regression.pairs.plan import FinishedComparison
from bench.regression.result import (
    CaseComparison,
    ComparedVersion,
    ComparisonResult,
    MetricComparison,
)
from bench.regression.stats.decision import Rule
from bench.worker import machine

ROOT = machine.ROOT  # which a test's repository replaces
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
BENCH = "def test_one(benchmark):\n    benchmark.pedantic(sum, (range(9),), rounds=3)\n"
PLAIN = {
    "test_one.py": BENCH,
    "pytest.ini": "[pytest]\naddopts = --benchmark-skip\n",
    "requirements.txt": "pytest-benchmark<9\n",
}
PACKAGE = {"pyproject.toml": PROJECT, "backend.py": BACKEND, "tool.py": ""}
MONOREPO = {
    f"packages/toy/{name}": text for name, text in {**PACKAGE, "test_one.py": BENCH}.items()
}
BASE, PLACE = "--base=HEAD --candidate=HEAD --allow=same-code", Path(".github", "workflows")


@pytest.fixture
def commit(repository, tmp_path):
    def write(files):
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        repository.git("add", *files)
        repository.git("commit", "--quiet", "--message", "files")

    return write


@pytest.fixture
def verdict(monkeypatch):
    """What a comparison ends with in place of measuring; it also keeps the options."""
    state = {"verdict": "no change", "more": 60, "options": []}

    def compare(terms, options):
        state["options"].append((terms, options))
        ratio, more = Interval(1, 0.9, 1.1), state["more"]
        metric = MetricComparison("time", "seconds", 1, 1, ratio, more_pairs=more)
        case = CaseComparison("c", "c", state["verdict"], (metric,), pairs=10, pair_seconds=6.0)
        version = ComparedVersion("HEAD")
        result = ComparisonResult("softmax-bench gate", version, version, Rule(0.02, 0.01), [case])
        return FinishedComparison(result, None, Path("records"), 0)

    monkeypatch.setattr(workflow, "compare_commands", compare)
    return state


@pytest.mark.parametrize(
    ("files", "arguments", "inputs", "line"),
    [
        (PLAIN, [], {"pytest": "-o addopts= test_one.py"}, f"{BASE} --budget=60s '--pytest="),
        (
            {**PLAIN, **PACKAGE},
            [],
            {
                "pytest": "-o addopts= test_one.py",
                "install": True,
                "arguments": "--with=pytest-benchmark<9\n",
            },
            "gate --install '--with=pytest-benchmark<9' --base=HEAD",
        ),
        (
            MONOREPO,
            [],
            {"pytest": "-o addopts= test_one.py", "directory": "packages/toy", "install": True},
            f"gate --install {BASE}",
        ),
        (
            {**PLAIN, **PACKAGE},
            ["--with=x>1", "--tolerance=test_x=15%", "--tolerance=3%"],
            {
                "pytest": "-o addopts= test_one.py",
                "install": True,
                "tolerance": "test_x=0.15\n0.03\n",
                "arguments": "--with=pytest-benchmark<9\n--with=x>1\n",
            },
            f"--with=x>1' {BASE} --tolerance=test_x=0.15 --tolerance=0.03 --budget",
        ),
        (
            {"job.py": "", "other.py": ""},
            ["--command", "python job.py --fast"],
            {"command": "python job.py --fast", "arguments": "--harness=job.py\n"},
            f"gate --harness=job.py {BASE}",
        ),
    ],
    ids=["tests", "package", "monorepo", "more", "command"],
)
def test_workflow_has_what_was_measured(
    files, arguments, inputs, line, commit, called, verdict, tmp_path
):
    commit(files)
    (tmp_path / "test_new.py").write_text(BENCH)  # not tracked
    status, out, err = called("init", "--budget=1m", *arguments)
    assert (status, err) == (0, "")
    assert line in out
    (path,) = (tmp_path / PLACE).iterdir()
    job = yaml.safe_load(path.read_text())["jobs"]["gate"]
    given = job["steps"][-1]["with"]
    assert "labels.*.name, 'slower-ok') && 'never' || 'slower' }}" in given.pop("fail-on")
    assert given == {"budget": "180s", **inputs}  # 10 pairs of 6 s
    assert inputs.keys() <= ACTION["inputs"].keys()
    assert ("run" in job["steps"][-2]) == (files is PLAIN)
    assert job["timeout-minutes"] > 1
    # A build may take its version from a tag, which a shallow clone lacks.
    assert job["steps"][0]["with"]["fetch-depth"] == (0 if "install" in inputs else 2)
    cached = job["steps"][1]["with"]["cache-dependency-path"]
    assert path in tmp_path.glob(cached)  # without any file, caching fails
    ((terms, options),) = verdict["options"]
    assert (terms.budget, terms.install) == (60, "install" in inputs)
    commands = [inputs["command"]] if "command" in inputs else ()
    assert (options.commands, options.pytest) == (commands, inputs.get("pytest"))


@pytest.mark.parametrize(
    ("word", "status", "more", "remedy"),
    # 10 pairs and 60 more, of 6 s each
    [
        ("undecided", 4, 60, "--budget 7m"),
        ("undecided", 4, 60_000, "a larger --tolerance"),
        ("slower", 1, 60, "--budget 7m"),
        ("failed", 3, 60, "Correct"),
    ],
)
def test_workflow_that_would_fail_is_not_written(
    word, status, more, remedy, commit, called, verdict, tmp_path
):
    commit(PLAIN)
    verdict |= {"verdict": word, "more": more}
    ended, out, _ = called("init", "--budget=1m")
    assert ended == status
    assert remedy in out
    assert not (tmp_path / ".github").exists()


def test_project_without_a_benchmark_is_refused_with_what_to_write(commit, refused, tmp_path):
    (tmp_path / "test_new.py").write_text(BENCH)
    assert "--command" in refused("init")


def test_project_of_the_current_folder_is_guarded(
    commit, refused, called, verdict, tmp_path, monkeypatch
):
    commit({**MONOREPO, "other/setup.py": "", "other/test_two.py": BENCH})
    assert "other, packages/toy" in refused("init")
    monkeypatch.chdir(tmp_path / "other")
    assert called("init")[0] == 0
    assert (tmp_path / PLACE / "softmax-bench-other.yml").exists()
    monkeypatch.chdir(tmp_path / "other")
    assert "exists" in refused("init")


@pytest.mark.parametrize("name", ["test_${{ github.token }}.py", "test_\n.py", "test_\x1b.py"])
def test_names_that_a_workflow_cannot_quote_are_refused(name, commit, refused):
    commit({name: BENCH})
    assert "docs/gate/start.md" in refused("init")


def test_linters_of_workflows_accept_what_is_written(commit, called, verdict, tmp_path):
    pins = r"uses: (actions/[\w-]+@\w+ # \S+)"
    own = {
        pin
        for path in (ROOT / PLACE).glob("*.yml")
        for pin in re.findall(pins, path.read_text(encoding="utf-8"))
    }
    for files in (PLAIN, MONOREPO):
        commit(files)
    for arguments in ([], ["--command=python test_one.py"]):
        assert called("init", *arguments)[0] == 0
        path = tmp_path / PLACE / "softmax-bench.yml"
        text = path.read_text()
        assert {*re.findall(pins, text)} <= own
        path.write_text(text.replace("OWNER", "owner").replace("COMMIT", 40 * "1"))
        zizmor = Path(sys.executable).with_name("zizmor")
        subprocess.run([zizmor, "--offline", "--persona=pedantic", path], check=True)
        path.unlink()


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://github.com/one/two.git", "one/two@0123"),
        ("https://github.com/one/two", "one/two@0123"),
        ("https://example.org/one/two", None),
        ("file:///work", None),
    ],
)
def test_action_is_that_from_which_the_suite_was_installed(monkeypatch, url, found):
    text = json.dumps({"url": url, "vcs_info": {"vcs": "git", "commit_id": "0123"}})
    monkeypatch.setattr(PathDistribution, "read_text", lambda *_: text)
    assert workflow.find_action() == found


@pytest.mark.full
def test_head_is_measured_against_itself(commit, called, own_cache, wheels, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    commit(PLAIN)
    # On a busy machine too few pairs fit. In the second project's environment is no pytest.
    status, _, err = called("init", "--budget=10s")
    assert status in {0, 4}, err
    assert (tmp_path / PLACE).exists() == (status == 0)
    # pip builds a project below the top, too.
    commit({f"packages/toy/{name}": text for name, text in PACKAGE.items()})
    monkeypatch.chdir(tmp_path / "packages" / "toy")
    status, _, err = called("init", "--budget=10s", "--command=python -Pc 'import tool'")
    assert status in {0, 4}, err
