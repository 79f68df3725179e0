"""Count what gates decide of a project whose hot loop became 5 % slower, or did not change.

``PYTHONPATH=docs:tests python -m studies.gates measure ROUNDS [GATE …]`` asks each gate, or those
that are named, once a round and slowdown about a new repository, and appends the decisions to
results/gates.jsonl. ``… show FILE`` prints docs/gate/gates.csv: a line for each gate and machine,
quiet and busy. ``ab``, ``gate``, ``pytest-benchmark min:2%`` and ``asv -f 1.02`` tolerate 2 %; on
the Xeon pytest-benchmark and asv were asked with 5 %, the slowdown itself, and hyperfine 1.19 and
pyperf 2.11.0 as their documentation says, without a tolerance. *found* and *false alarms* are
counts of decisions, each with its 95 % Wilson interval and its median time.

The Python on PATH runs the commands and tests that are measured: it needs NumPy, virtualenv and
pytest-benchmark, and beside it hyperfine, pyperf and asv. Each is used as its documentation says.
"""

import csv
import json
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from scipy.stats import ttest_ind
from studies.decisions import compute_wilson_interval, name_load
from support.processes import ASSETS

from bench.records.store import read_commands
from bench.regression.commands.judge_commands import compare_kernels, compare_values
from bench.regression.pairs.judge import collect_pairs
from bench.runner.host import machine
from bench.worker.measure import now

HOTLOOP = ASSETS / "hotloop"
ROUNDS = 400_000
SLOWDOWNS = (5, 0)  # percent
OUTPUT = Path("results/gates.jsonl")
BUDGET = "1m"

ASV = {
    "version": 1,
    "project": "hotloop",
    "repo": ".",
    "branches": ["main"],
    "environment_type": "virtualenv",
    "benchmark_dir": "speed",
    "matrix": {"req": {"numpy": []}},
    "build_command": [],
    "install_command": ["in-dir={env_dir} python -m pip install {build_dir}"],
}
ASV_BENCHMARK = """
import hotloop
def time_run():
    hotloop.run(hotloop.ROUNDS // 100)
"""

# A gate gets the folders of both versions, of which the candidate's has the history of both. It
# returns its verdict, and what else is to be kept.
Gate = Callable[[Path, Path], tuple[str, dict[str, Any]]]


def run(folder: Path, *arguments: str, valid: Iterable[int] = (0,)) -> str:
    """Return what a program printed in a folder; exit if its status is not valid."""
    # Without the path to this module: a tool must import nothing of ours.
    env = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}
    env["PYTHONDONTWRITEBYTECODE"] = "1"
    process = subprocess.run(
        arguments, cwd=folder, env=env, capture_output=True, text=True, check=False
    )
    if process.returncode not in valid:
        sys.exit(f"{arguments}\n{process.stdout}{process.stderr}")
    return process.stdout + process.stderr


def ask_ab(options: Sequence[str], _base: Path, candidate: Path) -> tuple[str, dict[str, Any]]:
    """``bench ab`` of the two commits, with its own defaults and a minute."""
    output = candidate.parent / "out"
    verb = "ab" if "--implementation" in options[0] else "gate"
    command = (sys.executable, "-m", "bench", verb, "--base=HEAD~1", "--candidate=HEAD")
    fixed = ("--allow=same-code", "--format=json", f"--budget={BUDGET}", f"--output={output}")
    process = subprocess.run(
        [*command, *fixed, *options], cwd=candidate, capture_output=True, text=True, check=False
    )
    if process.returncode not in {0, 1, 4}:  # 4: too few pairs, which is undecided
        sys.exit(process.stdout + process.stderr)
    (case,) = json.loads(process.stdout)["cases"]
    metric = case["metrics"][0]
    kept = {"pairs": case["pairs"], **{name: metric[name] for name in ("ratio", "p_slower")}}
    pairs = collect_pairs(read_commands(output))
    kept["speeds"] = [compare_kernels(*pair) for pair in pairs]
    kept["logs"] = [compare_values(name, *pair) for pair in pairs for name in pair[0].values]
    return case["verdict"], kept


