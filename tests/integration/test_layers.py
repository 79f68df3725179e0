"""Imports between the packages of bench/ point down only."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import bench

# From top to bottom. Each may import itself and those after it, also inside functions.
LAYERS = (
    "__main__",
    "cli",
    "report",
    "regression",
    "analysis",
    "runner",
    "data",
    "records",
    "worker",
    "contract",
    "errors",
    "__init__",
)
BENCH = Path(bench.__file__).parent


def imported_layers(path: Path, package: Path) -> Iterator[str]:
    """Yield the entry of the package that each import in a file names, also in functions."""
    parents = path.relative_to(package.parent).parts[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = parents[: len(parents) - node.level + 1] if node.level else ()
            prefix = ".".join([*base, *filter(None, [node.module])])
            names = [f"{prefix}.{alias.name}" for alias in node.names]
        for parts in (name.split(".") for name in names):
            if parts[0] == package.name:
                # `from bench import __version__` names no module: it reads __init__.
                layer = parts[1] if len(parts) > 1 else "__init__"
                exists = (package / layer).is_dir() or (package / f"{layer}.py").is_file()
                yield layer if exists else "__init__"


def layer_violations(package: Path) -> list[str]:
    """Return the imports that point up, and the files in no layer."""
    violations = []
    for path in sorted(package.rglob("*.py")):
        name = path.relative_to(package).as_posix()
        layer = name.partition("/")[0].removesuffix(".py")
        if layer not in LAYERS:
            violations.append(f"{name} is in no layer")
            continue
        violations += [
            f"{name} imports {other}"
            for other in imported_layers(path, package)
            if other not in LAYERS or LAYERS.index(other) < LAYERS.index(layer)
        ]
    return violations


@pytest.fixture
def package(tmp_path):
    """A package with one module in each layer; write another file into it."""

    def write(name, code):
        path = tmp_path / "bench" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(code)
        return tmp_path / "bench"

    for name in ("__init__.py", "__main__.py", "contract.py", "errors.py"):
        write(name, "")
    for layer in LAYERS[1:9]:
        write(f"{layer}/__init__.py", "")
    return write


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("__main__.py", "from bench.cli.app import main"),
        ("runner/loop.py", "from bench import data, worker\nfrom bench.records.schema import Run"),
        ("runner/parity/judge.py", "from . import oracle\nfrom ...data import cache\nimport numpy"),
        ("runner/loop.py", "from bench import __version__\nimport bench.runner.plan"),
        ("worker/measure.py", "from bench.contract import Trainer\nfrom bench.errors import E"),
    ],
)
def test_imports_of_the_same_or_a_lower_layer_are_allowed(package, name, code):
    assert layer_violations(package(name, code)) == []


@pytest.mark.parametrize(
    ("name", "code", "layer"),
    [
        ("worker/measure.py", "from bench.records import schema", "records"),
        ("worker/measure.py", "import bench.records.schema", "records"),
        ("worker/measure.py", "from bench import errors, records", "records"),
        ("worker/measure.py", "from ..records import schema", "records"),
        ("worker/gpu/nvml.py", "from ... import records", "records"),
        ("worker/measure.py", "def f():\n    from bench.records import schema", "records"),
        ("worker/measure.py", "if TYPE_CHECKING:\n    import bench.cli", "cli"),
        ("runner/cluster.py", "from bench.analysis import summary", "analysis"),
        ("contract.py", "import bench.worker.measure", "worker"),
        ("__init__.py", "from bench.errors import UserError", "errors"),
        ("cli/run.py", "from bench.__main__ import main", "__main__"),
    ],
)
def test_an_import_of_a_higher_layer_is_a_violation(package, name, code, layer):
    assert layer_violations(package(name, code)) == [f"{name} imports {layer}"]


def test_a_module_in_no_layer_is_a_violation(package):
    package("worker/measure.py", "from bench.helpers import x")
    violations = layer_violations(package("helpers.py", ""))
    assert violations == ["helpers.py is in no layer", "worker/measure.py imports helpers"]


@pytest.mark.skipif((BENCH / "error.py").exists(), reason="the packages are not complete yet")
def test_imports_of_bench_point_down_only():
    assert layer_violations(BENCH) == []
