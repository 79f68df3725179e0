"""Find what ``bench gate`` can measure of a project; pure functions of the texts of its files."""

import ast
import re
import warnings
from collections.abc import Mapping
from contextlib import suppress
from pathlib import PurePosixPath
from typing import Any

READ_FILES = re.compile(
    r"\.py$|\basv\.conf\.json$|requirements[^/]*(/[^/]*)?\.txt$|^pyproject\.toml$"
)
_PLUGIN = re.compile(r"(?m)^\s*pytest[-_.](benchmark|codspeed)(?![\w-])")


def has_benchmark(source: str) -> bool:
    """Return whether a file has a test with the fixture of a plugin, or with CodSpeed's marker."""
    tree = ast.parse("")
    with (
        suppress(SyntaxError, ValueError, RecursionError),
        warnings.catch_warnings(action="ignore"),
    ):
        tree = ast.parse(source if "benchmark" in source else "")
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    tests = [function.args for function in functions if function.name.startswith("test")]
    fixtures = {node.arg for test in tests for node in ast.walk(test) if isinstance(node, ast.arg)}
    is_marked = bool(tests) and bool(re.search(r"\bmark\.benchmark\b", ast.unparse(tree)))
    return is_marked or bool(fixtures & {"benchmark", "codspeed_benchmark"})


def list_timed(texts: Mapping[str, str]) -> list[str]:
    """Return the folders with functions for asv: the benchmark_dir of each asv.conf.json."""
    folders = set()
    for name in [path for path in texts if path.endswith("asv.conf.json")]:
        # A comment begins with //.
        given = re.findall(r'(?m)^[^/\n]*"benchmark_dir"\s*:\s*"([^"\n]+)"', texts[name])
        folders.add(PurePosixPath(name).parent / (*given, "benchmarks")[0])
    timing = [name for name, text in texts.items() if re.search(r"(?m)^\s*def time_", text)]
    parents = {parent for name in timing for parent in PurePosixPath(name).parents}
    return sorted(map(str, folders & parents))


def choose_packages(settings: Mapping[str, Any], texts: Mapping[str, str]) -> list[str]:
    """Return what brings a plugin for benchmarks, as ``--with`` takes it.

    That is the shortest extra or dependency group that names one, else a whole requirements file.
    """
    extras = settings.get("project", {}).get("optional-dependencies", {})
    lists = {f"extra:{name}": lines for name, lines in extras.items()}
    groups = settings.get("dependency-groups", {})
    lists |= {f"group:{name}": lines for name, lines in groups.items()}
    naming = [name for name in lists if any(_PLUGIN.match(str(line)) for line in lists[name])]
    files = [texts[name] for name in texts if name.endswith(".txt") and _PLUGIN.search(texts[name])]
    lines = [re.sub(r"(^|\s+)[-#\\].*", "", line) for line in "\n".join(files[:1]).splitlines()]
    return sorted(naming, key=lambda name: len(lists[name]))[:1] or [*filter(None, lines)]