def ask_hyperfine(base: Path, candidate: Path) -> tuple[str, dict[str, Any]]:
    """Welch's t test at 5 %, as in hyperfine's scripts/welch_ttest.py, of its default runs."""
    commands = [f"python {folder / 'job.py'}" for folder in (base, candidate)]
    results = base / "out.json"
    run(base, "hyperfine", "--warmup=1", "--shell=none", f"--export-json={results}", *commands)
    before, after = (one["times"] for one in json.loads(results.read_text())["results"])
    significant = ttest_ind(before, after, equal_var=False).pvalue < 0.05
    slower = significant and sum(after) / len(after) > sum(before) / len(before)
    return "slower" if slower else "not slower", {}


def ask_pytest_benchmark(base: Path, candidate: Path) -> tuple[str, dict[str, Any]]:
    """The minimum may grow by 2 %, as ``bench ab`` tolerates."""
    storage = f"--benchmark-storage=file://{base / 'storage'}"
    command = ("python", "-m", "pytest", "-q", "bench_hotloop.py", storage)
    run(base, *command, "--benchmark-save=base")
    compare = ("--benchmark-compare=0001", "--benchmark-compare-fail=min:2%")
    text = run(candidate, *command, *compare, valid=(0, 1))
    return "slower" if "Performance has regressed" in text else "not slower", {}


def ask_pyperf(base: Path, candidate: Path) -> tuple[str, dict[str, Any]]:
    """Its t test at 95 %: ``compare_to`` says slower, or that a difference is not significant."""
    files = []
    for folder in (base, candidate):
        files.append(str(folder / "out.json"))
        run(folder, "pyperf", "command", "-o", files[-1], "--", "python", "job.py")
    text = run(base, "pyperf", "compare_to", *files)
    return "slower" if "slower" in text else "not slower", {}


def ask_asv(_base: Path, candidate: Path) -> tuple[str, dict[str, Any]]:
    """The two commits, with a factor of 1.02: the tolerance of ``bench ab``."""
    (candidate / "asv.conf.json").write_text(json.dumps(ASV))
    (candidate / "speed").mkdir()
    (candidate / "speed" / "benchmarks.py").write_text(ASV_BENCHMARK)
    (candidate / "speed" / "__init__.py").touch()
    run(candidate, "asv", "machine", "--yes")
    text = run(candidate, "asv", "continuous", "-f", "1.02", "HEAD~1", "HEAD", valid=(0, 1))
    if "CHANGED" not in text:
        sys.exit(text)
    return "slower" if "PERFORMANCE DECREASED" in text else "not slower", {}


# Give a gate that is asked otherwise another name: ``show`` counts by name.
GATES: dict[str, Gate] = {
    "gate --metric time": partial(ask_ab, ["--command=python job.py", "--metric=time"]),
    "gate --metric last-number": partial(
        ask_ab, ["--command=python job.py", "--metric=last-number"]
    ),
    "gate --metric cpu-time": partial(ask_ab, ["--command=python job.py", "--metric=cpu-time"]),
    "gate --metric iteration": partial(ask_ab, ["--command=python loop.py", "--metric=iteration"]),
    "gate --pytest --metric time": partial(ask_ab, ["--pytest=bench_hotloop.py", "--metric=time"]),
    "gate --pytest --metric cpu-time": partial(
        ask_ab, ["--pytest=bench_hotloop.py", "--metric=cpu-time"]
    ),
    "ab --implementation": partial(ask_ab, ["--implementation=softmax_hot.py", "--data=digits"]),
    "hyperfine": ask_hyperfine,
    "pytest-benchmark min:2%": ask_pytest_benchmark,
    "pyperf": ask_pyperf,
    "asv -f 1.02": ask_asv,
}


