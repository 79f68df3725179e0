"""Ask gates about projects that are not ours, and show what they decide beside what is true.

``python docs/studies/strangers.py measure FOLDER FILE BUDGET [TOOL …]`` clones the projects of
strangers.toml into a folder, makes the pairs of commits, and appends a line to a file for each
decision: ``aa`` differs in a comment, ``s5`` and ``s2`` execute some 5 and 2 % more instructions,
and ``real`` is a commit of the project's history, in the direction in which it is slower.
``--projects`` and ``--pairs`` choose some, by names with commas, ``--loops 4`` runs four busy loops
meanwhile, and what a file says to be true of a pair is not measured again. ``show FILE`` prints the
tables of docs/gate/evidence.md, and one of each project.

BUDGET is in seconds, after set-up. All tools tolerate 2 %; those that have no verdict of their own
say *slower* or *faster* of a larger difference that their documentation calls significant:

- bench gate: its verdict, with its defaults.
- hyperfine: as many runs as fit, one side after the other; Welch's t test at 5 %, as in its
  scripts/welch_ttest.py, of means that differ by more than 2 %. Its interval is Welch's 95 %.
- pytest-benchmark: the project's tests, or the job; ``--benchmark-compare-fail=min:2%``.
- pyperf: as many processes of each side as fit; ``compare_to --min-speed 2``.
- asv: ``asv continuous -f 1.02``, as many rounds as fit.

truth_instructions, truth_cpu: percent, by Cachegrind and by the shortest CPU time of alternating
processes. estimate, low, high: percent. seconds: of a decision without its set-up. Beside this
Python are virtualenv, pytest-benchmark, pyperf, asv, hyperfine, Valgrind and softmax-bench.
"""

import argparse
import csv
import json
import os
import resource
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from math import sqrt
from pathlib import Path
from statistics import fmean, median, variance
from typing import Any

from scipy.stats import t as student
from scipy.stats import ttest_ind

from bench.runner.host import machine
from bench.worker.measure import now

PROJECTS = Path(__file__).with_suffix(".toml")
PAIRS = {"aa": "equal code", "s5": "+5 %", "s2": "+2 %", "real": "a real commit"}
ALL_PAIRS = {**PAIRS, "s1": "+1 %"}
SLOWED = ("s5", "s2", "real", "s1")  # the last one for instructions only
TRUTHS = ("truth_instructions", "truth_cpu")
COLUMNS = (
    *("repository", "kind", "commit", "pair", *TRUTHS, "tool"),
    *("verdict", "estimate", "low", "high", "status", "pairs", "seconds", "set_up", "load", "date"),
    *("machine", "loops"),
)
PROCESSES = 15  # of a side, for its shortest CPU time
GIT = ("git", "-c", "user.name=A study", "-c", "user.email=study@example.org")
Decision = dict[str, Any]
Line = dict[str, str]


class FailedError(Exception):
    """A program ended with a status that says nothing about the pair."""


@dataclass(frozen=True)
class Project:
    """A project, what is measured of it, and how it is slowed down; strangers.toml says how."""

    name: str
    url: str
    kind: str
    commit: str
    file: str
    old: str
    new: str
    amounts: dict[str, int]
    real: str = ""
    about: str = ""
    reversed: bool = True
    command: str = "python job.py"
    asv_command: str = ""
    job: str = ""
    real_job: str = ""
    commit_job: bool = True
    install: bool = False
    path: str = ""
    packages: tuple[str, ...] = ()
    gate: tuple[str, ...] = ()
    tests: str = ""


@dataclass(frozen=True)
class Pair:
    """Two commits of a project, laid out in a folder each with what they need."""

    project: Project
    name: str
    clone: Path
    commits: tuple[str, str]
    folders: tuple[Path, Path]
    set_up: float
    scratch: Path

    def command(self, side: int) -> list[str]:
        """Return the words that measure a side from any folder."""
        folder = self.folders[side]
        search = f"{folder / '.env/bin'}:{os.environ['PATH']}"
        words = ["env", "-C", str(folder), f"PATH={search}"]
        words += [f"PYTHONPATH={self.project.path}"] if self.project.path else []
        return [*words, *shlex.split(self.project.command)]

    def probe(self) -> float:
        """Return the seconds of a run of the base."""
        run(self.command(0))  # compiles its modules
        begin = now()
        run(self.command(0))
        return now() - begin


