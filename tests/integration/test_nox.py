"""What nox -s bench_gpu builds and runs, with a session that only notes it down."""

import importlib.util
import os
import re
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest

import bench

ROOT = Path(bench.__file__).parents[1]
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
    "optional-dependencies"
]


class Session:
    """As much of nox.Session as a session of the noxfile uses."""

    def __init__(self, folder, posargs=()):
        self.virtualenv = SimpleNamespace(location=str(folder))
        self.posargs = list(posargs)
        self.installed, self.ran = [], []

    def install(self, *wanted):
        self.installed.append(wanted)

    def run(self, *command, external=False):
        if command[1:3] == ("-m", "virtualenv"):
            Path(command[3]).mkdir(parents=True)
        self.ran.append((command, external))


@pytest.fixture(scope="module")
def noxfile():
    """The noxfile as a module, loaded once: nox takes each session once only."""
    pytest.importorskip("nox")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        spec = importlib.util.spec_from_file_location("noxfile", ROOT / "noxfile.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield module


def test_each_framework_gets_its_own_environment_and_both_devices_are_measured(noxfile, tmp_path):
    session = Session(tmp_path, ["--quick"])
    noxfile.bench_gpu(session)
    assert session.installed == [("-e", ".[sklearn,numba,report,gpu]")]
    *built, (run, external) = session.ran
    assert not external
    here = Path(os.path.relpath(tmp_path))
    places = {name: here / "cuda" / name for name in ("torch", "jax", "tensorflow")}
    expected = []
    for name, place in places.items():
        python = str(place / "bin" / "python")
        expected.append(((sys.executable, "-m", "virtualenv", str(place)), True))
        expected.append(((python, "-m", "pip", "install", *EXTRAS[f"cuda-{name}"]), True))
    assert built == expected
    pythons = [f"--python={name}={place}/bin/python" for name, place in places.items()]
    assert run == ("python", "-m", "bench", "run", "--device", "cpu,gpu", *pythons, "--quick")


def test_a_run_that_goes_on_has_its_devices_and_is_told_its_pythons_again(noxfile, tmp_path):
    session = Session(tmp_path, ["--resume"])
    noxfile.bench_gpu(session)
    run, _ = session.ran[-1]
    assert "--device" not in run
    assert [part.partition("=")[0] for part in run[4:]] == ["--python"] * 3 + ["--resume"]


def test_an_environment_is_built_once_and_again_where_its_requirements_change(noxfile, tmp_path):
    noxfile.bench_gpu(Session(tmp_path))
    again = Session(tmp_path)
    noxfile.bench_gpu(again)
    assert len(again.ran) == 1
    (tmp_path / "cuda" / "jax" / "installed").write_text("['jax>=0.1']")
    changed = Session(tmp_path)
    changed.run = lambda *command, external=False: changed.ran.append((command, external))
    noxfile.bench_gpu(changed)
    assert len(changed.ran) == 3
    python = Path(os.path.relpath(tmp_path)) / "cuda" / "jax" / "bin" / "python"
    assert changed.ran[1][0][0] == str(python)


@pytest.mark.parametrize("framework", ["torch", "jax", "tensorflow"])
def test_an_extra_with_cuda_has_the_framework_numpy_and_keras_and_no_address(framework):
    wanted = EXTRAS[f"cuda-{framework}"]
    names = {re.split(r"[\[<>=]", one)[0] for one in wanted}
    assert names == {framework, "numpy", "keras"}
    assert not [one for one in wanted if "@" in one or "/" in one]
