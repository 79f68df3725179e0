"""The rules of the house, as checks that can fail."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter  # noqa: TID251 - of the command line, not of a framework

import pytest

import bench
from bench import dataset, store
from bench.check import REJECTED
from bench.gate import findings
from bench.gate.calibrated import Calibrated
from bench.gate.comparison import Comparison
from bench.report import calibration, files, shown, versions
from implementations import FIGURES, IMPLEMENTATIONS, PROBES

ROOT = Path(bench.__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
SUITE = sorted((ROOT / "bench").rglob("*.py"))
CONTESTANTS = sorted((ROOT / "implementations").rglob("*.py"))
FRAMEWORKS = {"tensorflow", "torch", "jax", "keras", "sklearn", "numba"}
SLOW = {"scipy", "pandas", "altair", "vl_convert", "jinja2", "markdown_it", "pooch", "distributed"}
TABLES = "<!-- tables: made by `python -m bench calibrate --show --format markdown` -->"
CLOCKS = {
    "time", "timeit", "datetime", "perf_counter", "perf_counter_ns", "monotonic", "monotonic_ns",
    "process_time", "process_time_ns", "thread_time", "timestamp", "elapsed_time",
}  # fmt: skip


def module(path: Path) -> str:
    """Return the dotted name of a file of the repository."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def imported(tree: ast.AST) -> Iterator[str]:
    """Yield every module that is imported anywhere, and what is imported from it, dotted."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{'.' * node.level}{node.module or ''}.{alias.name}"
                        for alias in node.names)  # fmt: skip


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def loaded_by(code: str) -> set[str]:
    """Return the packages that a fresh process has loaded after some code."""
    code = f"{code}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, check=True
    )
    return set(done.stdout.decode().split())


def test_no_file_of_bench_loads_a_framework_or_what_is_slow():
    loaded = loaded_by("\n".join(f"import {module(path)}" for path in SUITE))
    assert {"bench", "implementations", "numpy"} <= loaded
    assert not loaded & (FRAMEWORKS | SLOW)


@pytest.mark.parametrize("path", CONTESTANTS, ids=name)
def test_an_implementation_imports_the_contract_and_nothing_else_of_the_suite(path):
    ours = [one for one in imported(parsed(path))
            if one.startswith((".", "bench", "implementations", "importlib"))]  # fmt: skip
    allowed = ("bench.contract.", "implementations._devices.")
    assert [one for one in ours if not one.startswith(allowed)] == []


@pytest.mark.parametrize("path", CONTESTANTS, ids=name)
def test_an_implementation_has_no_clock(path):
    tree = parsed(path)
    words = {word for one in imported(tree) for word in one.split(".")}
    words |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    words |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert not words & CLOCKS


def prints(tree: ast.AST) -> list[int]:
    """Return the lines that print: ``print``, ``console.print``, or more than a flush of stdout."""
    found = []
    for node in ast.walk(tree):
        called = node.func if isinstance(node, ast.Call) else None
        if isinstance(called, ast.Name) and called.id == "print":
            found.append(node.lineno)
        if isinstance(called, ast.Attribute) and called.attr in {"print", "write", "writelines"}:
            written = ast.unparse(called.value)
            if called.attr == "print" or written.startswith(("sys.std", "sys.__std", "stdout")):
                found.append(node.lineno)
        if isinstance(node, ast.ImportFrom) and node.module == "sys":
            found += [node.lineno for alias in node.names if alias.name.startswith("std")]
    return found


@pytest.mark.parametrize(
    "code", ["print(1)", "console.print(1)", "sys.stdout.write('')", "from sys import stderr",
             "sys.stdout.buffer.write(b'')", "def f():\n  print()"],
)  # fmt: skip
def test_what_prints_is_seen(code):
    assert len(prints(ast.parse(code))) == 1


@pytest.mark.parametrize("path", SUITE, ids=name)
def test_only_the_command_line_prints(path):
    found = prints(parsed(path))
    allowed = name(path).startswith(("bench/__main__.py", "bench/verbs/"))
    assert allowed or not found, found


@pytest.mark.parametrize("path", SUITE + CONTESTANTS, ids=name)
def test_a_file_is_short_enough_to_be_read(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 260


EVALUATES = {"eval", "exec", "compile", "__import__"}
PICKLES = {"pickle", "cPickle", "marshal", "shelve", "dill", "cloudpickle", "yaml"}


def evaluated(tree: ast.AST) -> list[str]:
    """Return what makes a program of a text or of a file: eval, pickle, an array of objects."""
    found = [one for one in imported(tree) if one.split(".")[0] in PICKLES]
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called, keywords = ast.unparse(node.func), {ast.unparse(each) for each in node.keywords}
        loads = called.endswith(("np.load", "read_array"))
        if called in EVALUATES or (loads and "allow_pickle=False" not in keywords):
            found.append(ast.unparse(node))
    return found


@pytest.mark.parametrize(
    "code", ["import pickle", "from pickle import loads", "import yaml", "eval('1')", "exec(code)",
             "np.load(path)", "np.load(path, allow_pickle=True)", "np.lib.format.read_array(path)"],
)  # fmt: skip
def test_what_makes_a_program_of_a_file_is_seen(code):
    assert len(evaluated(ast.parse(code))) == 1


@pytest.mark.parametrize("path", SUITE + CONTESTANTS, ids=name)
def test_no_file_makes_a_program_of_another(path):
    assert evaluated(parsed(path)) == []


def test_names_of_the_registry_are_unique_and_say_what_is_meant():
    entries = [*IMPLEMENTATIONS, *FIGURES, *PROBES]
    names = [entry.name for entry in entries]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", one) for one in names)
    pairs = [(entry.module, *sorted(getattr(entry, "variables", {}).items())) for entry in entries]
    assert len(set(pairs)) == len(pairs)


def test_the_registry_has_every_file_and_every_file_is_registered():
    registered = {entry.module for entry in [*IMPLEMENTATIONS, *FIGURES, *PROBES]}
    modules = {module(path).removeprefix("implementations.") for path in CONTESTANTS
               if path.stem != "__init__" and path.parent.name != "_devices"}  # fmt: skip
    assert registered == modules


@pytest.mark.parametrize(
    "entry", [*IMPLEMENTATIONS, *FIGURES, *PROBES], ids=lambda entry: entry.name
)
def test_what_an_implementation_needs_is_installed_by_its_extra(entry):
    required = list(PROJECT["dependencies"])
    for extra in filter(None, entry.extra.split(",")):
        required += EXTRAS[extra]
    installed = {re.split(r"[<>=!~\[; ]", one)[0] for one in required}
    backend = getattr(entry, "variables", {}).get("KERAS_BACKEND", entry.framework)
    needed = {entry.framework, backend}
    assert needed <= installed


def test_the_extra_all_is_everything_that_runs_on_a_cpu():
    (requirement,) = EXTRAS["all"]
    found = re.fullmatch(rf"{PROJECT['name']}\[(.*)\]", requirement)
    cpu = {extra for extra in EXTRAS if extra != "all" and not extra.startswith("cuda-")}
    assert set(found[1].split(",")) == cpu


def test_a_list_is_there_at_once_and_loads_no_framework():
    command = [sys.executable, "-m", "bench", "list"]
    seconds = []
    for _ in range(5):
        start = perf_counter()
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        seconds.append(perf_counter() - start)
    assert [line.split()[0] for line in done.stdout.splitlines()[1:]] == [
        entry.name for entry in IMPLEMENTATIONS
    ]
    assert min(seconds) < 5
    traced = subprocess.run(
        [sys.executable, "-X", "importtime", *command[1:]],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stderr  # fmt: skip
    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in traced.splitlines()}
    assert {"bench", "typer"} <= loaded
    assert not loaded & (FRAMEWORKS | SLOW)


def test_the_documentation_says_what_is_seen_to_be_rejected():
    page = (ROOT / "docs" / "methodology.md").read_text(encoding="utf-8")
    assert "; ".join(REJECTED.values()) + "." in " ".join(page.split())


def published() -> list[Path]:
    """Return the folders of the published runs; there must be one."""
    found = [path.parent for path in sorted((ROOT / "results" / "reference").glob("*/run.json"))]
    assert found, "results/reference has no run"
    return found


def test_the_readme_shows_what_a_published_run_gives():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    _, start, rest = readme.partition(f"{files.START}\n")
    part, end, _ = rest.partition(f"\n{files.END}")
    assert start
    assert end
    assert part in [files.readme_part(folder, ROOT) for folder in published()]


def test_published_reports_are_what_their_records_give(tmp_path):
    dataset.find()  # a report shows the data that it is about: without them it would be another
    pages = 0
    for folder in published():
        copy = shutil.copytree(folder, tmp_path / folder.name)
        files.write(copy)
        for file in ("report.md", "summary.csv"):
            assert (copy / file).read_bytes() == (folder / file).read_bytes()
        if (folder / "report.html").exists():
            pages += 1
            assert said(copy / "report.html") == said(folder / "report.html")
    assert pages, "the page of no run is published"


def said(page: Path) -> str:
    """Return a page without what another version of Altair or Vega may write otherwise."""
    drawn = r'<script.*?</script>|\b(?:content|src)="[^"]*"'
    return re.sub(drawn, "", page.read_text(encoding="utf-8"), flags=re.DOTALL)


def test_the_comparisons_of_releases_are_what_their_records_give():
    page = (ROOT / "docs" / "releases.md").read_text(encoding="utf-8")
    folders = [one.parent for one in (ROOT / "results" / "reference").glob("*/comparison.json")]
    assert len(folders) == 2
    for folder in folders:
        assert f"`results/reference/{folder.name}/`" in page
        plan = store.read_plan(folder / "comparison.json", Comparison)
        lines = versions.table(plan, findings.read(folder)).lines
        assert len(lines) == 2
        for *most, _, error in lines:  # the page leaves the accuracy out
            assert f"| {' | '.join([*most, error])} |" in page


@pytest.mark.full  # many thousands of decisions are drawn once more
def test_the_published_calibration_is_what_its_records_give():
    page = (ROOT / "docs" / "calibration.md").read_text(encoding="utf-8")
    _, start, rest = page.partition(f"{TABLES}\n")
    part, end, _ = rest.partition("<!-- end of tables -->")
    assert start
    assert end
    (folder,) = (ROOT / "results" / "reference").glob("*-calibration")
    assert part.strip() == shown.as_markdown(calibration.shown(Calibrated(folder))).strip()