def run(
    words: Sequence[str], folder: Path | None = None, valid: Iterable[int] = (0,), **env: str
) -> subprocess.CompletedProcess[str]:
    """Run a program; raise FailedError unless its status is valid."""
    done = subprocess.run(
        words, cwd=folder, env={**os.environ, **env}, capture_output=True, text=True, check=False
    )
    if done.returncode not in valid:
        lines = (done.stdout + done.stderr).strip().splitlines()
        raise FailedError(done.returncode, shlex.join(words), *lines[-1:])
    return done


def read_projects() -> list[Project]:
    """Return the projects; ``{lib}`` stands for the folder of Python's own modules."""
    text = PROJECTS.read_text(encoding="utf-8").replace("{lib}", sysconfig.get_path("stdlib"))
    return [Project(**one) for one in tomllib.loads(text)["project"]]


def commit(clone: Path, start: str, files: dict[str, str]) -> str:
    """Return a commit on top of a revision, with other texts of some files."""
    run([*GIT, "checkout", "--quiet", "--force", "--detach", start], clone)
    for name, text in files.items():
        (clone / name).write_text(text)
        run([*GIT, "add", "--force", name], clone)
    if files:
        run([*GIT, "commit", "--quiet", "--no-verify", "--message=For a study"], clone)
    return run([*GIT, "rev-parse", "HEAD"], clone).stdout.strip()


def make_commits(project: Project, clone: Path, pair: str) -> tuple[str, str]:
    """Return the base and the candidate of a pair, in a clone of the project."""
    job = {"job.py": project.job} if project.commit_job else {}
    if pair == "real":
        job = {"job.py": project.real_job or project.job} if job else {}
        revisions = (project.real, f"{project.real}~1")
        new, old = (commit(clone, revision, job) for revision in revisions)
        return (new, old) if project.reversed else (old, new)
    base = commit(clone, project.commit, job)
    text = (clone / project.file).read_text()
    if pair == "aa":
        mark = "/* A comment. */" if project.file.endswith(".c") else "# A comment."
        return base, commit(clone, base, {project.file: f"{text}\n{mark}\n"})
    slower = project.new.replace("{P}", str(project.amounts[pair]))
    assert text.count(project.old) == 1
    return base, commit(clone, base, {project.file: text.replace(project.old, slower)})


def lay_out(project: Project, pair: str, folder: Path) -> Pair:
    """Return a pair with a working tree of each side, and an environment where it has a build."""
    begin, clone = now(), folder / project.name / "clone"
    if not clone.exists():
        run([*GIT, "clone", "--quiet", project.url, str(clone)])
    commits, sides = make_commits(project, clone, pair), []
    for revision in commits:
        sides.append(folder / project.name / revision[:10])
        if sides[-1].exists():
            continue
        run([*GIT, "worktree", "add", "--detach", str(sides[-1]), revision], clone)
        if project.job and not project.commit_job:
            (sides[-1] / "job.py").write_text(project.job)
        run([sys.executable, "-m", "virtualenv", "--quiet", ".env"], sides[-1])
        # Editable: the extension is beside the sources, which `python job.py` imports first.
        needed = ["pytest-benchmark", *project.packages, *(["-e."] if project.install else [])]
        run([".env/bin/python", "-m", "pip", "install", "--quiet", *needed], sides[-1])
    scratch = folder / project.name / "scratch"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    base, candidate = sides
    set_up = now() - begin
    return Pair(project, pair, clone, commits, (base, candidate), set_up, scratch)


def measure_truth(pair: Pair) -> tuple[float, float]:
    """Return by how many percent the candidate has more instructions, and more CPU time."""
    counts, seconds = list[int](), (list[float](), list[float]())
    for side in (0, 1):
        pair.probe()
        valgrind = ("valgrind", "--tool=cachegrind", "--cache-sim=no", "--trace-children=yes")
        words = ["setarch", "-R", *valgrind, "--cachegrind-out-file=/dev/null", *pair.command(side)]
        lines = run(words, PYTHONHASHSEED="0").stderr.splitlines()
        counts.append(sum(int(x.split()[-1].replace(",", "")) for x in lines if "refs:" in x))
    for turn in range(PROCESSES):
        for side in (0, 1) if turn % 2 else (1, 0):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            run(pair.command(side))
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            seconds[side].append(spent)
    return 100 * (counts[1] / counts[0] - 1), 100 * (min(seconds[1]) / min(seconds[0]) - 1)


