"""Measure what a gate detects in a project, and write its workflow, as ``bench init`` does."""

import ast
import importlib.metadata
import json
import math
import re
import shlex
import sys
import tomllib
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import indent
from typing import Any

from bench.errors import UserError
from bench.regression.commands.command_plan import CommandPlan, split_arguments
from bench.regression.commands.measure_commands import compare_commands
from bench.regression.commands.prepare_commands import CommandOptions
from bench.regression.commands.samplers import AUTO
from bench.regression.pairs.plan import FinishedComparison, Terms
from bench.regression.result import CaseComparison, ComparisonResult, Reporter
from bench.regression.stats.decision import DEFAULT_TOLERANCE
from bench.regression.versions import git

TOO_NOISY = (
    "More time hardly helps: repeat it with a larger --tolerance, as in --tolerance 'NAME=10%' for "
    "one benchmark"
)

# Options of a project for all of its tests often measure coverage, or leave benchmarks out.
PYTEST = ("-o", "addopts=")

_READ_FILES = re.compile(r"\.py$|requirements[^/]*(/[^/]*)?\.txt$|^pyproject\.toml$")
_PLUGIN = re.compile(r"(?m)^\s*pytest[-_.](benchmark|codspeed)(?![\w-])")

# A hosted runner may be slower, and busier: the budget is so many times what all pairs took here.
MARGIN, LEAST_BUDGET = 3, 30
# Beside the budget, a job builds two environments.
_BUILD_MINUTES = 20
# The actions are pinned as in .github/workflows, which a test compares.
_TEMPLATE = """\
name: {name}
on:
  pull_request:
    types: [opened, reopened, synchronize, labeled, unlabeled]
permissions: {{}}
concurrency:
  group: ${{{{ github.workflow }}}}-${{{{ github.ref }}}}
  cancel-in-progress: true
jobs:
  gate:
    name: gate
    runs-on: ubuntu-24.04
    timeout-minutes: {minutes}
    permissions:
      contents: read # to check out
    steps:
      - uses: actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1
        with:
          fetch-depth: {depth} # HEAD is the change merged into its target, HEAD^1 the target
          persist-credentials: false
      - uses: actions/setup-python@5fda3b95a4ea91299a34e894583c3862153e4b97 # v7.0.0
        with:
          python-version: "{python}"
          cache: pip
          cache-dependency-path: .github/workflows/*
{install}      - uses: {action}
        with:
          # A slowdown that is wanted passes with the label {label}; the table still shows it.
          fail-on: >-
            ${{{{ contains(github.event.pull_request.labels.*.name, '{label}')
            && 'never' || 'slower' }}}}
{inputs}"""
LABEL = "slower-ok"
UNKNOWN = "OWNER/softmax-bench@COMMIT"


