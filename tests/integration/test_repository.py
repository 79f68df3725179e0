"""The repository's own rules. Each test loops over the files and reports all offenders at once."""

import ast
import csv
import importlib
import json
import re
import runpy
import shlex
import subprocess
import sys
import tarfile
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from packaging.requirements import Requirement

import bench
from bench.analysis.expected import read_expected
from bench.cli.app import VERBS, load_verb
from bench.planning.presets import PRESETS
from bench.records import store
from bench.records.schema import TrialRecord
from bench.records.timestamps import parse_time
from bench.report import index
from bench.report.base.labels import FAMILIES
from bench.report.base.load import load_run
from bench.report.sections.setting.machines import refuse_column
from implementations import IMPLEMENTATIONS, MANY, PROBES, TEXTBOOK_PROGRAMS

ROOT = Path(bench.__file__).parents[1]
BENCH = sorted((ROOT / "bench").rglob("*.py"))
PROGRAMS = sorted((ROOT / "implementations").rglob("*.py"))
GATE = ROOT / "docs" / "gate"
DOCS = sorted((ROOT / "docs").rglob("*.md"))
PAGES = [ROOT / f"{name}.md" for name in ("README", "CHANGELOG", "CONTRIBUTING", "SECURITY")]
PAGES += [ROOT / "results" / "README.md", *DOCS]
REFERENCE = ROOT / "results" / "reference"
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS = PYPROJECT["project"]["optional-dependencies"]
REGISTRY = [*IMPLEMENTATIONS, *MANY, *TEXTBOOK_PROGRAMS, *PROBES]

# The first major release of each action that does not run on Node 20, which GitHub removes.
OLDEST = {"cache": 5, "checkout": 5, "deploy-pages": 5, "download-artifact": 7, "setup-python": 6}
OLDEST |= {"upload-artifact": 6, "upload-pages-artifact": 5, "gh-action-pypi-publish": 1}

# The lines of published records: trials, pairs and decisions. They only grow, or CHANGELOG.md names
# what is withdrawn, and why: a stale branch once took 105 of them back, unnoticed.
PUBLISHED = {
    "amd-epyc-2-cores": 431,
    "amd-epyc-2-cores-busy": 20,
    "amd-epyc-2-cores-calibration.tar.xz": 7942,
    "amd-epyc-2-cores-first": 80,
    "amd-epyc-2-cores-judged": 25,
    "amd-epyc-2-cores-second": 80,
    "amd-epyc-2-cores-threads": 78,
    "amd-epyc-zen4-2-cores": 90,
    "amd-epyc-zen4-2-cores-all": 796,
    "amd-epyc-zen4-2-cores-calibration.tar.xz": 914,
    "amd-epyc-zen4-2-cores-many": 154,
    "amd-epyc-zen4-2-cores-second": 89,
    "amd-epyc-zen5-2-cores": 771,
    "amd-epyc-zen5-2-cores-calibration.tar.xz": 9220,
    "amd-epyc-zen5-2-cores-many": 154,
    "amd-epyc-zen5-2-cores-second": 290,
    "gates.jsonl": 411,
    "intel-xeon-167-2-cores": 77,
    "intel-xeon-167-2-cores-calibration.tar.xz": 1174,
    "intel-xeon-2-cores": 80,
    "intel-xeon-6-167-2-cores-2-dec-default": 101,
    "intel-xeon-6-167-2-cores-2-dec-default-later": 78,
    "intel-xeon-6-167-2-cores-2-dec-default-third": 118,
    "intel-xeon-2-cores-calibration": 1862,
    "releases": 3792,
    "strangers.csv": 281,
    "strangers-eight.csv": 144,
}

# Sent by others: docs/generate.py names them, and none of these lists has to.
RUNS = sorted(path.parent for path in REFERENCE.glob("*/run.json"))
SENT = [folder.name for folder in RUNS if store.read_run(folder).preset == "share"]
# Of these runs nothing is certain, as they say; they are kept all the same.
NOT_CERTAIN = {"intel-xeon-6-167-2-cores-3-dec-noon": ["processes of the typical program"]}

