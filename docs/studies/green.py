"""Try to get a slower candidate past ``softmax-bench gate``, and print what it says.

    python docs/studies/green.py [WAY …]

Each way makes a repository with two commits and asks the gate about them. ``red``: its status says
so. ``green``: it passes, and docs/gate/reference.md names the way. ``notice``: it passes with a
line that names it. The program ends with 1 if a way does something else. It takes some ten minutes.
Beside this Python must lie the programs of softmax-bench and pip.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

GIT = ("git", "-c", "user.name=A study", "-c", "user.email=study@example.org")
CPU = "--metric=cpu-time"
TOY = """
def work(count=1_500_000):
    total = 0
    for number in range(count):
        total += number
"""
SLOW_TOY = TOY.replace("1_500_000", "2_500_000")
PROJECT = '[project]\nname = "toy"\nversion = "{}"\n[tool.setuptools]\npackages = ["toy"]\n{}'
FORKSERVER = """
import multiprocessing
from work import work
if __name__ == "__main__":
    multiprocessing.set_start_method("forkserver")
    worker = multiprocessing.Process(target=work)
    worker.start()
    worker.join()
"""
DAEMON = """
import os, sys, time
from work import work
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for name in [*os.environ]:
            del os.environ[name]
        os.execv(sys.executable, [sys.executable, "-c", "for _ in range(10**8): pass"])
    os._exit(0)
os.wait()
work(100_000)
"""
# It looks for the other side's checkout, which lies beside its own.
REWRITES = """
import glob, os
from work import work
for path in glob.glob(os.path.join(os.path.dirname(os.getcwd()), "..", "*", "checkout", "work.py")):
    with open(path) as file:
        text = file.read()
    if "1_500_000" in text:
        with open(path, "w") as file:
            file.write(text.replace("1_500_000", "9_500_000"))
work()
"""
FORGES = """
import glob, os
from work import work
for path in glob.glob(os.path.expanduser("~/.cache/softmax-bench/results/*/trials.jsonl")):
    with open(path) as file:
        lines = file.read()
    with open(path, "w") as file:
        file.write(lines.replace('"candidate"', '"base"'))
