"""``bench init``: write the workflow of a project's gate, and measure what the gate detects."""

import os
import shlex
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path
from textwrap import indent

from bench.cli import options
from bench.cli.console import print_line, quote_command
from bench.cli.verbs import pairs
from bench.errors import UserError
from bench.regression.commands.compare import compare_commands
from bench.regression.commands.discover import (
    READ_FILES,
    choose_packages,
    has_benchmark,
    list_timed,
)
from bench.regression.commands.prepare_commands import CommandOptions
from bench.regression.commands.samplers import AUTO
from bench.regression.pairs.plan import Terms
from bench.regression.versions import git

# Options of a project for all of its tests often measure coverage, or leave benchmarks out.
PYTEST = ("-o", "addopts=")
WORKFLOW = Path(".github", "workflows", "softmax-bench.yml")
TEMPLATE = """\
name: softmax-bench
on: pull_request
permissions:
  contents: read
jobs:
  gate:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v7
        with: {{fetch-depth: 2, persist-credentials: false}}
      - uses: actions/setup-python@v7
        with: {{python-version: "{}.{}", cache: pip, cache-dependency-path: .github/workflows/*}}
{}      - uses: OWNER/softmax-bench@COMMIT
        with:
{}"""


def init(budget: options.PairBudget = 180) -> None:
    """Write the workflow of a gate for your repository, and measure what it detects."""
    git.find_commit("HEAD")  # raises UserError outside of a repository
    os.chdir(str(git.find_repository()))
    if WORKFLOW.exists():
        raise UserError(f"{WORKFLOW} exists. Remove it, and init writes another")
    paths = [Path(name) for name in git.list_files(Path.cwd(), tracked=True)]
    read = [path for path in paths if READ_FILES.search(str(path)) and path.is_file()]
    texts = {str(path): path.read_text("utf-8", "replace") for path in read}
    names = [name for name in texts if has_benchmark(texts[name])]
    if not names:
        raise UserError(
            "git tracks no test with the fixture benchmark or with pytest.mark.benchmark. Files "
            f"with functions for asv: {', '.join(list_timed(texts)) or 'none'}. Write a script "
            "that does the work, and measure it with bench gate --command 'python SCRIPT'"
        )
    try:
        settings = tomllib.loads(texts.get("pyproject.toml", ""))
        packages = choose_packages(settings, texts)
    except (ValueError, TypeError, AttributeError) as error:
        raise UserError(f"pyproject.toml: {error}. Correct it first") from error
    tests = shlex.join([*PYTEST, *names])
    words: list[str] = []
    if {"build-system", "project"} & set(settings) or "setup.py" in texts:
        words = ["--install", *(f"--with={name}" for name in packages)]
    write_workflow(tests, budget, words, packages)
    shown = [*words, "--base=HEAD", "--candidate=HEAD", "--allow=same-code"]
    shown += [f"--budget={budget:g}s", f"--pytest={tests}"]
    print_line(f"softmax-bench gate {shlex.join(shown)}")
    with tempfile.TemporaryDirectory(prefix="softmax-bench-") as name:
        with pairs.reporting() as progress:
            terms = Terms(
                baseline="HEAD",
                candidate="HEAD",
                command=quote_command(),
                progress=progress,
                budget=budget,
                install=bool(words),
                additions=tuple(packages if words else ()),
                allowed=["same-code"],
                output=Path(name, "records"),
            )
            comparison = compare_commands(terms, CommandOptions(pytest=tests, metric=AUTO))
        pairs.finish(comparison)


def write_workflow(
    tests: str, budget: float, words: Sequence[str], packages: Sequence[str]
) -> None:
    """Write the workflow; without options of an installation (words), it installs packages."""
    inputs, step = f"pytest: >-\n  {tests}\nbudget: {budget:g}s\n", ""
    if words:
        inputs += "install: true\n" + ("arguments: |\n" if words[1:] else "")
        inputs += "".join(f"  {word}\n" for word in words[1:])
    else:
        needed = ["pytest-benchmark", *(name.replace("group:", "--group=") for name in packages)]
        step = f"      - run: |\n          pip install {shlex.join(needed)}\n"
    text = TEMPLATE.format(*sys.version_info[:2], step, indent(inputs, 10 * " "))
    WORKFLOW.parent.mkdir(parents=True, exist_ok=True)
    WORKFLOW.write_text(text, encoding="utf-8")
    print_line(f"{WORKFLOW} is written. Replace OWNER and COMMIT with those of this suite.")
