"""``bench gate`` from its flags to its exit status, in a scratch repository."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.commands import CLOCK
from support.processes import assert_nothing_left, wait_until
from support.versions import BACKEND, PROJECT

import bench
import softmax_bench
from bench.records import store
from bench.regression.commands.command_plan import CommandPlan
from bench.runner.host.machine import describe as machine_facts
from bench.worker import machine

GATE = ("gate", "--base=HEAD~1", "--candidate=HEAD", "--format=json")
# So long that it never ends a comparison, which ends at its first look.
ENOUGH = "--budget=1h"


@pytest.fixture(autouse=True)
def path(monkeypatch):
    """Let commands find the tests' Python; decide after five pairs in place of ten, in any load."""
    monkeypatch.setattr("bench.regression.pairs.plan.ALPHA", 0.25)
    # Without the plugins of these tests, which take long to load.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    before = (str(Path(sys.executable).parent), os.environ["PATH"])
    monkeypatch.setenv("PATH", os.pathsep.join(before))
    # A command of pytest-benchmark would measure nothing.
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    return os.environ["PATH"]


@pytest.fixture
def commit(repository):
    """Commit files to the repository, by name."""

    def write(**files):
        for name, text in files.items():
            (repository.folder / name).write_text(text)
            repository.git("add", name)
        repository.git("commit", "--quiet", "--allow-empty", "--message", "another version")

    return write


@pytest.fixture
def compared(called):
    """Compare the last two commits; return the exit status and the result, or the error."""

    def compare(*arguments):
        output = [] if any("--output" in one for one in arguments) else ["--output=out"]
        status, out, err = called(*GATE, *output, *arguments)
        return status, json.loads(out) if out else err

    return compare


def verdicts(result):
    return {case["case"]: case["verdict"] for case in result["cases"]}


# ----- what is judged


def test_command_that_takes_longer_ends_with_1(commit, compared, tmp_path):
    commit(job="sleep 0.1\n")
    commit(job="sleep 0.4\n")
    status, result = compared("--command=sh job", ENOUGH)
    assert (status, verdicts(result)) == (1, {"time": "slower"})
    (case,) = result["cases"]
    assert case["name"] == "sh job"
    assert case["metrics"][0]["candidate"] >= 0.4
    folder = tmp_path / "out"
    plan = store.read_plan(folder / "command.json", CommandPlan)
    assert (plan.arguments, plan.command.split()[3]) == ("sh job", "gate")
    assert plan.timeout == plan.budget == 3600.0
    named = [result["created"], *(result[side]["commit"] for side in ("baseline", "candidate"))]
    assert named == [plan.created, plan.baseline.commit, plan.candidate.commit]
    assert result["candidate"]["machine"] == machine_facts()["id"]
    records = store.read_commands(folder)
    assert {record.status for record in records} == {"ok"}
    assert records[-1].round == case["pairs"] == store.read_looks(folder)["command"][0]
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("softmax-bench")]


WORK = "i=0; while [ $i -lt {} ]; do i=$((i + 1)); done\n"


@pytest.mark.parametrize(
    ("option", "job", "numbers", "metric"),
    [
        ("json:run.0", "echo '{{\"run\": [{}, 1]}}'", (10, 20), "json:run.0"),
        ("cpu-time", WORK, (30_000, 120_000), "CPU time"),
        ("memory", "python -c 'bytearray({})'", (10**7, 6 * 10**7), "memory"),
    ],
)
def test_chosen_metric_is_judged(commit, compared, option, job, numbers, metric):
    for number in numbers:
        commit(job=job.format(number))
    status, result = compared("--command=sh job", f"--metric={option}", ENOUGH)
    (case,) = result["cases"]
    assert (status, case["verdict"]) == (1, "slower")
    assert [judged["name"] for judged in case["metrics"]] == [metric]


