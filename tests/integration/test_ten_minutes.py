"""The commands of docs/ten-minutes.md, in a shell."""

import os
import re
import shlex
import subprocess
import sys

import pytest

from bench.worker.machine import ROOT

PAGE = (ROOT / "docs" / "ten-minutes.md").read_text(encoding="utf-8")
INSTALL, *BLOCKS = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


@pytest.mark.full
def test_commands_of_the_tutorial_say_what_the_page_says(tmp_path, program, surroundings):
    (tmp_path / "implementations").symlink_to(ROOT / "implementations")
    (tmp_path / "programs").mkdir()
    program("programs/softmax-bench", f'exec {shlex.quote(sys.executable)} -P -m bench "$@"')
    variables = {**surroundings, "PYTHONPATH": str(ROOT)}
    variables["PATH"] = f"{tmp_path / 'programs'}{os.pathsep}{variables['PATH']}"
    done = subprocess.run(
        ["sh", "-eu", "-c", "\n".join(BLOCKS)],
        cwd=tmp_path,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "pip install" in INSTALL
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "results" / "ten" / "report.html").is_file()
    passes, fails = (done.stdout.index(f"{word}: mine") for word in ("passes", "FAILS"))
    assert re.search(r"mine +\W* *(faster|no change|undecided)", done.stdout[passes:fails])