# What bench/ consists of, from top to bottom: each may import itself and those after it. A package
# stands for what is in it and in none of the other lines.
LAYERS = [
    "__main__",
    "__init__",  # what a user imports
    "cli.app",
    "cli.verbs",
    "cli",
    "report",
    "report.sections.costs",
    "report.sections.setting",
    "report.sections",
    "report.regression",
    "report.charts",
    "report.render",
    "report.base",
    "regression.folder",
    "regression.commands",
    "regression.programs",
    "regression.pairs",
    "regression.versions",
    "regression",
    "regression.stats",
    "runner",
    "runner.parity",
    "runner.process",
    "runner.host",
    "analysis",
    "planning",
    "data",
    "records",
    "worker",
    "contract",
    "errors",
]
# The packages of which bench gate may load modules, and how many modules and lines at most.
LOADED_BY_GATE = {"bench", "bench.analysis", "bench.cli", "bench.cli.verbs", "bench.data"}
LOADED_BY_GATE |= {"bench.records", "bench.report", "bench.report.regression"}
LOADED_BY_GATE |= {"bench.report.base", "bench.report.render", "bench.runner", "bench.runner.host"}
LOADED_BY_GATE |= {"bench.runner.process", "bench.worker", "bench.regression"}
LOADED_BY_GATE |= {f"bench.regression.{one}" for one in ("commands", "pairs", "stats", "versions")}
GATE_MODULES, GATE_LINES = 75, 9031
# What a user of bench gate has not installed: the extras measure and report.
EXTRA = {"scipy", "pandas", "requests", "urllib3", "altair", "vl_convert", "jinja2", "markdown_it"}
# Modules and attributes that tell the time, those of the frameworks included.
CLOCKS = {
    "time",
    "timeit",
    "datetime",
    "perf_counter",
    "perf_counter_ns",
    "monotonic",
    "monotonic_ns",
    "process_time",
    "process_time_ns",
    "thread_time",
    "timestamp",
    "elapsed_time",
}


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def syntax_tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imported_names(tree: ast.AST) -> Iterator[str]:
    """Yield the dotted name of everything that is imported, also inside functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield from (f"{module}.{alias.name}" for alias in node.names)


# What the programs import.
FRAMEWORKS = {
    name.partition(".")[0] for path in PROGRAMS for name in imported_names(syntax_tree(path))
} - {*sys.stdlib_module_names, "bench", "implementations", "numpy"}


def text(path: Path) -> str:
    """Return a page or a workflow, with each command that spans several lines on one."""
    joined = path.read_text(encoding="utf-8").replace("\\\n", " ")
    return re.sub(
        r"run: >-\n((?: {10,}.*\n)+)",
        lambda match: f"run: {' '.join(match[1].split())}\n",
        joined,
    )


# ----- what may import what


def find_layer(name: str) -> int:
    """Return the place of a dotted name; ``bench.__version__`` is of ``bench/__init__.py``."""
    inside = f"{name.removeprefix('bench.')}."
    layers = [layer for layer in LAYERS if inside.startswith(f"{layer}.")]
    return LAYERS.index(max(layers, key=len, default="__init__"))


def test_imports_of_bench_point_down_only():
    offenders = []
    for path in BENCH:
        layer = find_layer(".".join(path.relative_to(ROOT).with_suffix("").parts))
        for name in imported_names(syntax_tree(path)):
            assert not name.startswith("."), path
            if f"{name}.".startswith("bench.") and find_layer(name) < layer:
                offenders.append(f"{relative(path)}: {name}")
    assert not offenders, "\n".join(offenders)


def test_bench_imports_no_framework_even_inside_functions():
    offenders = [
        f"{relative(path)}: {name}"
        for path in BENCH
        for name in imported_names(syntax_tree(path))
        if name.partition(".")[0] in FRAMEWORKS
    ]
    assert not offenders, "\n".join(offenders)


def load_in_turn(*parts: tuple[str, ...]) -> list[dict[str, str]]:
    """Load verbs in one process, part by part; return the loaded modules after each, with files."""
    code = f"""