def test_several_commands_are_judged_together(commit, compared):
    commit(first="echo [10]\n", second="echo [1]\n")
    commit(first="echo [20]\n")
    commands = ("--command=sh first", "--command=sh second", "--metric=json:0")
    status, result = compared(*commands, "--tolerance=sh second=5%", ENOUGH)
    assert (status, verdicts(result)) == (1, {"sh first": "slower", "sh second": "no change"})
    assert [case["tolerance"] for case in result["cases"]] == [0.02, 0.05]
    assert {len(record.values) for record in store.read_commands(Path("out"))} == {2}
    plan = store.read_plan(Path("out") / "command.json", CommandPlan)
    assert plan.ran == "1 of 1 changed files ran or were read: first"
    commit(second="exit 7")
    status, result = compared(*commands, "--output=failing", ENOUGH)
    assert (status, {*verdicts(result).values()}) == (3, {"failed"})


BENCH = """
import clock

def test_slow(benchmark):
    benchmark.pedantic(clock.work, ({},), rounds=3)

def test_same(benchmark):
    benchmark.pedantic(clock.work, (3.0,), rounds=3)
"""
NEW = """
def test_new(benchmark):
    benchmark.pedantic(clock.work, (3.0,), rounds=3)
"""


PLUGIN = "-p pytest_benchmark.plugin --benchmark-timer=clock.now"


def test_benchmarks_of_pytest_are_judged_one_by_one(commit, compared):
    commit(**{"clock.py": CLOCK, "bench_job.py": BENCH.format(1.0)})
    commit(**{"bench_job.py": BENCH.format(2.0) + NEW})
    status, result = compared(f"--pytest=bench_job.py {PLUGIN}", ENOUGH)
    assert status == 1
    assert verdicts(result) == {
        "bench_job.py::test_slow": "slower",
        "bench_job.py::test_same": "no change",
        "bench_job.py::test_new": "missing in baseline",
    }


def test_harness_of_the_candidate_is_run_on_both_sides(commit, compared, called):
    commit(number="[1]")
    commit(number="[2]", job="cat number")
    options = ("--command=sh job", "--metric=json:0", ENOUGH)
    status, err = compared(*options)
    assert (status, "--harness job" in err) == (2, True)
    status, result = compared(*options, "--harness=job", "--output=other")
    assert (status, verdicts(result)) == (1, {"json:0": "slower"})
    page = called("gate", *GATE[1:3], *options, "--harness=job", "--output=ok", "--fail-on=never")
    assert (page[0], "slower" in page[1]) == (0, True)
    commit(job="cat  number")
    status, result = compared(*options, "--harness=job", "--output=none")
    assert (status, result["reason"]) == (0, "the command runs nothing that differs: no file")
    assert compared(*options, "--output=edited")[0] == 0
    edited = [
        "files ran or were read: job" in called("report", name)[1] for name in ("other", "edited")
    ]
    assert edited == [False, True]


# ----- the records


@pytest.mark.parametrize("ours", [True, False], ids=["our own checkout", "another project"])
def test_records_are_shown_again_and_loaded(commit, called, own_cache, monkeypatch, tmp_path, ours):
    page = Path(bench.__file__, "../../docs/records.md").resolve().read_text(encoding="utf-8")
    commit(job="echo [10]\n")
    commit(job="echo [20]\n")
    if not ours:
        monkeypatch.setattr(machine, "ROOT", tmp_path / "elsewhere")
    gate = ("gate", "--base=HEAD~1", "--candidate=HEAD", "--command=sh job", ENOUGH)
    status, out, err = called(*gate, "--metric=json:0")
    assert status == 1
    folder = Path(err.splitlines()[-1].removeprefix("records: "))
    assert folder.parent == (Path("results") if ours else own_cache / "results")
    assert (tmp_path / "results").exists() == ours
    status, text, err = called("report", folder)
    rules = [line for line in text.splitlines() if line not in out.splitlines()]
    assert (status, err, len(rules), "is rejected at" in rules[0]) == (0, "", 1, True)
    assert "softmax_bench.load" in called("export", folder, "--format=pyperf")[2]
    (line,) = re.findall(r"^(frame\..*)\.plot\(\)$", page, re.MULTILINE)
    table = eval(line, {"frame": bench.load(folder)})
    assert [{*table["json:0"][side]} for side in ("base", "candidate")] == [{10.0}, {20.0}]


