"""The examples of docs/gate/, run by a shell in a scratch repository."""

import importlib.metadata
import os
import re
import shlex
import shutil
import subprocess
import sys

import pytest
import yaml
from support.processes import ASSETS
from support.versions import Repository

from bench.worker.machine import ROOT

FOLDER = ROOT / "docs" / "gate"
PAGES = "".join((FOLDER / f"{name}.md").read_text("utf-8") for name in ("start", "reference"))
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", PAGES, re.DOTALL | re.MULTILINE)
(GATE,) = (yaml.safe_load(text) for kind, text in BLOCKS if kind == "yaml")
COMMENT, GITLAB = (
    yaml.safe_load((FOLDER / f"{name}.yml").read_text("utf-8")) for name in ("comment", "gitlab")
)
# GitHub's command: it downloads an artifact, names a pull request, and keeps what is posted there.
GH = """#!/bin/sh
case $1 in
    run) mkdir softmax-bench-gate-0 && echo "a table" > softmax-bench-gate-0/comment.md ;;
    api) echo 7 ;;
    pr) cat > "posted-$3" ;;
esac
"""
SHELL = [text for kind, text in BLOCKS if kind == "sh"]
# Of the suite itself, in its checkout or on runs: other tests run these verbs.
OURS = r"(pip install|softmax-bench (gate|init))\b"


@pytest.fixture
def project(tmp_path):
    """A project of two commits, with ``main`` at a remote, whose job needs no other package."""
    folder = tmp_path / "project"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ASSETS / "hotloop", folder, ignore=ignored)
    repository = Repository(folder)
    for number in (1, 2):
        (folder / "hotloop" / "__init__.py").write_text(f"run = lambda: {number}\n")
        repository.commit_all()
    origin = tmp_path / "origin"
    repository.git("clone", "--quiet", "--bare", folder, origin)
    repository.git("remote", "add", "origin", origin)
    repository.git("fetch", "--quiet", "origin")
    repository.git("checkout", "--quiet", "-b", "change")
    (folder / "hotloop" / "__init__.py").write_text("run = lambda: 3\n")
    repository.commit_all()
    return folder


@pytest.fixture
def execute(tmp_path, project, surroundings, wheels):
    """Run a script in the project, where pip finds nothing but the packages of the tests."""
    wheels("numpy", importlib.metadata.version("numpy"))
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("python", "python3"):
        (programs / name).symlink_to(sys.executable)
    program = programs / "softmax-bench"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -P -m bench "$@"\n')
    program.chmod(0o755)
    packages = [path for path in sys.path if path.endswith("site-packages")]
    variables = {
        **surroundings,
        **{name: value for name, value in os.environ.items() if name.startswith("PIP_")},
        "PATH": os.pathsep.join((str(programs), os.environ["PATH"])),
        "PYTHONPATH": os.pathsep.join([str(ROOT), *packages]),
        "PIP_NO_BUILD_ISOLATION": "0",  # pip's way to say that it builds without isolation
        "SOFTMAX_BENCH_CACHE": str(tmp_path / "cache"),
        "SUITE": ROOT.as_uri(),
        "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
    }

    def run(script, options="--budget 2s"):
        """The examples have the default budget of three minutes."""
        assert script.count(" gate ") == 1
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script.replace(" gate ", f" gate {options} ")],
            cwd=project,
            env=variables,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def assert_judged(process):
    """Check that two versions were measured, and judged if the time was enough for that."""
    assert process.returncode in {0, 1, 4}, process.stdout + process.stderr
    assert re.search(r"python job\.py +\W* *(slower|faster|no change|undecided)", process.stdout), (
        process.stdout + process.stderr
    )


def test_comment_is_posted_by_a_workflow_that_runs_no_code_of_the_change(tmp_path):
    (job,) = COMMENT["jobs"].values()
    (step,) = job["steps"]
    assert GATE["name"] in COMMENT[True]["workflow_run"]["workflows"]  # "on" is a bool in YAML
    assert job["permissions"] == {"actions": "read", "pull-requests": "write"}
    assert (step.keys(), "${{" in step["run"]) == ({"env", "run"}, False)
    (tmp_path / "gh").write_text(GH)
    (tmp_path / "gh").chmod(0o755)
    own = {**dict.fromkeys(step["env"], "1"), "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    subprocess.run(["bash", "-e", "-c", step["run"]], cwd=tmp_path, env=own, check=True)
    assert (tmp_path / "posted-7").read_text() == "a table\n"


@pytest.mark.full
def test_gitlab(execute, project):
    (job,) = GITLAB.values()
    process = execute("\n".join(job["script"]))
    assert_judged(process)
    (folder,) = job["artifacts"]["paths"]
    assert (project / folder / "command.json").is_file()


def test_hook_before_a_push(execute, project):
    *_, hook = SHELL
    assert_judged(execute(hook))


def test_git_bisect_names_the_first_slower_commit(execute, project):
    repository = Repository(project)
    repository.git("checkout", "--quiet", "-B", "main")
    for job in ("[1]", "[1.0]", "nothing", "[1]", "[2]", "[2.0]"):
        (project / "job.py").write_text(f"print({job})\n")
        repository.commit_all()
    repository.git("tag", "v1.0", "main~5")
    process = execute(SHELL[1], "--budget 1h --metric json:0")
    assert repository.git("rev-parse", "main~1") + " is the first" in process.stdout, process.stdout


@pytest.mark.full
def test_each_side_is_installed(execute, tmp_path):
    installs, *_ = SHELL
    assert_judged(execute(installs))
    built = [path for path in (tmp_path / "cache" / "environments").iterdir() if path.is_dir()]
    assert len(built) >= 2


def test_every_example_is_run_or_is_of_the_suite_itself():
    """The last step of the first block is run in test_action.py."""
    assert len(SHELL) == 3
    others = [text for kind, text in BLOCKS if not kind]
    assert all(re.match(OURS, line) for text in others for line in text.splitlines())