def ask_gate(pair: Pair, budget: float) -> Decision:
    """``bench gate``, which lays the sides out itself, with its defaults."""
    base, candidate = pair.commits
    output = pair.scratch / "gate"
    words = ["softmax-bench", "gate", f"--base={base}", f"--candidate={candidate}"]
    words += [*pair.project.gate, f"--budget={budget}s", "--format=json", f"--output={output}"]
    begin = datetime.now(UTC)
    done = run(words, pair.clone, valid=range(5))
    cases = json.loads(done.stdout)["cases"]
    order = ("failed", "slower", "undecided", "faster", "no change")
    case = min(cases, key=lambda one: order.index(one["verdict"]))
    metric = case["metrics"][0] if case["metrics"] else {}
    names = {"estimate": "ratio", "low": "low", "high": "high"}
    numbers = {name: 100 * (metric[key] - 1) for name, key in names.items() if metric.get(key)}
    first = json.loads((output / "trials.jsonl").read_text().splitlines()[0])["started"]
    set_up = (datetime.fromisoformat(first) - begin).total_seconds()
    kept = {"verdict": case["verdict"], "pairs": case["pairs"], "status": done.returncode}
    return {**kept, **numbers, "set_up": set_up}


def ask_hyperfine(pair: Pair, budget: float) -> Decision:
    """Welch's t test of as many runs as fit, one side after the other."""
    runs = max(3, round(budget / 2 / pair.probe()))
    output, commands = pair.scratch / "hyperfine.json", map(shlex.join, map(pair.command, (0, 1)))
    options = ("--warmup=1", "--shell=none", f"--runs={runs}", f"--export-json={output}")
    run(["hyperfine", *options, *commands])
    before, after = (one["times"] for one in json.loads(output.read_text())["results"])
    p = ttest_ind(before, after, equal_var=False).pvalue
    squares = [variance(one) / runs for one in (before, after)]
    freedom = sum(squares) ** 2 / sum(one**2 / (runs - 1) for one in squares)
    base, change = fmean(before), fmean(after) - fmean(before)
    margin = student.ppf(0.975, freedom) * sqrt(sum(squares))
    low, estimate, high = (100 * (change + sign * margin) / base for sign in (-1, 0, 1))
    certain = p < 0.05 and abs(estimate) > 2
    verdict = ("slower" if change > 0 else "faster") if certain else "no change"
    return {"verdict": verdict, "estimate": estimate, "low": low, "high": high, "pairs": runs}


def ask_pyperf(pair: Pair, budget: float) -> Decision:
    """Its own comparison of as many processes as fit: each has a warm-up and three values."""
    processes = max(2, round(budget / 2 / (4 * pair.probe())))
    files = [str(pair.scratch / f"pyperf-{side}.json") for side in (0, 1)]
    for side, file in enumerate(files):
        command = ("pyperf", "command", f"--processes={processes}", "--name=job", f"-o{file}", "--")
        run([*command, *pair.command(side)])
    text = run(["pyperf", "compare_to", "--min-speed=2", *files], valid=(0, 1)).stdout
    verdict = "slower" if "x slower" in text else "faster" if "x faster" in text else "no change"
    means = []
    for file in files:
        runs = json.loads(Path(file).read_text())["benchmarks"][0]["runs"]
        means.append(fmean(value for one in runs for value in one.get("values", ())))
    estimate = 100 * (means[1] / means[0] - 1)
    return {"verdict": verdict, "estimate": estimate, "pairs": processes}


PYTEST_JOB = "from job import run\ndef test_job(benchmark):\n    benchmark(run)\n"
PYTEST_COMMAND = """\
import subprocess
def test_job(benchmark):
    benchmark(subprocess.run, {words!r}, check=True, stdout=subprocess.DEVNULL)
"""


