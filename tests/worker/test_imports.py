"""What a user's own file has imported."""

import json
import subprocess
import sys

from bench.worker.machine import ROOT

REPORT = """
import json, sys
from pathlib import Path
from bench.worker.imports import find_imports
print(json.dumps(find_imports(Path(__file__))))
"""


def test_neighbours_and_the_code_of_others_are_told_apart(tmp_path):
    own, elsewhere = tmp_path / "own", tmp_path / "elsewhere"
    for path in ("own/layers/deep.py", "own/layers/__init__.py", "own/unused.py", "elsewhere/a.py"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    (elsewhere / "package").mkdir()
    (elsewhere / "package" / "__init__.py").touch()
    installed = own / "env" / "lib" / "site-packages"
    installed.mkdir(parents=True)
    (installed / "theirs.py").touch()
    (own / "mine.py").write_text(f"import a, json, layers.deep, numpy, package, theirs{REPORT}")
    path = f"{own}:{elsewhere}:{installed}:{ROOT}"
    process = subprocess.run(
        [sys.executable, own / "mine.py"],
        env={"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(process.stdout)
    assert found["siblings"] == ["layers/__init__.py", "layers/deep.py"]
    modules = found["modules"]
    assert modules["a"] == str(elsewhere / "a.py")
    assert modules["package"] == str(elsewhere / "package")
    assert modules["theirs"] == str(installed / "theirs.py")
    assert modules["numpy"].endswith("/numpy")
    assert not modules.keys() & {"json", "bench", "implementations", "layers", "mine"}