def test_gate_is_a_function_of_python(commit, called, tmp_path):
    commit(job="echo [10]\n")
    commit(job="echo [900]\n")
    options = {"base": "HEAD~1", "candidate": "HEAD", "command": "sh job", "output": "out"}
    options |= {"metric": "json:0", "budget": 3600}
    result = softmax_bench.gate(**options)
    (case,) = result.cases
    (metric,) = case.metrics
    assert (result.verdict, case.verdict, result.exit_status) == ("slower", "slower", 1)
    assert 1 < metric.ratio.low <= metric.ratio.mean <= metric.ratio.high
    assert "  slower  " in called("report", "out")[1]
    assert store.read_plan(tmp_path / "out" / "command.json", CommandPlan).metric == "json:0"
    wrong = [{"metric": "none"}, {"tolerance": 2}, {"allow": ["all"]}, {"pytest": "tests"}]
    for change in (*wrong, {"base": "numpy==2.0.0"}, {"output": "job/out"}):
        with pytest.raises(softmax_bench.UserError) as refused:
            softmax_bench.gate(**{**options, "output": "new", **change})
        assert len(str(refused.value).splitlines()) == 1


# ----- what fails


def test_package_in_a_src_folder_is_to_be_installed(commit, compared, repository):
    (repository.folder / "src").mkdir()
    commit(**{"src/hotpack.py": "", "job.py": "import hotpack"})
    commit(**{"src/hotpack.py": "new = 1"})
    status, result = compared("--command=python job.py")
    assert status == 3
    assert all("(--install)" in remark for remark in result["cases"][0]["remarks"])


@pytest.mark.parametrize(
    ("options", "reason"),
    [("job.py", "Install that on both"), ("no.py -p pytest_benchmark.plugin", "not found: no.py")],
)
def test_tests_that_do_not_start_have_the_reason(commit, compared, options, reason):
    commit(**{"job.py": "def test_one(benchmark):\n    pass\n"})
    commit(other="")
    status, result = compared(f"--pytest={options}", ENOUGH)
    assert status == 3
    (case,) = result["cases"]
    assert case["name"] == f"python -m pytest {options}"
    assert len(case["remarks"]) == 2
    assert all(reason in remark for remark in case["remarks"])


@pytest.fixture
def users(path, program, tmp_path, monkeypatch):
    """Put a folder with another Python first on PATH; its programs print 9."""
    (tmp_path / "users").mkdir()
    for name in ("python", "tool", "other"):
        program(f"users/{name}", "echo 9")
    monkeypatch.setenv("PATH", os.pathsep.join((str(tmp_path / "users"), path)))


@pytest.fixture
def tool(commit):
    """Commit two versions of a project whose program prints that of its code."""
    for version in (1.0, 2.0):
        main = f"def main():\n    print([{version}])\n"
        commit(**{"pyproject.toml": PROJECT, "backend.py": BACKEND, "tool.py": main})


@pytest.mark.parametrize("command", ["tool other", "sh -c 'tool | cat'"])
def test_each_side_runs_its_own_script(tool, compared, wheels, own_cache, users, command):
    options = ("--install", f"--command={command}", "--metric=json:0", "--budget=5s")
    result = compared(*options)
    values = {(one.version, *one.values.values()) for one in store.read_commands(Path("out"))}
    assert values == {("base", 1.0), ("candidate", 2.0)}, result


@pytest.mark.full
def test_shallow_clone_of_two_commits_is_built_from_its_own_checkouts(
    commit, tool, repository, called, own_cache, wheels, tmp_path, monkeypatch
):
    clone = tmp_path / "clone"
    git = ["git", "clone", "--quiet", "--depth=2", repository.folder.as_uri(), str(clone)]
    subprocess.run(git, check=True)
    monkeypatch.chdir(clone)
    output = f"--output={tmp_path / 'out'}"
    options = ("--install", "--command=tool", "--metric=json:0", "--budget=5s", output)
    result = called(*GATE, *options)
    values = {(one.version, *one.values.values()) for one in store.read_commands(tmp_path / "out")}
    assert values == {("base", 1.0), ("candidate", 2.0)}, result


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("def test_slow(benchmark):\n    assert 0\n", "FAILED bench_job.py::test_slow - assert 0"),
        ("import nosuch\n", "ERROR bench_job.py - ModuleNotFoundError: No module named 'nosuch'"),
    ],
)
def test_benchmark_that_fails_is_the_reason(text, reason, commit, compared):
    commit(**{"bench_job.py": BENCH.format(1.0), "clock.py": CLOCK})
    commit(**{"bench_job.py": text})
    status, result = compared(f"--pytest=bench_job.py {PLUGIN}", ENOUGH)
    assert (status, {case["verdict"] for case in result["cases"]}) == (3, {"failed"})
    remarks = {remark for case in result["cases"] for remark in case["remarks"]}
    assert remarks == {f"candidate: failed: {reason}"}