work()
"""


@dataclass(frozen=True)
class Way:
    """Two commits, what is measured, and what is expected of the gate."""

    expected: str
    base: Mapping[str, str]
    candidate: Mapping[str, str]  # the files that it changes; empty to remove one
    options: tuple[str, ...] = ("--command=python job.py", CPU)
    says: str = ""  # words of a notice or of the reason
    installs: bool = False  # the base into the environment of the shell
    variables: Mapping[str, str] = field(default_factory=dict)
    submodule: str = ""  # a folder that becomes one, with two commits


def change(name: str, before: str, after: str) -> tuple[dict[str, str], dict[str, str]]:
    """Return the files of both commits, of which one differs, with the job that runs it."""
    return {"job.py": "from work import work\nwork()\n", name: before}, {name: after}


IMPORTED = change("work.py", TOY, SLOW_TOY)
JOB = {"job.py": "import toy\ntoy.work()\n", "toy/__init__.py": TOY}
BUILD = {"pyproject.toml": PROJECT.format("1", ""), **JOB}
WAYS = {
    "a slower function": Way("red", *IMPORTED),
    "a pause": Way("green", *change("work.py", TOY, f"import time\n{TOY}\ntime.sleep(0.02)\n")),
    "a function that is not called": Way(
        "green", *change("work.py", TOY, f"{TOY}\ndef other():\n    return work(10**9)\n")
    ),
    "a module that is not imported": Way(
        "red", {**IMPORTED[0], "other.py": TOY}, {"other.py": SLOW_TOY}, says="no process"
    ),
    "an installed package": Way(
        "red",
        {"pyproject.toml": PROJECT.format("1", '[tool.setuptools.package-dir]\n"" = "src"\n')}
        | {"job.py": JOB["job.py"], "src/toy/__init__.py": TOY},
        {"src/toy/__init__.py": SLOW_TOY, "job.py": JOB["job.py"] + "\n"},
        installs=True,
    ),
    "a linter that opens its own tree": Way(
        "red",
        {"pyproject.toml": BUILD["pyproject.toml"], "toy/__init__.py": TOY}
        | {"lint.sh": "python -P -c \"import toy; toy.work(); open('toy/__init__.py').read()\"\n"},
        {"toy/__init__.py": SLOW_TOY},
        ("--command=sh -c 'sh lint.sh || true'", CPU),
        says="no process",
        installs=True,
    ),
    "a namespace package": Way(
        "red",
        {"pyproject.toml": PROJECT.format("1", ""), "toy/core.py": TOY}
        | {"bench/job.py": "import toy.core\nopen('pyproject.toml').read()\ntoy.core.work()\n"},
        {"pyproject.toml": PROJECT.format("2", ""), "toy/core.py": SLOW_TOY},
        ("--command=python bench/job.py", CPU),
        says="no process",
        installs=True,
    ),
    "a submodule": Way(
        "red", {"job.py": JOB["job.py"]}, {}, says="--prepare", installs=True, submodule="lib"
    ),
    "a path to the working tree": Way(
        "red",
        {**BUILD},
        {"toy/__init__.py": SLOW_TOY},
        ("--install", "--command=python -P job.py", CPU),
        variables={"PYTHONPATH": "."},
    ),
    "a cold cache outside of the checkout": Way(
        "green",
        *change(
            "work.py",
            f"import os\n{TOY}",
            f"import os\n{TOY}\npath = os.path.expanduser('~/study-cache')\n"
            "if not os.path.exists(path):\n    work(10**7)\n    open(path, 'w').close()\n",
        ),
    ),
    "a worker of a fork server": Way(
        "red", {"job.py": FORKSERVER, "work.py": TOY}, {"work.py": SLOW_TOY}
    ),
    "a daemon that leaves its session": Way("red", IMPORTED[0], {"job.py": DAEMON}),
    "a child that nobody waits for": Way(
        "red",
        IMPORTED[0],
        {
            "job.py": "import subprocess, sys\nfrom work import work\nwork()\n"
            "subprocess.Popen([sys.executable, '-c', 'from work import work; work()'])\n"
        },
    ),
    "memory": Way("green", *change("work.py", TOY, f"{TOY}\nblock = bytes(20_000_000)\n")),
    "memory that is judged": Way(
        "red",
        *change("work.py", TOY, f"{TOY}\nblock = bytearray(b'x' * 100_000_000)\n"),
        ("--command=python job.py", "--metric=memory"),
    ),
    "no work at all": Way("notice", IMPORTED[0], {"job.py": "import work\n"}, says="still"),
    "a benchmark that is gone": Way(
        "red",
        {
            "test_b.py": "def test_a(benchmark): benchmark(sum, [1])\n"
            "def test_b(benchmark): benchmark(sum, [1])\n"
        },
        {"test_b.py": "def test_a(benchmark): benchmark(sum, [1])\n"},
        ("--pytest=test_b.py", CPU),
    ),
    "a benchmark that does less": Way(
        "notice",
        {**IMPORTED[0], "job.py": "from work import work\nwork(2_000_000)\n"},
        {"job.py": "from work import work\nwork(1_500_000)\n", "work.py": SLOW_TOY},
        says="--harness",
    ),
    "a hang": Way("red", IMPORTED[0], {"work.py": "import time\ntime.sleep(600)\n"}),
    "a base that it rewrites": Way(
        "red",
        {"job.py": JOB["job.py"].replace("toy", "work"), "work.py": TOY},
        {"job.py": REWRITES},
        says="its own tree",
    ),
    "records that it rewrites": Way("red", IMPORTED[0], {"job.py": FORGES, "work.py": SLOW_TOY}),
    "speed where a gate runs only": Way(
        "green",
        *change(
            "work.py",
            TOY,
            f"import os\n{TOY}\nif 'PYTHONPYCACHEPREFIX' not in os.environ:\n    work(10**8)\n",
        ),
    ),
    "documentation": Way(
        "notice", {**IMPORTED[0], "README.md": "a"}, {"README.md": "b"}, says="documentation"
    ),
}


def commit(folder: Path, files: Mapping[str, str]) -> None:
    """Write files, remove empty ones, and commit."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text) if text else path.unlink()
    for words in (("add", "--all"), ("commit", "--quiet", "--allow-empty", "--message=step")):
        subprocess.run([*GIT, "-C", folder, *words], check=True)


