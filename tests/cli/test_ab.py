"""``bench ab`` from its flags to its exit status, on small data."""

import json
import signal

import pytest
from support.pretended import Pretended
from support.processes import WAITS, read_lines, wait_until

from bench.records import store
from bench.regression.programs import measure_pairs
from bench.regression.programs.comparison_plan import REACH, ComparisonPlan
from bench.report.index import read_entries

SOURCES = {
    "fast": "from implementations.idiomatic.softmax_numpy import Trainer\n",
    "same": "# the same\nfrom implementations.idiomatic.softmax_numpy import Trainer\n",
    "wrong": """
from implementations.idiomatic import softmax_numpy
class Trainer(softmax_numpy.Trainer):
    def gradient(self, images, labels):
        return [1.01 * part for part in super().gradient(images, labels)]
""",
    "waits": WAITS,
}
# An epoch takes four times as long, so that no load of the machine hides it.
SLOWDOWN = """
from time import process_time
class SlowTrainer(Trainer):
    def train_epoch(self, order):
        begin = process_time()
        params = super().train_epoch(order)
        end = process_time()
        while process_time() < end + 3 * (end - begin):
            pass
        return params
Trainer = SlowTrainer
"""
DIGITS = "--data=digits"
NUMPY = ("ab", "--base=.", "--implementation=numpy", DIGITS)


@pytest.fixture
def files(tmp_path):
    """Write the implementation files; return the arguments that compare one with ``fast.py``."""
    for name, source in SOURCES.items():
        (tmp_path / f"{name}.py").write_text(source)
    return lambda candidate: ("ab", "--base=fast.py", f"--candidate={candidate}.py", DIGITS)


@pytest.fixture
def pretended(monkeypatch, own_cache):
    """Run no process: every pair takes two seconds of a clock that only measuring moves."""
    return Pretended().install(monkeypatch)