UNLUCKY = """
echo . >> {}
[ $(($(wc -l < {}) % 3)) != 0 ] || {{ echo no luck >&2; exit 5; }}
"""


def test_side_that_fails_in_every_third_process_ends_with_3(commit, compared, tmp_path):
    counter = tmp_path / "counter"
    commit(job="true\n")
    commit(job=UNLUCKY.format(counter, counter))
    status, result = compared("--command=sh job", "--metric=time", ENOUGH)
    assert (status, verdicts(result)) == (3, {"time": "failed"})
    reason = "candidate: failed: the process ended with exit status 5: no luck"
    assert result["cases"][0]["remarks"] == [reason]
    assert counter.read_text() == ".\n" * 3


def test_command_that_rewrites_its_checkout_has_failed(commit, compared):
    commit(job="echo [10]", notes="")
    commit(job="echo >> notes; echo [20]")
    status, result = compared("--command=sh job", "--metric=json:0", ENOUGH)
    assert (status, verdicts(result)) == (3, {"json:0": "failed"})
    assert "its own tree: notes" in result["cases"][0]["remarks"][0]


# From the eighth process on, of which two came before the first pair.
HANGS = """
echo . >> counter
[ $(wc -l < counter) -le 7 ] || { touch hangs; sleep 600; }
"""


@pytest.mark.parametrize(
    ("metric", "complete"), [("time", 5), ("cpu-time", 4)], ids=["one by one", "at once"]
)
def test_interrupt_keeps_the_records_and_ends_the_command(
    started, alone, tmp_path, path, metric, complete
):
    (tmp_path / "job").write_text(HANGS)
    command = ("gate", "--base=.", "--command=sh job", "--allow=same-code", ENOUGH, "--output=out")
    process = started(*command, f"--metric={metric}", **alone, PATH=path)
    wait_until(lambda: process.poll() is not None or (tmp_path / "hangs").exists())
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    assert (process.returncode, err.splitlines()[-1]) == (130, "records: out")
    assert "sh job" in out
    statuses = [record.status for record in store.read_commands(tmp_path / "out")]
    assert statuses == ["ok"] * complete + ["interrupted"] * (6 - complete)
    assert_nothing_left(tmp_path / "tmp")


# ----- what is refused


def test_command_that_runs_nothing_of_its_side_is_refused(commit, compared):
    commit(job="true\n")
    commit(job="sleep 9\n")
    status, err = compared("--command=true")
    assert status == 2
    assert "the command ran nothing that differs: job. It ran no file of its side. " in err


def test_change_that_the_command_does_not_run_passes_unmeasured(commit, compared, tmp_path):
    commit(job="true\n", other="true\n")
    commit(other="sleep 9\n")
    status, result = compared("--command=sh job")
    assert (status, result["cases"]) == (0, [])
    assert result["reason"] == "the command runs nothing that differs: other"
    commit()  # of the same files
    (tmp_path / "out").mkdir()
    assert compared("--command=sh job")[0] == 0
    commit(other="sleep 8\n")
    assert compared("--command=sh job")[0] == 0
    assert not any((tmp_path / "out").iterdir())


KEEPS = "[ -e kept ] || { i=0; while [ $i -lt 300000 ]; do i=$((i + 1)); done; touch kept; }\n"