import sys
from bench.cli.app import load_verb
def list_modules(verbs):
    [*map(load_verb, verbs)]
    return {{name: getattr(module, "__file__", "") for name, module in sys.modules.items()}}
print([list_modules(verbs) for verbs in {parts!r}])
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return list(ast.literal_eval(done.stdout))


def test_gate_needs_no_extra_and_little_of_the_suite_and_no_verb_loads_a_framework():
    modules, gate, verbs = load_in_turn(("gate",), ("init",), tuple(VERBS))
    assert "numpy" in gate
    assert gate.keys() & (FRAMEWORKS | EXTRA) == set()
    assert verbs.keys() & (FRAMEWORKS | {"altair", "vl_convert"}) == set()
    ours = {name: Path(modules[name]) for name in modules if name.startswith(("bench", "impl"))}
    assert {name.rpartition(".")[0] for name in ours} <= {"", *LOADED_BY_GATE}
    assert "implementations" not in ours
    assert len(ours) <= GATE_MODULES
    lines = sum(len(path.read_text("utf-8").splitlines()) for path in ours.values())
    assert lines <= GATE_LINES


def test_programs_of_the_pages_import_nothing_of_the_tests():
    tests = {"tests", *(path.stem for path in (ROOT / "tests").iterdir())}
    offenders = [
        f"{relative(path)}: {name}"
        for path in sorted((ROOT / "docs").rglob("*.py"))
        for name in imported_names(syntax_tree(path))
        if name.partition(".")[0] in tests
    ]
    assert not offenders, "\n".join(offenders)


def test_implementations_import_only_the_contract_and_shared_device_lookups():
    allowed = ("bench.contract.", "implementations._devices.")
    # Programs of several models are made of those of one.
    others = ("idiomatic", "tuned", "many._processes", "many.tuned")
    many = (*allowed, *(f"implementations.{name}." for name in others))
    offenders = [
        f"{relative(path)}: {name}"
        for path in PROGRAMS
        for name in imported_names(syntax_tree(path))
        if name.startswith((".", "bench", "implementations", "importlib"))
        and not name.startswith(many if "many" in path.parts else allowed)
    ]
    assert not offenders, "\n".join(offenders)


def test_implementations_read_no_clock():
    offenders = []
    for path in PROGRAMS:
        tree = syntax_tree(path)
        words = {word for name in imported_names(tree) for word in name.split(".")}
        words |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        words |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        offenders += [f"{relative(path)}: {word}" for word in sorted(words & CLOCKS)]
    assert not offenders, "\n".join(offenders)


def test_one_file_of_bench_reads_the_clock():
    readers = {
        path.name
        for path in BENCH
        for name in imported_names(syntax_tree(path))
        if name.partition(".")[0] in {"time", "timeit"}
    }
    assert readers == {"measure.py"}


# ----- the registry and what it needs


def test_registry_and_files_agree():
    names = [entry.name for entry in REGISTRY]
    assert len(set(names)) == len(names)
    registered = {entry.module.rpartition(".")[2] for entry in REGISTRY}
    files = {path.stem for path in PROGRAMS if not relative(path).count("/_")}
    assert registered == files


def test_layer_is_of_the_family_of_what_it_stands_on():
    families = [FAMILIES[name] for name in ("jax", "flax", "skorch", "numpy")]
    assert families == ["JAX", "JAX", "PyTorch", "NumPy, Numba, others"]


