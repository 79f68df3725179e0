"""``bench ab`` from end to end on small data: what it says, what it keeps, how it ends."""

import json
import shutil
import signal
from pathlib import Path

import pytest
from support.processes import WAITS, wait_until
from support.versions import REGISTRY

import bench
from bench.records import store
from bench.regression.paired.judge import METRICS
from bench.regression.paired.plan import ComparisonPlan

SAME = "from implementations.idiomatic.softmax_numpy import Trainer\n"
SLOW = """
from bench.worker.slowdown import SlowedTrainer as Slower
from implementations.idiomatic import softmax_numpy
def Trainer(problem, device):
    return Slower(softmax_numpy.Trainer(problem, device), {share}, 1)
"""
WRONG = """
from implementations.idiomatic import softmax_numpy
class Trainer(softmax_numpy.Trainer):
    def gradient(self, images, labels):
        return [1.01 * each for each in super().gradient(images, labels)]
"""
CRASHES = """
from implementations.idiomatic import softmax_numpy
class Trainer(softmax_numpy.Trainer):
    def train_epoch(self, order):
        raise RuntimeError("the gradient\\n  is gone")
"""
FILES = {
    "fast": SAME,
    "same": f"# the same\n{SAME}",
    "slow": SLOW.format(share=2.0),
    "wrong": WRONG,
    "crashes": CRASHES,
}

DIGITS = ("--data=digits",)


def write(folder):
    for name, code in FILES.items():
        (folder / f"{name}.py").write_text(code)


@pytest.fixture(scope="module")
def compared(tmp_path_factory, command):
    """Compare a file with the fast one; its folder and how the process ended, once for all."""
    known = {}

    def compare(candidate, *flags, base="fast"):
        key = (base, candidate, *flags)
        if key not in known:
            folder = tmp_path_factory.mktemp("compared")
            write(folder)
            known[key] = (
                folder,
                command(
                    folder,
                    "ab",
                    f"--base={base}.py",
                    f"--candidate={candidate}.py",
                    *DIGITS,
                    "--output=out",
                    *flags,
                ),
            )
        return known[key]

    return compare


def cells(text, name):
    """Return the cells of a line of the first Markdown table that has it."""
    line = next(each for each in text.splitlines() if each.startswith(f"| {name} "))
    return [cell.strip() for cell in line.strip("|").split("|")]


SLOWER = ("slow", "--budget=60s", "--format=json", "--gate=memory,import")


def test_candidate_that_takes_three_times_as_long_ends_with_1(compared):
    _, ended = compared(*SLOWER)
    assert ended.returncode == 1, ended.stdout
    (case,) = json.loads(ended.stdout)["cases"]
    assert (case["verdict"], case["name"]) == ("slower", "fast → slow")
    # What was looked at on the way is on stderr: on stdout is nothing but the document.
    assert ended.stderr.splitlines()[-1].startswith("fast → slow: slower; epoch +")


def test_json_holds_every_quantity_and_whether_it_was_judged(compared):
    _, ended = compared(*SLOWER)
    document = json.loads(ended.stdout)
    (case,) = document["cases"]
    judged = {each["name"]: each["verdict"] is not None for each in case["metrics"]}
    assert judged == {each.name: each.name in {"epoch", "memory", "import"} for each in METRICS}
    assert document["family"] == 3


