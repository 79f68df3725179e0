"""Find what ``bench gate`` can measure of a project; pure functions of the texts of its files."""

import ast
import re
import warnings
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

READ_FILES = re.compile(r"\.py$|requirements[^/]*(/[^/]*)?\.txt$|^pyproject\.toml$")
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