def test_registry_says_which_programs_keep_pixels_in_bytes():
    for entry in REGISTRY:
        (path,) = [path for path in PROGRAMS if path.stem == entry.module.rpartition(".")[2]]
        keeps_bytes = "uint8" in path.read_text(encoding="utf-8")
        assert keeps_bytes == (1 in entry.pixel_bytes.values()), entry.name


def test_extras_install_the_framework_and_backend_of_every_entry():
    offenders = []
    for entry in REGISTRY:
        requirements = list(PYPROJECT["project"]["dependencies"])
        for extra in filter(None, entry.extra.split(",")):
            requirements += EXTRAS[extra]
        installed = {Requirement(line).name for line in requirements}
        backend = getattr(entry, "variables", {}).get("KERAS_BACKEND", entry.framework)
        needed = {entry.framework, backend, *["softmax-bench"] * bool(entry.extra)}  # [measure]
        offenders += [f"{entry.name}: {name}" for name in needed - installed]
    assert not offenders, "\n".join(offenders)


def test_extras_all_and_layers_name_every_extra_that_is_useful_on_one_machine():
    everything, layers = (Requirement(EXTRAS[name][0]).extras for name in ("all", "layers"))
    everything |= {one.extra for one in IMPLEMENTATIONS if one.devices == ("gpu",)}
    names = {name for name in EXTRAS if not name.startswith("cuda-")}
    names -= {"all", "layers", "measure"}
    assert everything | layers == names
    rare = {extra for one in IMPLEMENTATIONS if not one.always for extra in one.extra.split(",")}
    assert layers == rare - everything


# ----- what pages and workflows name


def test_sessions_named_in_pages_and_workflows_exist():
    sessions = {
        node.name
        for node in syntax_tree(ROOT / "noxfile.py").body
        if isinstance(node, ast.FunctionDef)
        and any("nox.session" in ast.unparse(decorator) for decorator in node.decorator_list)
    }
    offenders = []
    for path in PAGES + WORKFLOWS:
        named = re.findall(r"nox -s ((?:[a-z_]+ ?)+)", text(path))
        for matrix in re.findall(r"session: \[(.*)\]", text(path)):
            named += [item.partition(" -- ")[0] for item in matrix.split(", ")]
        names = " ".join(named).split()
        offenders += [f"{relative(path)}: {name}" for name in names if name not in sessions]
    assert not offenders, "\n".join(offenders)


def test_actions_are_pinned_to_one_commit_of_a_release_without_node_20():
    texts = [text(path) for path in (ROOT / "action.yml", GATE / "start.md", *WORKFLOWS)]
    used = set(re.findall(r"uses: (?!OWNER)(.*)", "\n".join(texts)))
    pin = re.compile(r"(?:actions|pypa)/([\w-]+)(?:/\w+)?@([0-9a-f]{40}) # v(\d+)\.[\d.]+")
    pins = {pin.fullmatch(use).groups() for use in used}
    assert sorted(name for name, *_ in pins) == sorted(OLDEST)
    assert [one for one in pins if int(one[2]) < OLDEST[one[0]]] == []


def test_no_text_tells_to_install_the_suite_from_an_index():
    # It has no release there, so the name is free for anybody's package.
    texts = [*PAGES, ROOT / "action.yml", *WORKFLOWS, *BENCH, *PROGRAMS]
    texts += (ROOT / "notebooks").glob("*.py")
    offenders = [
        f"{relative(path)}: {line}"
        for path in texts
        for line in re.findall(r"pip install[^\n`]*", text(path))
        if "--no-index" not in line and re.search(r"(?<![\w./])softmax-bench(?! @)", line)
    ]
    assert not offenders, "\n".join(offenders)