def write_versions(folder: Path, slowdown: float) -> tuple[Path, Path]:
    """Write a repository whose last commit is slower by a percentage; return base and candidate."""
    base, candidate = folder / "base", folder / "candidate"
    candidate.mkdir()
    git = ("git", "-c", "user.name=A test", "-c", "user.email=test@example.org")
    run(candidate, *git, "init", "--quiet", "--initial-branch=main")
    for rounds in (ROUNDS, round(ROUNDS * (1 + slowdown / 100))):
        run(candidate, "cp", "-r", f"{HOTLOOP}/.", ".")
        module = candidate / "hotloop" / "__init__.py"
        module.write_text(module.read_text().replace("400_000", str(rounds)))
        # Another file, so that the commits differ where the code is the same.
        (candidate / "CHANGES").write_text(f"{now()}\n")
        run(candidate, *git, "add", "--all")
        run(candidate, *git, "commit", "--quiet", "--message=a version")
    run(folder, *git, "clone", "--quiet", str(candidate), str(base))
    run(base, *git, "checkout", "--quiet", "HEAD~1")
    return base, candidate


def decide(gate: str, slowdown: float) -> dict[str, Any]:
    """Return what a gate decides of a new repository, its seconds, and whether others were busy."""
    with tempfile.TemporaryDirectory() as name:
        base, candidate = write_versions(Path(name), slowdown)
        before, begin = machine.read_conditions(), now()
        verdict, kept = GATES[gate](base, candidate)
        seconds = now() - begin
        conditions = machine.compare_readings(before, machine.read_conditions())
        busy = name_load(conditions, os.cpu_count() or 1) != "quiet"
        decision = {"gate": gate, "slowdown": slowdown, "verdict": verdict, "seconds": seconds}
        return {**decision, "machine": machine.describe()["name"], "busy": busy, **kept}


def measure(rounds: int, gates: Sequence[str]) -> None:
    """Append the decisions of rounds, one after the other, so that all gates share the hours."""
    OUTPUT.parent.mkdir(exist_ok=True)
    for _ in range(rounds):
        for gate in gates:
            for slowdown in SLOWDOWNS:
                decision = decide(gate, slowdown)
                with OUTPUT.open("a", encoding="utf-8") as stream:
                    stream.write(json.dumps(decision) + "\n")


def show(path: Path) -> None:
    """Print what was decided, a line for each gate and place; also of gates asked otherwise now."""
    decisions = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    shares = ["95 % interval", "time"]
    lines = csv.writer(sys.stdout, lineterminator="\n")
    lines.writerow(["gate", "machine", "found", *shares, "false alarms", *shares, "no change"])
    for gate in dict.fromkeys((*GATES, *sorted({one["gate"] for one in decisions}))):
        groups = defaultdict(list)
        for one in decisions:
            place = f"{one['machine'].partition(',')[0]}, {'busy' if one['busy'] else 'quiet'}"
            if one["gate"] == gate:
                groups[place].append(one)
        for place, made in sorted(groups.items()):
            cells = [gate, place]
            for slowdown, verdicts in ((5, {"slower"}), (0, {"slower", "faster"})):
                asked = [one for one in made if one["slowdown"] == slowdown]
                cells += describe_share(asked, verdicts)
            equal = [one["verdict"] for one in made if not one["slowdown"]]
            cells.append(f"{equal.count('no change')} of {len(equal)}")
            if not {"no change", "undecided"} & {*equal}:  # a tool without these verdicts
                cells[-1] = "-"
            lines.writerow(cells)


def describe_share(made: Sequence[dict[str, Any]], verdicts: Collection[str]) -> list[str]:
    """Return how many decisions have such a verdict, the interval of their share, and the time."""
    if not made:
        return ["-", "-", "-"]
    count = sum(one["verdict"] in verdicts for one in made)
    low, high = compute_wilson_interval(count, len(made))
    seconds = median(one["seconds"] for one in made)
    share = f"{100 * low:.0f} to {100 * high:.0f} %"
    return [f"{count} of {len(made)}", share, f"{seconds:.0f} s"]


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["measure", rounds, *gates] if rounds.isdigit() and set(gates) <= set(GATES):
            measure(int(rounds), gates or list(GATES))
        case ["show", path]:
            show(Path(path))
        case _:
            sys.exit("usage: python -m studies.gates measure ROUNDS [GATE …] | show FILE")