def ask_pytest_benchmark(pair: Pair, budget: float) -> Decision:
    """The minimum may grow by 2 %: of the project's two tests, or of the job as one."""
    project, storage = pair.project, pair.scratch / "storage"
    words = shlex.split(project.tests or "test_the_job.py")
    seconds = budget / 2 / (2 if project.tests else 1)
    options = [f"--benchmark-max-time={seconds}", f"--benchmark-storage=file://{storage}"]
    for side, folder in enumerate(pair.folders):
        text = PYTEST_COMMAND.format(words=shlex.split(project.command))
        (folder / "test_the_job.py").write_text(PYTEST_JOB if project.job else text)
        command = [str(folder / ".env/bin/python"), "-m", "pytest", "-q", *words, *options]
        compare = ["--benchmark-compare=0001", "--benchmark-compare-fail=min:2%"] if side else []
        save = f"--benchmark-save=side{side}"
        done = run([*command, save, *compare], folder, (0, side), PYTHONPATH=project.path or ".")
    if done.returncode and "Performance has regressed" not in done.stdout + done.stderr:
        raise FailedError(done.returncode, done.stdout)
    before, after = (
        {one["fullname"]: one["stats"] for one in json.loads(file.read_text())["benchmarks"]}
        for file in sorted(storage.glob("*/*.json"))
    )
    estimate = 100 * (max(after[name]["min"] / before[name]["min"] for name in before) - 1)
    verdict, rounds = "slower" if done.returncode else "no change", after.values()
    kept = {"verdict": verdict, "status": done.returncode, "estimate": estimate}
    return {**kept, "pairs": min(one["rounds"] for one in rounds)}


ASV_JOB = """\
import shlex, subprocess, sys
{imported}
class Job:
    timeout = 300
    rounds = {rounds}
    def time_job(self):
        {statement}
"""


def ask_asv(pair: Pair, budget: float) -> Decision:
    """``asv continuous -f 1.02``, which builds both commits in an environment of its own."""
    project, folder = pair.project, pair.scratch.parent / "asv"
    (folder / "speed").mkdir(parents=True, exist_ok=True)
    (folder / "speed/__init__.py").touch()
    configuration = {
        "version": 1,
        "project": project.name,
        "repo": str(pair.clone),
        "branches": ["HEAD"],
        "environment_type": "virtualenv",
        "benchmark_dir": "speed",
        "results_dir": "results",
        "matrix": {"req": {name: [] for name in project.packages}},
        "build_command": ["python -m pip wheel -q --no-deps -w {build_cache_dir} {build_dir}"],
    }
    (folder / "asv.conf.json").write_text(json.dumps(configuration))
    base, candidate = pair.commits
    imported, statement = "", "run()"
    if project.job:
        job = project.real_job if pair.name == "real" and project.real_job else project.job
        # Of cattrs, the tests lie in the checkout, and asv has none.
        job = job.replace('"bench"', f'"{pair.folders[0]}/bench"')
        (folder / "speed/the_job.py").write_text(job)
        imported = "from .the_job import run"
    else:
        command = (project.asv_command or project.command).replace("{base}", str(pair.folders[0]))
        words = f"shlex.split({command!r}.replace('python ', sys.executable + ' '))"
        statement = f"subprocess.run({words}, check=True, stdout=subprocess.DEVNULL)"
    rounds = max(1, round(budget / 2 / (11 * pair.probe())))
    text = ASV_JOB.format(imported=imported, rounds=rounds, statement=statement)
    (folder / "speed/benchmarks.py").write_text(text)
    (folder / "commits").write_text(f"{base}\n{candidate}\n")
    begin = now()
    env = {"PIP_IGNORE_REQUIRES_PYTHON": "1"}  # networkx asks for 3.12, and runs with 3.11
    run(["asv", "machine", "--yes"], folder)
    build = ["asv", "run", "--quick", "--dry-run", "HASHFILE:commits"]
    run(build, folder, (0, 1, 2), **env)
    set_up = pair.set_up + now() - begin
    shutil.rmtree(folder / "results", ignore_errors=True)
    run(["asv", "machine", "--yes"], folder)
    done = run(["asv", "continuous", "-f", "1.02", base, candidate], folder, (0, 1), **env)
    if "CHANGED" not in done.stdout + done.stderr:
        raise FailedError(done.returncode, done.stdout)
    found = {"PERFORMANCE DECREASED": "slower", "PERFORMANCE INCREASED": "faster"}
    verdict = next((one for text, one in found.items() if text in done.stdout), "no change")
    medians = []
    for revision in pair.commits:
        (file,) = (folder / "results").glob(f"*/{revision[:8]}*.json")
        (result,) = json.loads(file.read_text())["results"].values()
        medians.append(result[0][0])
    kept = {"verdict": verdict, "status": done.returncode, "set_up": set_up, "pairs": rounds}
    return {**kept, "estimate": 100 * (medians[1] / medians[0] - 1)}