@dataclass(frozen=True, slots=True)
class GateJob:
    """What the job of a workflow measures."""

    kind: str  # "command" or "pytest", an input of the action
    arguments: str  # its text
    folder: Path  # of the project, below the top of the repository
    is_built: bool  # pip builds both versions
    packages: Sequence[str]  # which pip installs besides, as --with takes them
    harness: tuple[str, ...] = ()  # files that both versions take from the candidate
    tolerances: Mapping[str, float] = field(default_factory=dict)  # that of all by an empty name

    def __post_init__(self) -> None:
        """Raise UserError for a text that YAML or GitHub would read as something else."""
        texts = (self.arguments, str(self.folder), *self.packages, *self.harness)
        for text in (*texts, *self.tolerances):
            if "${{" in text or not text.isprintable():
                raise UserError(
                    f"{text!r} has a control character or ${{{{, which a workflow cannot quote. "
                    "Rename the file, or write the workflow by hand as docs/gate/start.md shows"
                )

    @property
    def path(self) -> Path:
        """The workflow, below the top of the repository; each project of several has its own."""
        parts = ["softmax-bench", *self.folder.parts]
        return Path(".github", "workflows", f"{'-'.join(parts)}.yml")

    def list_options(self) -> list[str]:
        """Return the options of ``bench gate`` for packages and files."""
        packages = self.packages if self.is_built else ()
        return [f"--with={name}" for name in packages] + [
            f"--harness={name}" for name in self.harness
        ]

    def list_tolerances(self) -> list[str]:
        """Return the values of --tolerance."""
        return [f"{name}={share:g}".lstrip("=") for name, share in self.tolerances.items()]

    def quote_gate(self, budget: float) -> str:
        """Return the command that ``measure_job`` stands for."""
        words = ["--install"] if self.is_built else []
        words += [*self.list_options(), "--base=HEAD", "--candidate=HEAD", "--allow=same-code"]
        words += [f"--tolerance={share}" for share in self.list_tolerances()]
        words += [f"--budget={budget:g}s", f"--{self.kind}={self.arguments}"]
        return f"softmax-bench gate {shlex.join(words)}"

    def render(self, budget: float) -> str:
        """Return the text of the workflow."""
        margin = f"# {MARGIN} times what the pairs took for softmax-bench init, or {LEAST_BUDGET}s"
        inputs = f"{self.kind}: >-\n  {self.arguments}\nbudget: {budget:g}s {margin}\n"
        if self.folder.parts:
            inputs += f"directory: >-\n  {self.folder.as_posix()}\n"
        inputs += "install: true\n" if self.is_built else ""
        shares = indent("\n".join(self.list_tolerances()), "  ")
        inputs += f"tolerance: |\n{shares}\n" if shares else ""
        options = indent("\n".join(self.list_options()), "  ")
        inputs += f"arguments: |\n{options}\n" if options else ""
        packages = [name.replace("group:", "--group=") for name in self.packages]
        if self.kind == "pytest":
            packages.insert(0, "pytest-benchmark")
        step = f"      - run: |\n          pip install {shlex.join(packages)}\n"
        return _TEMPLATE.format(
            name=self.path.stem,
            minutes=int(-(-budget // 60)) + _BUILD_MINUTES,
            depth=0 if self.is_built else 2,  # a build may take its version from a tag
            python=".".join(map(str, sys.version_info[:2])),
            install="" if self.is_built or not packages else step,
            action=find_action() or UNKNOWN,
            label=LABEL,
            inputs=indent(inputs, 10 * " "),
        )


def find_action() -> str | None:
    """Return the action of this suite, if pip has installed it from a commit on GitHub.

    Source: https://packaging.python.org/en/latest/specifications/direct-url/
    """
    text = importlib.metadata.distribution("softmax-bench").read_text("direct_url.json") or "{}"
    origin = json.loads(text)
    name = re.fullmatch(r"https://github\.com/([\w.-]+/[\w.-]+?)(\.git)?/?", origin.get("url", ""))
    commit = origin.get("vcs_info", {}).get("commit_id")
    return f"{name[1]}@{commit}" if name and commit else None


def describe_job(top: Path, folder: Path, command: str | None) -> GateJob:
    """Return what a gate measures of the project that a folder is in. Raises UserError.

    top: of the repository. folder: below it. Without a command, these are the tests of
    pytest-benchmark or CodSpeed of one project: with several, the user changes to one.
    """
    tracked = [Path(name) for name in git.list_files(top, tracked=True)]
    projects = {path.parent for path in tracked if path.name in {"pyproject.toml", "setup.py"}}

    def find_project(folder: Path) -> Path:
        return next((path for path in (folder, *folder.parents) if path in projects), Path())

    project = find_project(folder)
    names = [str(path.relative_to(project)) for path in tracked if project in path.parents]
    texts = {
        name: (top / project / name).read_text("utf-8", "replace")
        for name in names
        if _READ_FILES.search(name) and (top / project / name).is_file()
    }
    try:
        settings = tomllib.loads(texts.get("pyproject.toml", ""))
        packages = choose_packages(settings, texts)
    except (ValueError, TypeError, AttributeError) as error:
        raise UserError(f"pyproject.toml: {error}. Correct it first") from error
    is_built = bool({"build-system", "project"} & set(settings)) or "setup.py" in texts
    if command:
        scripts = [word for word in split_arguments(command, "--command") if word in names]
        return GateJob("command", command, project, is_built, [], tuple(scripts))
    tests = [name for name in texts if has_benchmark(texts[name])]
    homes = {find_project((project / name).parent) for name in tests}
    if homes and project not in homes:
        if len(homes) == 1:
            return describe_job(top, homes.pop(), None)
        folders = ", ".join(sorted(map(str, homes)))
        raise UserError(f"several projects have benchmarks: {folders}. Change to one of them")
    if not tests:
        raise UserError(
            "git tracks no test with the fixture benchmark or with pytest.mark.benchmark. Write a "
            "script that calls your functions, commit it, and give it with --command 'python "
            "SCRIPT'"
        )
    tests = [name for name in tests if find_project((project / name).parent) == project]
    return GateJob("pytest", shlex.join([*PYTEST, *tests]), project, is_built, packages)


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


def measure_job(
    job: GateJob, budget: float, command: str, progress: Reporter
) -> FinishedComparison[CommandPlan]:
    """Compare HEAD with itself in the current folder, the project's. Raises UserError.

    budget: seconds. command: as recorded.
    """
    terms = Terms(
        baseline="HEAD",
        candidate="HEAD",
        command=command,
        progress=progress,
        tolerance=job.tolerances.get("", DEFAULT_TOLERANCE),
        budget=budget,
        install=job.is_built,
        additions=tuple(job.packages if job.is_built else ()),
        allowed=["same-code"],
    )
    options = CommandOptions(
        commands=[job.arguments] if job.kind == "command" else (),
        pytest=job.arguments if job.kind == "pytest" else None,
        metric=AUTO,
        harness=job.harness,
        tolerances={name: share for name, share in job.tolerances.items() if name},
    )
    return compare_commands(terms, options)


def write_workflow(top: Path, job: GateJob, budget: float, result: ComparisonResult) -> str | None:
    """Write the workflow if HEAD was shown to equal itself; else return what to do.

    top: of the repository. budget: in which it was measured.
    """
    verdicts = {case.verdict for case in result.cases}
    if verdicts == {"no change"}:
        (top / job.path).parent.mkdir(parents=True, exist_ok=True)
        (top / job.path).write_text(job.render(choose_budget(result.cases)), encoding="utf-8")
        return None
    if "failed" in verdicts:
        return "Correct that first"
    minutes = estimate_budget(result.cases, budget)
    return f"Repeat it with --budget {minutes}m" if minutes <= 60 else TOO_NOISY


def choose_budget(cases: Sequence[CaseComparison]) -> int:
    """Return the seconds of a gate's budget, in tens, where these cases were decided."""
    seconds = max(case.pairs * (case.pair_seconds or 0.0) for case in cases)
    return max(LEAST_BUDGET, 10 * math.ceil(MARGIN * seconds / 10))


def estimate_budget(cases: Sequence[CaseComparison], budget: float) -> int:
    """Return the minutes that all cases may need until they are decided: at least twice as many."""
    seconds = [2 * budget]
    for case in cases:
        more = [metric.more_pairs or 0 for metric in case.metrics]
        seconds.append((case.pairs + max(more, default=0)) * (case.pair_seconds or 0.0))
    return math.ceil(max(seconds) / 60)