def test_command_that_keeps_what_it_computed_is_refused(commit, compared):
    for remark in ("", "# another version\n"):
        commit(job=remark + KEEPS)
    status, result = compared("--command=sh job", "--budget=1m")
    assert (status, result["cases"]) == (4, [])
    assert "it keeps results for the next" in result["refusal"]


def test_changes_that_are_not_committed_are_named(commit, compared, repository):
    commit(job="true\n")
    commit(job="true \n")
    (repository.folder / "job").write_text("sleep 9\n")
    _, err = compared("--command=nowhere")
    assert "1 changed file is not measured, but HEAD. Name . for them\n" in err


def test_benchmark_that_vanishes_fails_unless_it_is_allowed(commit, compared):
    commit(**{"clock.py": CLOCK, "bench_job.py": BENCH.format(3.0) + NEW})
    commit(**{"bench_job.py": BENCH.format(3.0)})
    command = (f"--pytest=bench_job.py {PLUGIN}", ENOUGH)
    status, result = compared(*command)
    assert (status, verdicts(result)["bench_job.py::test_new"]) == (4, "missing in candidate")
    status, _ = compared(*command, "--allow=missing", "--output=again")
    assert status == 0


COMMAND = ("gate", "--base=HEAD", "--command=true", "--allow=same-code")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((*COMMAND, "--pytest=bench.py"), "either --command or --pytest"),
        (("gate", "--base=HEAD"), "either --command or --pytest"),
        ((*COMMAND, "--metric=seconds"), "--metric seconds: choose"),
        ((*COMMAND, "--metric=iteration"), "use cpu-time"),
        ((*COMMAND, "--metric=last-number"), "use json:KEY"),
        ((*COMMAND, "--profile"), "-m cProfile"),
        ((*COMMAND, "--candidate-env=A=1"), "options of softmax-bench ab"),
        ((*COMMAND, "--metric=json:"), "choose"),
        (("gate", "--base=HEAD", "--pytest=bench.py", "--metric=json:a"), "or auto"),
        ((*COMMAND, "--prepare=a 'b"), "Close the quotation"),
        ((*COMMAND, "--with=extra:tests"), "need --install"),
        ((*COMMAND, "--with=a b"), "as pip takes it"),
        ((*COMMAND, "--harness=nowhere"), "no such file"),
        (("gate", "--base=.", *COMMAND[2:], "--harness=own.py"), "needs a revision"),
        ((*COMMAND, "--threads=4096"), "at most"),
        ((*COMMAND, "--output=earlier"), "earlier"),
        ((*COMMAND, "--install"), "Name both"),
        (("gate", "--base=HEAD", "--command= "), "is empty"),
        (("gate", "--command=true"), "--base"),
        (("gate", "--base=nowhere", "--command=true"), "nowhere"),
        (("gate", "--base=implementations", "--command=true"), "./implementations or refs/heads"),
        (("gate", "--base=own.py", "--command=true"), "own.py: gate compares git revisions"),
        (("gate", "--base=numpy==2.0.0", "--command=true"), "Use softmax-bench ab"),
        (("gate", "--base=HEAD", "--candidate=python", "--command=true"), "Use softmax-bench ab"),
        (("bisect", "--good=v1.0", "--bad=main"), "git bisect run"),
    ],
)
def test_impossible_comparison_is_refused_in_one_line(
    commit, refused, repository, tmp_path, arguments, words
):
    commit(**{"own.py": ""})
    repository.git("branch", "implementations")
    (tmp_path / "earlier").mkdir()
    (tmp_path / "earlier" / "trials.jsonl").touch()
    assert words in refused(*arguments)


@pytest.mark.parametrize("version", ["HEAD", "HEAD~1", "."])
def test_versions_without_a_difference_are_not_measured(commit, called, tmp_path, version):
    commit(job="exit 7")
    commit()
    (tmp_path / "new").touch()
    command = ("gate", f"--base={version}", "--command=sh job", "--output=out")
    status, out, _ = called(*command)
    assert status == 4
    assert out.startswith("No file that git tracks differs")
    assert called(*command, "--allow=nothing")[0] == 0
    assert not (tmp_path / "out").exists()
    assert called(*command, "--allow=same-code")[0] == 3