def test_the_folder_of_a_comparison_holds_plan_looks_records_and_no_params(compared):
    folder, _ = compared(*SLOWER)
    names = {path.name for path in (folder / "out").iterdir()}
    assert names == {"comparison.json", "looks.json", "environments", "trials.jsonl"}
    plan = store.read_plan(folder / "out" / "comparison.json", ComparisonPlan)
    assert plan.command.startswith("python -m bench ab --base=fast.py --candidate=slow.py")
    records = store.read_records(folder / "out")
    assert {record.status for record in records} == {"ok"}
    assert [record.round for record in records[::2]] == [*range(len(records) // 2)]
    (looks,) = store.read_looks(folder / "out").values()
    assert records[-1].round in looks
    environments = store.read_environments(folder / "out")
    assert {record.environment for record in records} == environments.keys()


def test_a_candidate_that_is_the_same_is_not_slower_and_ends_with_nought(compared):
    # What is less than a tenth is no matter: noise alone would raise this once in a hundred times.
    _, ended = compared("same", "--budget=15s", "--tolerance=10%")
    assert ended.returncode == 0, ended.stdout
    (line,) = [each for each in ended.stdout.splitlines() if each.startswith("fast → same  ")][:1]
    assert any(f"  {verdict}" in line for verdict in ("no change", "undecided", "faster"))
    assert "same.py compared with fast.py" in ended.stdout
    assert "Other metrics" in ended.stdout
    assert "\x1b" not in ended.stdout


def test_a_candidate_that_trains_something_else_is_wrong_however_fast_it_is(compared):
    folder, ended = compared("wrong", "--budget=30s", "--format=github")
    assert ended.returncode == 1
    assert cells(ended.stdout, "fast → wrong")[1] == "wrong"
    assert ended.stdout.startswith("::error title=bench ab%3A fast → wrong%3A wrong::candidate: ")
    # The first pair says so: no other is measured.
    assert len(store.read_records(folder / "out")) == 2


def test_a_base_that_trains_something_else_has_failed(compared):
    _, ended = compared("fast", "--format=markdown", base="wrong")
    assert ended.returncode == 3
    assert cells(ended.stdout, "wrong → fast")[1] == "failed"
    assert "base: failed: parity" in ended.stdout


def test_a_candidate_that_crashes_has_failed_and_stdout_is_pure_json(compared):
    _, ended = compared("crashes", "--format=json")
    assert ended.returncode == 3
    document = json.loads(ended.stdout)
    (case,) = document["cases"]
    assert (case["verdict"], case["pairs"], case["metrics"]) == ("failed", 0, [])
    assert case["remarks"] == ["candidate: failed: RuntimeError: the gradient is gone"]
    assert document["baseline"]["name"] == "fast.py"
    assert ended.stderr.startswith("fast → crashes: failed;")


@pytest.mark.parametrize(("failing", "status"), [("slower", 0), ("undecided", 1)])
def test_what_is_undecided_ends_as_it_was_asked_to(compared, failing, status):
    # In a second there is no look: three pairs at most, and ten can refute something.
    _, ended = compared("same", "--budget=1s", f"--fail-on={failing}", "--format=markdown")
    assert ended.returncode == status
    assert cells(ended.stdout, "fast → same")[1].startswith("undecided")


def test_github_has_the_tables_in_the_summary_of_the_job(compared, monkeypatch, called, tmp_path):
    write(tmp_path)
    (tmp_path / "summary").write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary"))
    code, out, _ = called(
        "ab",
        "--base=fast.py",
        "--candidate=crashes.py",
        *DIGITS,
        "--format=github",
    )
    assert code == 3
    notice, page = out.split("\n", maxsplit=1)
    assert notice.startswith("::error title=bench ab%3A fast → crashes%3A failed::")
    assert (tmp_path / "summary").read_text() == f"before\n{page.strip()}\n\n"
    assert "## crashes.py compared with fast.py" in page


def test_without_an_output_the_records_lie_in_results(called, tmp_path):
    write(tmp_path)
    called("ab", "--base=fast.py", "--candidate=crashes.py", *DIGITS)
    (folder,) = (tmp_path / "results").iterdir()
    plan = store.read_plan(folder / "comparison.json", ComparisonPlan)
    assert folder.name == plan.run
    assert len(store.read_records(folder)) == 2


@pytest.fixture
def checkout(repository):
    """A repository in which the suite runs, with NumPy's implementation.

    It has moved: on ``main`` all implementations were in one folder, as in older revisions.
    """
    real = bench.__path__[0]
    (repository.folder / "bench").symlink_to(real)
    (repository.folder / ".git" / "info" / "exclude").write_text("bench\n")
    source = Path(real).parent / "implementations" / "idiomatic" / "softmax_numpy.py"
    folder = repository.folder / "implementations"
    shutil.copy(source, folder)
    repository.commit(__init__=REGISTRY.replace("idiomatic.", ""), softmax_numpy=None)
    (folder / "softmax_numpy.py").rename(folder / "idiomatic" / "softmax_numpy.py")
    return repository


def test_what_a_revision_had_is_measured_against_what_the_tree_has(checkout, called, tmp_path):
    path = checkout.folder / "implementations" / "idiomatic" / "softmax_numpy.py"
    slow = path.read_text() + (
        "\nfrom bench.worker.slowdown import SlowedTrainer as Slower\nFast = Trainer\n"
        "def Trainer(problem, device):\n    return Slower(Fast(problem, device), 0.5, 1)\n"
    )
    path.write_text(slow)
    code, out, err = called(
        "ab",
        "--base=main",
        "--implementation=numpy",
        *DIGITS,
        "--budget=60s",
        "--format=json",
        "--output=out",
    )
    assert code == 1, out
    (case,) = json.loads(out)["cases"]
    assert (case["verdict"], case["name"]) == ("slower", "numpy")
    assert case["metrics"][0]["ratio"] > 1.2
    assert err.startswith("numpy: slower; epoch +")
    plan = store.read_plan(tmp_path / "out" / "comparison.json", ComparisonPlan)
    assert plan.base.commit == checkout.git("rev-parse", "main")


def test_what_only_one_version_has_is_missing_and_ends_with_four(repository, called, tmp_path):
    arguments = ("ab", "--base=main", "--implementation=old", *DIGITS)
    code, out, err = called(*arguments, "--format=markdown")
    assert (code, err) == (4, "")
    assert cells(out, "old") == ["old", "missing in candidate"]
    assert not (tmp_path / "results").exists()
    code, out, _ = called(*arguments, "--format=json")
    assert code == 4
    (case,) = json.loads(out)["cases"]
    assert (case["verdict"], case["remarks"]) == ("missing in candidate", ["not in ."])


def test_where_nothing_differs_nothing_is_measured_and_that_is_said(repository, called, tmp_path):
    code, out, err = called("ab", "--base=main", "--candidate=HEAD", *DIGITS, "--output=out")
    assert (code, err) == (0, "")
    assert "No implementation differs between main and HEAD" in out
    assert not (tmp_path / "out").exists()


def test_what_is_told_on_the_way_is_on_stderr_and_not_in_the_document(repository, called):
    text = (repository.folder / "implementations" / "__init__.py").read_text()
    repository.commit(__init__=text.replace('"torch"', "7"))
    code, out, err = called("ab", "--base=HEAD", "--candidate=HEAD", *DIGITS, "--format=json")
    assert code == 0
    assert json.loads(out)["cases"] == []
    assert err.startswith("HEAD: skipped registry entry old")


def test_an_interrupted_comparison_says_what_it_knows_and_keeps_its_records(started, tmp_path):
    write(tmp_path)
    (tmp_path / "waits.py").write_text(WAITS)
    process = started("ab", "--base=fast.py", "--candidate=waits.py", *DIGITS, "--output=out")
    lines = tmp_path / "out" / "trials.jsonl"
    wait_until(
        lambda: (
            process.poll() is not None or (lines.exists() and lines.read_bytes().count(b"\n") >= 6)
        )
    )
    (tmp_path / "hang").touch()
    wait_until(lambda: process.poll() is not None or (tmp_path / "hangs").exists())
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "")
    assert "waits.py compared with fast.py" in out
    *before, last = store.read_records(tmp_path / "out")
    assert len(before) >= 6
    assert {record.status for record in before} == {"ok"}
    assert (last.status, last.version) == ("interrupted", "candidate")


FASTER = ("ab", "--base=fast.py", "--candidate=same.py", *DIGITS)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("ab",), "--base"),
        ((*FASTER, "--format=tabel"), "--format"),
        ((*FASTER, "--fail-on=faster"), "--fail-on"),
        ((*FASTER, "--gate=memroy"), "--gate"),
        ((*FASTER, "--tolerance=-1"), "--tolerance"),
        ((*FASTER, "--output=fast.py"), "cannot write to fast.py; choose another --output"),
        ((*FASTER, "--output=earlier"), "earlier holds another run"),
        (("ab", "--base=nowhere.py", *DIGITS), "nowhere.py: No such file"),
        (("ab", "--base=fast.py", *DIGITS), "Compare a file with a file"),
        (("ab", "--base=.", *DIGITS), "--implementation"),
    ],
)
def test_what_cannot_be_compared_is_one_line_and_nothing_is_written(
    refused, tmp_path, arguments, words
):
    write(tmp_path)
    (tmp_path / "earlier").mkdir()
    (tmp_path / "earlier" / "trials.jsonl").touch()
    assert words in refused(*arguments)


def test_an_earlier_run_is_not_read_for_a_comparison_that_measures_nothing(
    repository, refused, tmp_path
):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "trials.jsonl").write_text("{}\n")
    said = refused("ab", "--base=main", "--candidate=HEAD", *DIGITS, "--output=out")
    assert "out holds another run" in said