TOOLS: dict[str, Callable[[Pair, float], Decision]] = {
    "bench gate": ask_gate,
    "hyperfine": ask_hyperfine,
    "pytest-benchmark": ask_pytest_benchmark,
    "pyperf": ask_pyperf,
    "asv": ask_asv,
}


def decide(tool: str, pair: Pair, budget: float) -> Decision:
    """Return what a tool decides of a pair, how long it took, and how busy the machine was."""
    load, begin = os.getloadavg()[0], now()
    date = datetime.now(UTC).isoformat(timespec="seconds")
    try:
        found = TOOLS[tool](pair, budget)
    except FailedError as error:
        print(*error.args, file=sys.stderr)
        found = {"verdict": "failed", "status": error.args[0]}
    found = {"status": 0, "set_up": pair.set_up, **found}
    own = found["set_up"] - (0 if tool == "bench gate" else pair.set_up)  # in these seconds
    seconds = now() - begin - own
    rounded = {key: round(one, 2) if isinstance(one, float) else one for key, one in found.items()}
    return {
        "tool": tool,
        **rounded,
        "seconds": round(seconds, 1),
        "load": round(load, 1),
        "date": date,
        "machine": machine.describe()["name"],
    }


@contextmanager
def run_loops(number: int) -> Iterator[None]:
    """Run so many programs meanwhile that do nothing but compute."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(number)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def measure(options: argparse.Namespace) -> None:
    """Append a line for each project, pair and tool to a file."""
    path, folder = options.file, options.folder.resolve()
    known = {
        (line["repository"], line["commit"], line["pair"]): {name: line[name] for name in TRUTHS}
        for line in (read(path) if path.exists() else ())
    }
    new = not path.exists()
    with path.open("a", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
        if new:
            writer.writeheader()
        for name in options.pairs:
            for project in read_projects():
                if options.projects and project.name not in options.projects:
                    continue
                pair = lay_out(project, name, folder)
                fixed = {"repository": project.name, "kind": project.kind, "pair": name}
                fixed["commit"] = project.commit[:10]
                truths = known.get((project.name, fixed["commit"], name))
                if truths is None:
                    measured = zip(TRUTHS, measure_truth(pair), strict=True)
                    truths = {key: f"{percent:.3f}" for key, percent in measured}
                with run_loops(options.loops):
                    for tool in options.tools or TOOLS:
                        made = decide(tool, pair, options.budget)
                        writer.writerow({**fixed, **truths, **made, "loops": options.loops})
                        stream.flush()


def read(path: Path) -> list[Line]:
    """Return the decisions of a file."""
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def count(made: list[Line], pair: str) -> str:
    """Return how many decisions on a pair were *slower*, or alarms on equal code; of how many."""
    chosen = [one for one in made if one["pair"] == pair and one["verdict"] != "failed"]
    verdicts = {"slower", "faster"} if pair == "aa" else {"slower"}
    found = sum(one["verdict"] in verdicts for one in chosen)
    return f"{found} of {len(chosen)}" if chosen else "-"


# The machines as the pages call them.
SHORT = {"2-core AMD EPYC (Zen 5)": "Zen 5", "2-core AMD EPYC family 25 model 17": "Zen 4"}


def show_tools(decisions: list[Line]) -> None:
    """Print a line for each tool and machine: how often it called which pair slower."""
    headings = ["tool", "machine", "alarms on equal code"]
    headings += [f"*slower* of {ALL_PAIRS[pair]}" for pair in SLOWED]
    lines = [[*headings, "*faster* of these", "failed", "time", "set-up"]]
    by_tool = defaultdict(list)
    for one in decisions:
        by_tool[one["tool"], one["machine"], one.get("loops")].append(one)
    for (tool, where, loops), made in by_tool.items():
        loads = [float(one["load"]) for one in made]
        span = dict.fromkeys(f"{load:.0f}" for load in (min(loads), max(loads)))
        place = f"{SHORT.get(where.partition(',')[0], where)}, load {' to '.join(span)}"
        place += f", beside {loops} loops" if is_beside_loops(made[0]) else ""
        cells = [tool, place, *(count(made, pair) for pair in ("aa", *SLOWED))]
        faster = sum(one["verdict"] == "faster" and one["pair"] != "aa" for one in made)
        cells += [str(faster), str(sum(one["verdict"] == "failed" for one in made))]
        for name in ("seconds", "set_up"):
            seconds = [float(one[name]) for one in made if one[name]]
            cells.append(f"{median(seconds):.0f} s" if seconds else "-")
        lines.append(cells)
    # Without columns that say nothing of any tool.
    kept = [column for column in zip(*lines, strict=True) if {*column[1:]} - {"-", "0"}]
    heading, *rest = zip(*kept, strict=True)
    for line in (heading, ["---", "---", *["---:"] * (len(kept) - 2)], *rest):
        print(f"| {' | '.join(line)} |")


def is_beside_loops(made: Line) -> bool:
    """Return whether busy loops ran meanwhile."""
    return (made.get("loops") or "0") != "0"


def describe(made: Line) -> str:
    """Return a verdict with its estimate and interval."""
    numbers = [f"{float(made[name]):+.1f}" for name in ("estimate", "low", "high") if made[name]]
    estimate = f" {numbers[0]} [{numbers[1]}, {numbers[2]}]" if len(numbers) == 3 else ""
    return f"*{made['verdict']}*{estimate}"


def show_projects(decisions: list[Line], tool: str) -> None:
    """Print a line for each project: its pairs, what is true of them and what a tool decided.

    On the machine that was asked first, without loops and then beside them.
    """
    pairs = [pair for pair in PAIRS if any(made["pair"] == pair for made in decisions)]
    print(f"| project | {' | '.join(PAIRS[pair] for pair in pairs)} |\n|---|{'---|' * len(pairs)}")
    by_project = defaultdict[str, dict[str, list[Line]]](lambda: defaultdict(list))
    for made in decisions:
        if (made["tool"], made["machine"]) == (tool, decisions[0]["machine"]):
            by_project[f"{made['repository']} ({made['kind']})"][made["pair"]].append(made)
    for project, by_pair in by_project.items():
        cells = []
        for pair in pairs:
            asked = by_pair[pair]
            truths = [f"{float(asked[0][name]):+.1f}" for name in TRUTHS] if asked else ["-"]
            quiet, busy = (
                ", ".join(describe(made) for made in asked if is_beside_loops(made) == is_busy)
                for is_busy in (False, True)
            )
            found = "; beside loops ".join(filter(None, (quiet, busy)))
            cells.append(": ".join(filter(None, (", ".join(truths), found))))
        print(f"| {project} | {' | '.join(cells)} |")


def main() -> None:
    """Measure, or show what a file has."""
    parser = argparse.ArgumentParser(description=__doc__)
    verbs = parser.add_subparsers(required=True)
    verb = verbs.add_parser("measure")
    verb.set_defaults(run=measure)
    verb.add_argument("folder", type=Path)
    verb.add_argument("file", type=Path)
    verb.add_argument("budget", type=float)
    verb.add_argument("tools", nargs="*", choices=[*TOOLS, []])
    verb.add_argument("--projects", type=lambda text: text.split(","), default=())
    verb.add_argument("--pairs", type=lambda text: text.split(","), default=PAIRS)
    verb.add_argument("--loops", type=int, default=0)
    verb = verbs.add_parser("show")
    verb.set_defaults(run=lambda options: show(read(options.file)))
    verb.add_argument("file", type=Path)
    options = parser.parse_args()
    options.run(options)


def show(decisions: list[Line]) -> None:
    """Print both tables."""
    show_tools(decisions)
    print()
    show_projects(decisions, "bench gate")


if __name__ == "__main__":
    main()