def test_verbs_and_flags_named_in_pages_and_workflows_exist():
    flags = {
        verb: {"--help", *(name for item in command.params for name in item.opts)}
        | {name for item in command.params for name in item.secondary_opts}
        for verb, command in ((name, load_verb(name)) for name in VERBS)
    }
    offenders = []
    for path in PAGES + WORKFLOWS:
        for verb, arguments in re.findall(
            r"(?:-m |`|softmax-)bench ([a-z]+)([^\n`|;>&]*)", text(path)
        ):
            own = arguments.partition(" -- ")[0]  # the rest is for another verb
            unknown = set(re.findall(r"(?<!\S)--[a-z-]+", own)) - flags.get(verb, set())
            if verb not in flags or unknown:
                offenders.append(f"{relative(path)}: {verb} {sorted(unknown)}")
    assert not offenders, "\n".join(offenders)


def test_files_named_in_pages_exist():
    pattern = r"`((?:bench|implementations|tests|docs|results/reference)/[\w./-]*)`"
    offenders = [
        f"{relative(path)}: {name}"
        for path in PAGES
        for name in re.findall(pattern, text(path))
        if "NAME" not in name and not (ROOT / name).exists()
    ]
    assert not offenders, "\n".join(offenders)


def test_whole_commands_in_pages_are_parsed():
    commands = {verb: load_verb(verb) for verb in VERBS}
    pattern = r"^(?:python -m |softmax-)bench ([a-z]+) ([^\n>|$…]*)$"
    parsed = [
        commands[verb].make_context(verb, shlex.split(arguments))
        for path in PAGES
        for verb, arguments in re.findall(pattern, text(path), re.MULTILINE)
    ]
    assert {"ab", "run", "check"} <= {context.info_name for context in parsed}


# ----- what is published


def test_findings_and_readme_have_the_figures_of_the_published_runs():
    findings = importlib.import_module("findings")
    evidence = findings.collect()
    for path, written in findings.render(evidence).items():
        assert path.read_text(encoding="utf-8") == written, "run python docs/findings.py write"
    files = {path.name for path in (ROOT / "docs" / "findings").iterdir()}
    made = {f"{name}.svg" for name in evidence}
    made |= {f"{name}.csv" for name, one in evidence.items() if one.columns}
    assert files == made | {f"{findings.CARD}.png", "expected.csv", "predicted.csv"}


def test_expected_ranges_are_those_of_all_published_runs_and_each_later_run_was_tested():
    tool = importlib.import_module("expected")
    written = tool.PUBLISHED.read_text(encoding="utf-8")
    assert written == tool.render(), "run python docs/expected.py write"
    with tool.PREDICTED.open(encoding="utf-8", newline="") as stream:
        tested = {line["run"] for line in csv.DictReader(stream)}
    assert tested == set(tool.list_later())


@pytest.mark.parametrize(
    ("processors", "reason"),
    [
        (["Zen 5", "Zen 4", "Xeon"], "pytorch-compiled-model has 0 processes"),
    ],
)
def test_findings_are_refused_where_the_records_do_not_bear_them_out(
    processors, reason, monkeypatch
):
    findings = importlib.import_module("findings")
    runs = {name: findings.RUNS[name] for name in processors}
    monkeypatch.setattr(findings.figures.read_runs, "__defaults__", (runs,))
    with pytest.raises(ValueError, match=reason):
        findings.collect()


@pytest.mark.parametrize(
    ("program", "ratio", "reason"),
    [
        ("pytorch", 0.99, "pytorch is slower than NumPy in odd"),
        ("jax-plain-scan", 1.3, "jax-plain-scan catches up with NumPy in odd"),
        ("jax-scan", 1.01, "jax-scan is faster than NumPy in odd"),
    ],
)
def test_sentence_about_numpy_is_refused_for_a_run_that_shows_another(
    program, ratio, reason, monkeypatch
):
    findings = importlib.import_module("findings")
    monkeypatch.setattr(
        findings.expected, "read_ratios", lambda *_: {"X": {"odd": {program: ratio}}}
    )
    with pytest.raises(ValueError, match=reason):
        findings.check_yardstick()


