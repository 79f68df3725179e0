"""The GitHub action: its steps, run by a shell in a scratch repository."""

import os
import re
import subprocess
import sys
from inspect import signature
from pathlib import Path

import pytest
import yaml
from support.processes import ASSETS, SHORT
from support.versions import Repository

from bench.cli.verbs.gate import gate
from bench.records import store
from bench.records.layout import COMMAND_PLAN
from bench.regression.commands.command_plan import CommandPlan
from bench.regression.pairs.plan import Terms
from bench.worker.machine import ROOT

ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
STEPS = {step.get("id"): step for step in ACTION["runs"]["steps"]}
EXPRESSION = r"\$\{\{ (?:inputs|steps\.\w+\.outputs)\.([\w-]+) \}\}"
# What the command prints is compared, so that no load of the machine changes the verdict.
JOB = {"command": "python job.py", "metric": "json:0"}
# As in other tests: short trials, and a verdict after few of them, however busy the machine is.
ENDS_OF_MODULES = {
    "regression/pairs/plan.py": "ALPHA = 0.25",
    "runner/drive.py": f"globals().update({SHORT})",
}
# Files at the top of a project, which Python may find before its own.
SHADOWS = dict.fromkeys(("select.py", "types.py"), "raise SystemExit('a file of the project')\n")


def run_step(name, place, variables, values):
    """Run the script of a step as GitHub does; return the process, and what it set as outputs.

    values: the inputs and outputs that its variables refer to, by name.
    """
    output = place / f"{name}-outputs"
    output.touch()
    own = {
        variable: re.sub(EXPRESSION, lambda match: values[match[1]], text)
        for variable, text in STEPS[name]["env"].items()
    }
    process = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", STEPS[name]["run"]],
        cwd=place,
        env={**variables, **own, "GITHUB_OUTPUT": str(output)},
        capture_output=True,
        text=True,
        check=False,
    )
    return process, dict(line.split("=", 1) for line in output.read_text().splitlines())


@pytest.fixture(scope="module")
def runner(tmp_path_factory, surroundings):
    """Variables of a runner. The packages that pip would download are those of the tests."""
    packages = [path for path in sys.path if path.endswith("site-packages")]
    return {
        **surroundings,
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])),
        "PYTHONPATH": os.pathsep.join(packages),
        "PIP_NO_INDEX": "1",
        "SOFTMAX_BENCH_CACHE": str(tmp_path_factory.mktemp("cache")),
        "RUNNER_TEMP": str(tmp_path_factory.mktemp("runner")),
        "GITHUB_ACTION_PATH": str(ROOT),
    }


@pytest.fixture(scope="module")
def suite(tmp_path_factory, runner):
    """Run the step that installs the suite; return its folder."""
    place = tmp_path_factory.mktemp("install")
    for name, text in SHADOWS.items():
        (place / name).write_text(text)
    values = {"requirements": "--no-build-isolation", "implementation": ""}
    process, outputs = run_step("install", place, runner, values)
    assert process.returncode == 0, process.stderr
    folder = Path(outputs["folder"])
    # Workers ignore PYTHONPATH.
    (site,) = folder.glob("venv/lib/python*/site-packages")
    (site / "tests.pth").write_text(runner["PYTHONPATH"].replace(os.pathsep, "\n"))
    for name, line in ENDS_OF_MODULES.items():
        with (site / "softmax_bench" / "bench" / name).open("a") as file:
            file.write(f"{line}\n")
    return folder


@pytest.fixture
def use(tmp_path, runner, suite):
    """Use the action in a repository of two commits, whose files are given by path.

    Returns the exit status, the outputs and the job's summary.
    """

    def run(before, after, **inputs):
        project, folder = tmp_path / "project", tmp_path / "action"
        folder.mkdir()
        (folder / "venv").symlink_to(suite / "venv")
        repository = Repository(project)
        for number, files in enumerate((before, after)):
            for path, text in {**files, "changes": str(number)}.items():
                (project / path).parent.mkdir(exist_ok=True)
                # Both versions of a job that does the same differ, or nothing would be compared.
                (project / path).write_text(text + f"# {number}\n" * path.endswith("job.py"))
            repository.commit_all()
        values = {name: str(one.get("default", "")) for name, one in ACTION["inputs"].items()}
        # A verdict, however slow the machine is; it ends a comparison.
        values |= {"folder": str(folder), "budget": "1h", **inputs}
        summary = tmp_path / "summary"
        variables = {**runner, "GITHUB_STEP_SUMMARY": str(summary)}
        process, outputs = run_step("measure", project, variables, values)
        assert outputs["status"] == str(process.returncode), process.stderr
        return process.returncode, outputs, summary.read_text()

    return run