def cells(page, name):
    """Return the cells of the first line of a Markdown table that begins with a name."""
    line = next(line for line in page.splitlines() if line.startswith(f"| {name} "))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_slowdown_since_a_revision_ends_with_1(checkout, called, tmp_path, monkeypatch):
    monkeypatch.setattr("bench.regression.pairs.plan.ALPHA", 0.25)  # five pairs in place of ten
    monkeypatch.setattr(measure_pairs, "EPOCH_SECONDS", 0.1)
    path = checkout.folder / "implementations" / "idiomatic" / "softmax_numpy.py"
    path.write_text(path.read_text() + SLOWDOWN)
    arguments = ("ab", "--base=main", "--implementation=numpy", DIGITS, "--budget=2m")
    status, out, err = called(*arguments, "--format=json", "--output=out")
    assert status == 1, out
    (case,) = json.loads(out)["cases"]
    assert (case["verdict"], case["name"]) == ("slower", "numpy")
    assert case["metrics"][0]["ratio"] > 2
    assert err.startswith("numpy: slower; ")
    folder = tmp_path / "out"
    names = {path.name for path in folder.iterdir()}
    assert names == {"comparison.json", "looks.json", "environments", "trials.jsonl"}
    plan = store.read_plan(folder / "comparison.json", ComparisonPlan)
    assert plan.baseline.commit == checkout.git("rev-parse", "main")
    assert plan.reach == REACH
    assert plan.command.startswith("python -m bench ab --base=main --implementation=numpy")
    records = store.read_records(folder)
    assert {record.status for record in records} == {"ok"}
    assert [record.round for record in records[::2]] == [*range(len(records) // 2)]
    assert records[-1].round in store.read_looks(folder)["numpy"]
    environments = store.read_environments(folder)
    assert {record.environment for record in records} == environments.keys()


def test_candidate_without_parity_is_wrong_after_one_pair(files, called, monkeypatch, tmp_path):
    summary = tmp_path / "summary"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    status, out, _ = called(*files("wrong"), "--format=github", "--output=out")
    assert status == 1
    annotation, page = out.split("\n", maxsplit=1)
    assert annotation.startswith(
        "::error title=softmax-bench ab%3A fast → wrong%3A wrong::candidate: "
    )
    assert cells(page, "fast → wrong")[1] == "wrong"
    assert summary.read_text() == f"before\n{page.strip()}\n\n"
    assert len(store.read_records(tmp_path / "out")) == 2


@pytest.mark.parametrize(("fail_on", "status"), [("slower", 4), ("undecided", 1)])
def test_too_few_pairs_never_pass(called, pretended, fail_on, status):
    arguments = ("--budget=8s", f"--fail-on={fail_on}", "--format=markdown")
    code, out, _ = called(*NUMPY, *arguments)
    assert code == status
    assert cells(out, "numpy")[1].startswith("undecided")


def test_gates_are_judged_and_records_are_kept(called, pretended, own_cache):
    status, out, _ = called(*NUMPY, "--gate=memory,import", "--format=json")
    assert status == 0
    document = json.loads(out)
    judged = {
        metric["name"]
        for metric in document["cases"][0]["metrics"]
        if metric["verdict"] is not None
    }
    assert (judged, document["family"]) == ({"epoch", "mean epoch", "memory", "import"}, 4)
    (folder,) = (own_cache / "results").iterdir()
    assert folder.name == store.read_plan(folder / "comparison.json", ComparisonPlan).run


@pytest.mark.parametrize("style", ["markdown", "json"])
def test_implementation_of_one_version_ends_with_4(repository, called, tmp_path, style):
    arguments = ("ab", "--base=main", "--implementation=old", DIGITS, f"--format={style}")
    status, out, err = called(*arguments)
    assert (status, err) == (4, "")
    assert "missing in candidate" in out
    assert not (tmp_path / "results").exists()


def test_equal_revisions_are_not_measured(repository, called, tmp_path):
    equal = ("ab", "--base=main", "--candidate=HEAD", DIGITS, "--output=out")
    status, out, err = called(*equal)
    assert (status, err) == (4, "")
    assert called(*equal, "--allow=nothing")[0] == 0
    assert "No implementation differs between main and HEAD" in out
    assert not (tmp_path / "out").exists()


def test_skipped_registry_entry_is_reported_on_stderr(repository, called):
    text = (repository.folder / "implementations" / "__init__.py").read_text()
    repository.commit(__init__=text.replace('"torch"', "7"))
    status, out, err = called("ab", "--base=HEAD", "--candidate=HEAD", DIGITS, "--format=json")
    assert (status, json.loads(out)["cases"]) == (4, [])
    assert err.startswith("HEAD: skipped registry entry old")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_interrupted_comparison_keeps_its_records(files, started, tmp_path, number):
    process = started(*files("waits"), "--output=out")
    wait_until(lambda: process.poll() is not None or len(read_lines(tmp_path / "out")) >= 4)
    (tmp_path / "hang").touch()
    wait_until(lambda: process.poll() is not None or (tmp_path / "hangs").exists())
    process.send_signal(number)
    out, err = process.communicate(timeout=600)
    (entry,) = read_entries(tmp_path)
    assert entry.state == "interrupted"
    if number == signal.SIGKILL:
        return
    assert (process.returncode, err) == (130, "records: out\n")
    assert "waits.py compared with fast.py" in out
    *complete, partner, last = store.read_records(tmp_path / "out")
    assert len(complete) >= 4
    assert {record.status for record in complete} == {"ok"}
    assert (partner.status, last.status) == ("interrupted", "interrupted")


SAME = ("ab", "--base=fast.py", "--candidate=same.py", DIGITS)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("ab",), "--base"),
        (("ab", "--base=HEAD", "--command=true"), "Write gate instead of ab"),
        ((*SAME, "--format=tabel"), "--format"),
        ((*SAME, "--fail-on=faster"), "--fail-on"),
        ((*SAME, "--gate=memroy"), "--gate"),
        ((*SAME, "--tolerance=-1"), "--tolerance"),
        ((*SAME, "--output=fast.py"), "fast.py"),
        ((*SAME, "--output=earlier"), "earlier"),
        (("ab", "--base=main", "--candidate=HEAD", DIGITS, "--output=earlier"), "earlier"),
    ],
)
def test_impossible_comparison_is_refused_in_one_line(
    repository, files, refused, tmp_path, arguments, words
):
    (tmp_path / "earlier").mkdir()
    (tmp_path / "earlier" / "trials.jsonl").touch()
    assert words in refused(*arguments)