def test_figure_of_too_few_runs_is_that_of_a_named_machine():
    figures, tool = (importlib.import_module(name) for name in ("figures", "expected"))
    found = {
        name: tool.predict_heading(figures.HEADINGS[name]) for name in ("threads", "half", "order")
    }
    threads, half, epoch = (
        found["threads"]["two cores over one, TensorFlow"],
        found["half"]["images, JAX"],
        found["order"]["jax"],
    )
    assert (str(threads), threads.where) == ("1.2", "on a Zen 4")
    assert half.where == f"in nine of ten new runs, by {half.expected.runs} that measured it"
    assert epoch.expected.processors > 2
    assert (str(epoch), epoch.where) == (str(read_expected()["jax"]), "in nine of ten new runs")


def test_figure_is_read_from_runs_that_measured_it_in_the_same_way():
    figures, tool = (importlib.import_module(name) for name in ("figures", "expected"))
    runs = tool.read_ratios(figures.LABEL, "numpy")
    named = {name for by_folder in runs.values() for name in by_folder}
    # The oldest one timed a label together with its hand-over, five times NumPy's label.
    published = {name for by_folder in tool.read_ratios().values() for name in by_folder}
    assert published - named == {"amd-epyc-2-cores"}


def test_command_of_a_finding_prints_what_a_run_has_beside_the_published_range():
    figures, tool = (importlib.import_module(name) for name in ("figures", "expected"))
    folder = figures.REFERENCE / figures.RUNS["Xeon"].folder
    name, here, published = tool.compare_with_published(figures.HEADINGS["order"], folder)[2]
    assert (name, here) == ("jax", "1.4")
    assert published == f"{read_expected()[name]} in nine of ten new runs"
    lines = tool.compare_with_published(figures.HEADINGS["half"], folder)
    assert all(here.startswith("not measured") for _, here, _ in lines)
    # The quotient of two programs is between those of their bounds.
    ratio, low, high = (
        tool.expect_all(figures.EPOCH, "keras-jax")["keras-torch"],
        *(read_expected()[name] for name in ("keras-jax", "keras-torch")),
    )
    assert high.low / low.high < ratio.low < ratio.typical < ratio.high < high.high / low.low


def test_table_of_presets_is_that_of_the_code():
    tool = runpy.run_path(str(ROOT / "docs" / "generate.py"))
    written = tool["PRESETS_TABLE"].read_text(encoding="utf-8")
    assert written == tool["render_presets"](), "run python docs/generate.py"


def test_page_of_results_has_the_machines_of_the_published_runs():
    tool = runpy.run_path(str(ROOT / "docs" / "generate.py"))
    written = tool["RESULTS"].read_text(encoding="utf-8")
    assert written == tool["renew_results"](), "run python docs/generate.py"


def test_table_of_presets_changes_with_a_preset(monkeypatch):
    render = runpy.run_path(str(ROOT / "docs" / "generate.py"))["render_presets"]
    monkeypatch.setitem(PRESETS, "quick", replace(PRESETS["quick"], rounds=2, least_rounds=2))
    assert ",3 to 5,2,5,5," in render()


def test_published_runs_are_readable_and_undamaged():
    entries = index.read_entries(REFERENCE)
    assert {"run"} == {entry.kind for entry in entries}
    assert [entry for entry in entries if entry.state != "complete"] == []


@pytest.mark.parametrize("name", ["amd-epyc-zen4-2-cores-all", "amd-epyc-zen5-2-cores", *SENT])
def test_published_run_may_be_a_column_beside_other_machines(name):
    reasons = refuse_column(load_run(REFERENCE / name), shared=True)
    assert [why.partition(" differ")[0] for why in reasons] == NOT_CERTAIN.get(name, [])


