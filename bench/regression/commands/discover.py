"""Find what ``bench gate`` can measure of a project; pure functions of the texts of its files."""

import ast
import re
import warnings
from collections.abc import Mapping
from contextlib import suppress
from pathlib import PurePosixPath
from typing import Any

FILES = re.compile(r"\.py$|\basv\.conf\.json$|requirements[^/]*(/[^/]*)?\.txt$|^pyproject\.toml$")
_PLUGIN = re.compile(r"(?m)^\s*pytest[-_.](benchmark|codspeed)(?![\w-])")


def has_benchmark(source: str) -> bool:
    """Return whether a file has a test with the fixture of a plugin, or with CodSpeed's marker."""
    tree = ast.parse("")
    with (
        suppress(SyntaxError, ValueError, RecursionError),
        warnings.catch_warnings(action="ignore"),
    ):
        tree = ast.parse(source if "benchmark" in source else "")
    functions = [one for one in ast.walk(tree) if isinstance(one, ast.FunctionDef)]
    tests = [one.args for one in functions if one.name.startswith("test")]
    fixtures = {one.arg for test in tests for one in ast.walk(test) if isinstance(one, ast.arg)}
    is_marked = bool(tests) and bool(re.search(r"\bmark\.benchmark\b", ast.unparse(tree)))
    return is_marked or bool(fixtures & {"benchmark", "codspeed_benchmark"})


def list_timed(texts: Mapping[str, str]) -> list[str]:
    """Return the files with functions for asv, in the benchmark_dir of each asv.conf.json."""
    folders = set()
    for name in (one for one in texts if one.endswith("asv.conf.json")):
        # A comment begins with //.
        given = re.findall(r'(?m)^[^/\n]*"benchmark_dir"\s*:\s*"([^"\n]+)"', texts[name])
        folders.add(PurePosixPath(name).parent / (*given, "benchmarks")[0])
    timing = [name for name in texts if re.search(r"(?m)^\s*def time_", texts[name])]
    return [name for name in timing if folders & {*PurePosixPath(name).parents}]


def choose_packages(settings: Mapping[str, Any], texts: Mapping[str, str]) -> list[str]:
    """Return what brings a plugin for benchmarks, as ``--with`` takes it.

    That is the shortest extra or dependency group that names one, else a whole requirements file.
    """
    extras = settings.get("project", {}).get("optional-dependencies", {})
    lists = {f"extra:{name}": lines for name, lines in extras.items()}
    lists |= {f"group:{name}": one for name, one in settings.get("dependency-groups", {}).items()}
    naming = [name for name in lists if any(_PLUGIN.match(str(line)) for line in lists[name])]
    files = [texts[name] for name in texts if name.endswith(".txt") and _PLUGIN.search(texts[name])]
    lines = [re.sub(r"(^|\s+)[-#\\].*", "", line) for line in "\n".join(files[:1]).splitlines()]
    return sorted(naming, key=lambda name: len(lists[name]))[:1] or [*filter(None, lines)]