def test_every_input_is_used_and_every_used_input_exists():
    used = {
        name
        for step in STEPS.values()
        for part in (step.get("env", {}), step.get("with", {}), step)
        for text in map(str, part.values())
        for name in re.findall(r"inputs\.([\w-]+)", text)
    }
    assert used == ACTION["inputs"].keys()
    usual = {signature(function).parameters["fail_on"].default for function in (gate, Terms)}
    assert usual == {ACTION["inputs"]["fail-on"]["default"]}


def prints(number):
    return {"job.py": f"print([{number}])\n", **SHADOWS}


def test_inputs_are_no_shell_and_arguments_are_lines(use, tmp_path):
    code, outputs, _ = use(
        prints(1.0),
        prints(1.0),
        command='python job.py ; touch hacked $(touch hacked) "; touch hacked"',
        metric="json:0",
        tolerance="3%\ntest_x[*=1]=15%  y=0",
        arguments="--prepare=python -c 'print(1)'\n\n--threads=all\n",
    )
    records = store.read_commands(Path(outputs["records"]))
    assert (code, {record.status for record in records}) == (0, {"ok"})
    assert not list(tmp_path.rglob("hacked"))
    plan = store.read_plan(Path(outputs["records"], COMMAND_PLAN), CommandPlan)
    assert (plan.tolerance, plan.tolerances) == (0.03, {"test_x[*=1]": 0.15, "y": 0.0})
    assert (plan.prepare, plan.metric) == ("python -c 'print(1)'", "json:0")


def test_last_three_lines_of_the_pages_workflow_are_the_action(use):
    page = (ROOT / "docs" / "gate" / "start.md").read_text(encoding="utf-8")
    workflow = yaml.safe_load(re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)[0])
    *_, step = workflow["jobs"]["gate"]["steps"]
    assert step.keys() == {"uses", "with"}
    code, _, summary = use(prints(1.0), prints(1.0), **step["with"], metric="json:0")
    assert (code, "| no change" in summary) == (0, True)


def test_refused_input_is_in_the_comment(use):
    code, outputs, summary = use(prints(1.0), prints(1.0), **JOB, pytest="bench_job.py")
    assert code == 2
    assert "(exit status 2)" in summary
    assert Path(outputs["comment"]).read_text() == summary


def package(number):
    """Return a project whose job sees its package only if that is installed."""
    files = {
        path: (ASSETS / "hotloop" / path).read_text() for path in ("pyproject.toml", "backend.py")
    }
    return {
        **files,
        "hotloop/__init__.py": f"NUMBER = {number}\n",
        "jobs/job.py": "import hotloop\nprint([hotloop.NUMBER])\n",
    }


def test_verdict_on_installed_revisions_is_in_status_summary_comment_and_records(use):
    job = {"command": "python jobs/job.py", "metric": "json:0", "install": "true"}
    code, outputs, summary = use(package(1.0), package(2.0), **job)
    assert (code, "| slower" in summary) == (1, True)
    assert Path(outputs["comment"]).read_text() == summary
    assert {record.status for record in store.read_commands(Path(outputs["records"]))} == {"ok"}


SLOW = """
import time
from implementations.idiomatic import softmax_numpy

class Trainer(softmax_numpy.Trainer):
    def train_epoch(self, order):
        end = time.process_time() + {}
        while time.process_time() < end:  # an epoch in which nobody computes is a fault
            pass
        return super().train_epoch(order)
"""


def test_file_of_both_revisions_is_judged(use):
    before, after = ({"own/mine.py": SLOW.format(number)} for number in (0.002, 0.02))
    inputs = {"implementation": "own/mine.py", "arguments": "--data=digits"}
    code, _, summary = use(before, after, **inputs)
    assert code == 1, summary
    assert "| mine | slower" in summary
