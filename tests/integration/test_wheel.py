"""The wheel beside a stranger's package ``bench``, and the editable install."""

import os
import subprocess
import sys
import zipfile

import pytest

from bench.records import store
from bench.worker.machine import ROOT

BUILD = "import hatchling.build, sys; print(hatchling.build.build_{}(sys.argv[1]))"
# Charts take longer than everything else in a small run.
NO_CHARTS = "import sys\nsys.modules.update(dict.fromkeys(('altair', 'vl_convert')))\n"
# A stranger's module is there before a call of load, and is imported after it.
LOAD = """
import sys, softmax_bench
sys.modules["bench"] = stranger = object()
tables = [softmax_bench.load(sys.argv[1]) for _ in range(2)]
print(tables[0].equals(tables[1]), sys.modules.pop("bench") is stranger)
import bench
"""
RUN = (
    *("run", "--data=digits", "--implementation=numpy", "--quick", "--output=out"),
    *("--workload=sgd", "--batch-size=288", "--threads=1", "--no-roofline"),
)


def build(kind, folder):
    """Build the wheel, or that of an editable install, into a folder; return its path."""
    command = [sys.executable, "-c", BUILD.format(kind), folder]
    ended = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return folder / ended.stdout.split()[-1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return build("wheel", tmp_path_factory.mktemp("built"))


@pytest.fixture(scope="module")
def strangers(tmp_path_factory):
    """Packages of the suite's names, as another project may install them."""
    folder = tmp_path_factory.mktemp("strangers")
    for name in ("bench", "implementations"):
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text("raise SystemExit('a stranger is imported')\n")
    return folder


@pytest.fixture(scope="module")
def installed(tmp_path_factory, wheel):
    """The folder into which pip has installed the wheel alone."""
    folder = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*pip, f"--target={folder}", wheel], check=True)
    (folder / "sitecustomize.py").write_text(NO_CHARTS)
    return folder


@pytest.fixture
def python(tmp_path, surroundings, strangers):
    """Run Python in an arbitrary folder, where the strangers come before a given one."""

    def run(place, *arguments):
        path = os.pathsep.join(map(str, (strangers, place)))
        return subprocess.run(
            [sys.executable, *map(str, arguments)],
            cwd=tmp_path,
            env={**surroundings, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_wheel_has_one_package(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"softmax_bench"}
    for file in (*ROOT.glob("bench/**/*.*"), *ROOT.glob("implementations/**/*.*")):
        if "__pycache__" not in file.parts:
            assert f"softmax_bench/{file.relative_to(ROOT).as_posix()}" in names


def test_editable_install_only_adds_the_checkout_to_the_path(tmp_path):
    with zipfile.ZipFile(build("editable", tmp_path)) as archive:
        (path,) = (name for name in archive.namelist() if ".dist-info/" not in name)
        assert archive.read(path).decode().splitlines() == [str(ROOT)]


def test_installed_program_runs_beside_a_stranger(python, installed, tmp_path, wheel):
    program = installed / "bin" / "softmax-bench"
    listed = python(installed, program, "list")
    assert (listed.returncode, listed.stderr) == (0, "")
    assert "sklearn-softmax" in listed.stdout
    ended = python(installed, program, *RUN)
    assert (ended.returncode, ended.stderr) == (0, "")
    # It is in the reader's own project, so -e . would install that.
    assert f"Missing: pip install 'softmax-bench[EXTRA] @ {wheel.as_uri()}'\n" in listed.stdout
    assert f"need: pip install 'softmax-bench[report] @ {wheel.as_uri()}'\n" in ended.stdout
    assert {record.status for record in store.read_records(tmp_path / "out")} == {"ok"}
    plan = store.read_run(tmp_path / "out")
    assert plan.command.startswith("softmax-bench run --data=digits")
    (environment,) = store.read_environments(tmp_path / "out").values()
    assert environment.suite.keys() == {"version"}  # no commit: it is not the checkout


@pytest.mark.parametrize("checkout", [False, True])
def test_load_is_ours_and_bench_is_the_strangers(python, installed, checkout):
    plan, *_ = ROOT.glob("results/reference/*/run.json")
    ended = python(ROOT if checkout else installed, "-c", LOAD, plan.parent)
    assert (ended.stdout, ended.stderr) == ("True True\n", "a stranger is imported\n")
