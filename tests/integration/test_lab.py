"""The commands of docs/cluster.md for sbatch, ssh and nodes without a network, in a shell.

``sbatch`` and ``ssh`` are stand-ins, and ``--quick`` stands for a small run.
"""

import json
import os
import re
import shlex
import subprocess
import sys

import pytest
from support.processes import NO_CHARTS, run_first

from bench.worker.machine import ROOT

PAGE = (ROOT / "docs" / "cluster.md").read_text(encoding="utf-8")
SMALL = (
    *("--data=digits", "--workload=sgd", "--batch-size=288", "--epochs=1", "--threads=1"),
    *("--no-roofline", "--rounds=1", "--implementation=numpy"),
)
# Runs the first two tasks of the array one after the other, as SLURM runs all of them.
SBATCH = """#!{python}
import os, re, subprocess, sys
from pathlib import Path
script, *arguments = sys.argv[1:]
small = {small!r}
arguments = [one for word in arguments for one in (small if word == "--quick" else [word])]
(line,) = re.findall(r"^#SBATCH (.*)$", Path(script).read_text(), re.M)
directives = dict(re.findall(r"--([a-z]+)=?([^ ]*)", line))
first, last = map(int, directives["array"].split("-"))
assert first < last and "exclusive" in directives
for task in (first, first + 1):
    variables = dict(os.environ, SLURM_ARRAY_TASK_ID=str(task))
    interpreter = Path(script).read_text().splitlines()[0].removeprefix("#!")
    subprocess.run([interpreter, script, *arguments], env=variables, check=True)
"""


def list_blocks(heading):
    """Return the blocks of code below a heading of the page."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"^```\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)


@pytest.fixture
def shell(tmp_path, program, surroundings):
    """Run a block of the page in the test's folder; return what it printed."""
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "any-python").symlink_to(sys.executable)  # whose path may have a space
    sbatch = SBATCH.format(python=programs / "any-python", small=SMALL)
    program("programs/sbatch", "").write_text(sbatch)
    program("programs/python3", f'exec {shlex.quote(sys.executable)} "$@"')
    script, *_ = list_blocks("Other batch systems, or ssh")
    (tmp_path / "bench.sbatch").write_text(script)
    variables = {**surroundings, **run_first(tmp_path, NO_CHARTS)}
    variables["PATH"] = f"{programs}{os.pathsep}{variables['PATH']}"

    def run(block, **changes):
        done = subprocess.run(
            ["sh", "-eu", "-c", block],
            cwd=tmp_path,
            env={**variables, **changes},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.fixture
def environment(tmp_path, program):
    """Make an environment to activate, with the programs of the suite that is tested."""
    folder = tmp_path / ".nox" / "bench" / "bin"
    folder.mkdir(parents=True)
    python = shlex.quote(sys.executable)
    program(".nox/bench/bin/python", f'exec {python} "$@"')
    program(".nox/bench/bin/softmax-bench", f'exec {python} -m bench "$@"')
    (folder / "activate").write_text(f'PATH="{folder}:$PATH"\n')


def list_measured(folder):
    return sorted(path.parent.name for path in folder.glob("results/lab/*/trials.jsonl"))


def test_array_of_jobs_makes_runs_and_one_report(shell, environment, tmp_path):
    _, submit, _ = list_blocks("Other batch systems, or ssh")
    shell(f". .nox/bench/bin/activate\n{submit}")
    assert list_measured(tmp_path) == ["1", "2"]
    report = (tmp_path / "results" / "lab" / "report.md").read_text(encoding="utf-8")
    assert "2 runs side by side" in report


@pytest.mark.full
def test_run_on_each_host_makes_one_report(shell, environment, program, tmp_path):
    small = shlex.join(SMALL)
    program("programs/ssh", f'sh -c "$(echo "$2" | sed "s|--quick|{small}|")"')
    *_, block = list_blocks("Other batch systems, or ssh")
    shell(f". .nox/bench/bin/activate\n{block}")
    assert list_measured(tmp_path) == ["HOST1", "HOST2"]
    report = (tmp_path / "results" / "lab" / "report.md").read_text(encoding="utf-8")
    assert "2 runs side by side" in report


@pytest.mark.full
def test_nodes_without_a_network_install_from_a_folder(shell, wheels, tmp_path):
    # A project of the same name: its wheel, and one of a dependency, make the folder.
    wheels("tiny", "1.0")
    (tmp_path / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
        '[project]\nname = "softmax-bench"\nversion = "1.0"\n'
        'optional-dependencies.all = ["tiny"]\n[tool.setuptools]\npy-modules = []\n'
    )
    fill, install = list_blocks("Nodes without a network")
    pip = {name: text for name, text in os.environ.items() if name.startswith("PIP_")}
    shell(fill, PYTHONPATH="", PIP_NO_BUILD_ISOLATION="0", **pip)
    names = {path.name.partition("-")[0] for path in (tmp_path / "wheelhouse").iterdir()}
    assert names == {"softmax_bench", "tiny"}
    shell(install, PYTHONPATH="")
    listed = shell("env/bin/python -m pip list --format=json", PYTHONPATH="")
    assert {"softmax-bench", "tiny"} <= {one["name"] for one in json.loads(listed)}