def test_table_of_gates_counts_the_published_decisions():
    decisions = defaultdict(list)
    for line in (REFERENCE / "gates.jsonl").read_text(encoding="utf-8").splitlines():
        made = json.loads(line)
        place = f"{made['machine'].partition(',')[0]}, {'busy' if made['busy'] else 'quiet'}"
        calls = {"slower"} if made["slowdown"] else {"slower", "faster"}
        key = made["gate"], place, "found" if made["slowdown"] else "false alarms"
        decisions[key].append(made["verdict"] in calls)
    with (GATE / "gates.csv").open(encoding="utf-8", newline="") as stream:
        for line in csv.DictReader(stream):
            for column in ("found", "false alarms"):
                called = decisions.pop((line["gate"], line["machine"], column), [])
                assert line[column] == (f"{sum(called)} of {len(called)}" if called else "-")
    assert not decisions


def test_costs_of_the_suite_are_those_of_the_published_run():
    records = store.read_records(REFERENCE / "amd-epyc-zen5-2-cores")
    trials = [record for record in records if isinstance(record, TrialRecord)]
    handovers = [1e3 * trial.ping_seconds for trial in trials if trial.ping_seconds is not None]
    median, most = np.percentile(handovers, [50, 95])
    begin, end = (parse_time(records[place].started).timestamp() for place in (0, -1))
    judging = sum(trial.judging_seconds or 0.0 for trial in trials)
    share = judging / (end + records[-1].wall_seconds - begin)
    text = (ROOT / "docs" / "methodology.md").read_text(encoding="utf-8")
    assert f"took {median:.2f} ms in the published run (95 %: less than {most:.2f} ms)" in text
    assert f"**judging** {100 * share:.1f} % of the run's time" in text


def test_page_of_all_machines_names_each_published_folder():
    page = (ROOT / "results" / "README.md").read_text(encoding="utf-8")
    names = {path.name for path in REFERENCE.iterdir()} - {*SENT}
    assert not {name for name in names if f"`{name}`" not in page}


def test_no_published_record_is_lost():
    root, lines = REFERENCE, Counter[str]()
    for path in root.rglob("*"):
        name = path.relative_to(root).parts[0]
        if path.suffix == ".csv" and path.parent == root:
            lines[name] -= 1  # its heading
        if path.suffix == ".jsonl" or (path.suffix == ".csv" and path.parent == root):
            lines[name] += path.read_bytes().count(b"\n")
        elif path.suffix == ".xz":
            with tarfile.open(path) as archive:
                for member in archive:
                    if member.name.endswith(".jsonl") and (stream := archive.extractfile(member)):
                        lines[name] += stream.read().count(b"\n")
    assert {name: lines[name] for name in lines.keys() - {*SENT}} == PUBLISHED


# ----- the image


def test_image_has_a_pinned_base_and_another_user_than_root():
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    words = [line.split() for line in lines if line and not line.startswith("#")]
    (base,) = [line[1] for line in words if line[0] == "FROM"]
    assert re.fullmatch(r"[\w/.-]+:\d[\w.-]*", base)
    users = [line[1] for line in words if line[0] == "USER"]
    assert users
    assert users[-1] not in {"root", "0"}
    assert words.index(["USER", users[-1]]) < [line[0] for line in words].index("ENTRYPOINT")


def test_image_gets_what_it_copies_and_nothing_else():
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    copied = {name for line in lines if line.startswith("COPY") for name in line.split()[1:-1]}
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert ignored[0] == "*"
    assert {line.removeprefix("!") for line in ignored if line.startswith("!")} == copied
    assert all((ROOT / name).exists() for name in copied)
    content = PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"]
    assert {*content, "pyproject.toml"} <= copied


def test_image_installs_extras_that_exist():
    (names,) = re.findall(r"/source\[(.*)\]", (ROOT / "Dockerfile").read_text(encoding="utf-8"))
    frameworks = [name.removeprefix("cuda-") for name in EXTRAS if name.startswith("cuda-")]
    assert "torch" in frameworks
    for framework in frameworks:
        assert set(names.replace("${FRAMEWORK}", framework).split(",")) <= EXTRAS.keys()
