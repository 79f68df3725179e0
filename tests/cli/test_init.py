"""``bench init`` in a scratch repository."""

import os
import sys
from pathlib import Path

import yaml
from support.versions import BACKEND, PROJECT

from bench.worker import machine

ACTION = yaml.safe_load((machine.ROOT / "action.yml").read_text(encoding="utf-8"))
BENCH = "def test_one(benchmark):\n    benchmark.pedantic(sum, (range(9),), rounds=3)\n"
FILES = {
    "test_one.py": BENCH,
    "pytest.ini": "[pytest]\naddopts = --benchmark-skip\n",
    "requirements.txt": "pytest-benchmark<9\n",
}
BUILT = {"pyproject.toml": PROJECT, "backend.py": BACKEND, "tool.py": ""}


def test_workflow_is_written_and_head_is_measured_against_itself(
    repository, called, refused, own_cache, wheels, tmp_path, monkeypatch
):
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    workflow = tmp_path / ".github" / "workflows" / "softmax-bench.yml"
    inputs = {"pytest": "-o addopts= test_one.py", "budget": "1s"}
    arguments = {"install": True, "arguments": "--with=pytest-benchmark<9\n"}
    (tmp_path / "test_new.py").write_text(BENCH)  # not tracked
    assert "asv: none. " in refused("init")
    # On a busy machine too few pairs fit. In the second project's environment is no pytest.
    for files, expected, ends in ((FILES, inputs, {0, 4}), (BUILT, inputs | arguments, {2, 3})):
        for name, text in files.items():
            (tmp_path / name).write_text(text)
        repository.git("add", *files)
        repository.git("commit", "--quiet", "--message", "files")
        status, out, err = called("init", "--budget=1s")
        assert status in ends, err
        assert "--allow=same-code --budget=1s '--pytest=-o addopts= test_one.py'\n" in out
        steps = yaml.safe_load(workflow.read_text())["jobs"]["gate"]["steps"]
        assert steps[-1]["with"] == expected
        assert ("run" in steps[-2]) == (files is FILES)
        cached = steps[1]["with"]["cache-dependency-path"]
        assert workflow in tmp_path.glob(cached)  # without any file, caching fails
        assert "exists" in refused("init")
        workflow.unlink()
    assert expected.keys() <= ACTION["inputs"].keys()