def add_submodule(folder: Path, name: str, scratch: Path) -> None:
    """Commit a submodule, and then its second commit, which is slower."""
    source = scratch / "module"
    subprocess.run([*GIT, "init", "--quiet", source], check=True)
    for number, text in enumerate((TOY, SLOW_TOY), 1):
        commit(source, {"pyproject.toml": PROJECT.format(number, ""), "toy/__init__.py": text})
    allowed = (*GIT, "-c", "protocol.file.allow=always", "-C")
    words = "submodule", "--quiet", "add", source, name
    subprocess.run([*allowed, folder, *words], check=True)
    subprocess.run([*GIT, "-C", folder / name, "checkout", "--quiet", "HEAD~1"], check=True)
    commit(folder, {})
    subprocess.run([*GIT, "-C", folder / name, "checkout", "--quiet", "-"], check=True)
    commit(folder, {})


def ask(way: Way, scratch: Path, environment: Path) -> tuple[str, str]:
    """Return what the gate did, and the line that says so."""
    folder = scratch / "project"
    subprocess.run([*GIT, "init", "--quiet", folder], check=True)
    commit(folder, way.base)
    if way.submodule:
        add_submodule(folder, way.submodule, scratch)
    python = environment / "bin" / "python"
    pip = [python, "-m", "pip", "--quiet"]
    if way.installs:
        source = folder / way.submodule
        subprocess.run([*pip, "install", "--no-deps", source], check=True)
        subprocess.run([*GIT, "-C", folder, "clean", "--quiet", "-dfx"], check=True)
    if not way.submodule:
        commit(folder, way.candidate)
    variables = {
        **os.environ,
        **{name: text.replace(".", str(folder), 1) for name, text in way.variables.items()},
        "PATH": f"{environment / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(scratch),
        "SOFTMAX_BENCH_CACHE": str(scratch / ".cache" / "softmax-bench"),
    }
    gate = Path(sys.executable).with_name("softmax-bench")
    words = [gate, "gate", "--base=HEAD~1", "--candidate=HEAD", "--budget=20s", *way.options]
    done = subprocess.run(
        words, cwd=folder, env=variables, capture_output=True, text=True, check=False
    )
    if way.installs:
        subprocess.run([*pip, "uninstall", "--yes", "toy"], check=True)
    output = done.stdout + done.stderr
    lines = [line for line in output.splitlines() if line.strip()]
    chosen = [line for line in lines if way.says in line] if way.says else lines[1:2]
    colour = (
        "red" if done.returncode else "notice" if way.expected == "notice" and chosen else "green"
    )
    return (
        colour if not way.says or chosen else f"{colour}, unnamed",
        f"{done.returncode}: {(chosen or lines[-1:])[0]}",
    )


def main() -> None:
    """Try the ways that are named, or all; end with 1 if one does what is not expected."""
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="green-") as name:
        environment = Path(name, "environment")
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
        pip = [environment / "bin" / "python", "-m", "pip", "install", "--quiet"]
        subprocess.run([*pip, "setuptools", "pytest", "pytest-benchmark"], check=True)
        for number, way in enumerate(sys.argv[1:] or WAYS):
            scratch = Path(name, str(number))
            scratch.mkdir()
            colour, line = ask(WAYS[way], scratch, environment)
            wrong += colour != WAYS[way].expected
            mark = "" if colour == WAYS[way].expected else f" (expected {WAYS[way].expected})"
            print(f"{way}: {colour}{mark}: {line}", flush=True)
            shutil.rmtree(scratch)
    raise SystemExit(wrong > 0)


if __name__ == "__main__":
    main()
