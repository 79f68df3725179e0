"""The index has an entry for every folder with results, and says what each holds."""

import re
from html import escape as escape_html

import pytest
from support.commands import command_plan, failure, processes, write_pairs
from support.comparisons import bad, comparison, pairs, two
from support.records import MACHINE, case, ok, plan_of, run, trials, write

from bench.errors import UserError
from bench.records import store
from bench.regression.programs.comparison_plan import Absent
from bench.regression.versions.names import Version
from bench.report import index
from bench.report.index import read_entries, write_index
from bench.report.render.markdown import escape

HOSTILE = "<script>x</script> | `c`\n"


@pytest.fixture
def results(tmp_path):
    (tmp_path / "results").mkdir()
    return tmp_path / "results"


def read_one(root):
    (entry,) = read_entries(root)
    return entry


def test_newest_come_first_and_undated_last(results):
    created = {
        "old": "2025-01-02T03:04:05+00:00",
        "new": "2025-01-02T03:04:06+00:00",
        "east": "2025-01-02T05:04:05+02:00",
        "bare": "2025-01-02T03:04:07",
        "never": "yesterday",
    }
    for name, time in created.items():
        write(results / name, run(case(), created=time))
    paths = [entry.path for entry in read_entries(results)]
    assert paths == ["bare", "new", "east", "old", "never"]


def test_folders_below_have_entries_and_links_are_not_followed(results):
    write(results / "all" / "a", run(case()))
    write(results / "all" / ".hidden", run(case()))
    (results / "all" / "a" / "report.md").touch()
    (results / "all" / "report.md").touch()
    (results / "notes" / "empty").mkdir(parents=True)
    (results / "round").symlink_to(results)
    entries = {entry.path: (entry.kind, entry.page) for entry in read_entries(results)}
    assert entries == {
        "all/a": ("run", "all/a/report.md"),
        "all": ("report", "all/report.md"),
    }


def test_comparison_lists_its_verdicts(results):
    names = [f"same{number}" for number in range(4)]
    plan = comparison(
        "slow", *names, "broken", "absent", absent=(Absent("gone", "it is not in main"),)
    )
    records = [*pairs([0.3] * 30, case("slow")), bad("candidate", 1, case("broken"))]
    for name in names:
        records += pairs([0.001, -0.001] * 15, case(name))
    write_pairs(results / "a", plan, *records)
    entry = read_one(results)
    assert (entry.kind, entry.state) == ("comparison", "1 of 7 cases not begun")
    assert re.fullmatch(
        r"\. against main: \*\*slow\*\* slower, \+[0-9.]+ % \\\[\+[0-9.]+, \+[0-9.]+\\\]; "
        r"\*\*broken\*\* failed; 4 cases no change\.",
        entry.cells[0],
    )
    assert entry.machines == ("2-core Test CPU, 8 GiB",)


def test_command_is_judged_by_its_looks(results):
    command = "python `job.py`"
    plan = command_plan(arguments=command)
    folder = write_pairs(results / "a", plan, *processes([0.3] * 7))
    assert read_one(results).state == "interrupted"  # killed: it planned no looks
    store.save_looks(folder, {"command": (10, 30)})
    with store.lock_folder(folder):
        assert read_one(results).state == "running"
    (folder / "run.lock").mkdir()  # which cannot be opened, as on a disk that is only read
    assert read_one(results).state == "interrupted"
    (folder / "run.lock").rmdir()
    store.save_looks(folder, {"command": (7,)})
    entry = read_one(results)
    assert (entry.kind, entry.state) == ("command", "complete")
    assert entry.cells[0].startswith(f". against main: **{escape(command)}** slower, +")
    assert entry.machines == ("2-core Test CPU, 8 GiB",)
    # A first look at seven of 60 pairs has not enough of them.
    store.save_looks(folder, {"command": (7, 20, 60)})
    assert f"**{escape(command)}** undecided, not estimated" in read_one(results).cells[0]
    # Finished pairs of an interrupted comparison are judged.
    store.append_record(folder, failure("base", 8, status="interrupted", reason=None))
    assert read_one(results).state == "interrupted"
    assert "undecided, not estimated" in read_one(results).cells[0]


def test_benchmarks_of_a_command_are_listed(results):
    plan = command_plan(arguments="pytest bench.py", pytest=True)
    slow = processes([0.3] * 30, name="bench.py::test_a")
    store.save_looks(write_pairs(results / "a", plan, *slow), {"command": (30,)})
    write_pairs(results / "b", plan, failure("base", 0))
    write_pairs(results / "c", plan)
    entries = read_entries(results)
    assert [entry.state for entry in entries] == ["complete", "complete", "not begun"]
    findings = {entry.path: entry.cells[0] for entry in entries}
    assert f"**{escape('bench.py::test_a')}** slower, +" in findings["a"]
    assert findings["b"].endswith("**pytest bench.py** failed.")
    assert findings["c"].endswith("**pytest bench.py** undecided.")


def test_run_has_its_answers_and_what_disturbed_it(results):
    taken = {"conditions": {"seconds": 10.0, "others_seconds": 10.0}}
    times = {"pytorch": 0.4, "keras-jax": 0.2, "keras-torch": 1.0}
    records = [ok(case(name), epoch=time, **taken) for name, time in times.items()]
    write(results / "run", plan_of(*records, rounds={"sgd": 1}), *records)
    first, *others = (cell.replace("\xa0", " ") for cell in read_one(results).cells)
    assert first.startswith("keras-jax, ")
    noise = "other processes took 50.0 % of the cores"
    assert others == ["400 ms", "200 ms / — / 1.0 s", noise]


# ----- the page


def test_page_links_reports_and_escapes_records(results):
    hostile = {**MACHINE, "name": "<script>m</script>"}
    folder = write(
        results / "a & b", run(case(HOSTILE)), *trials(case(HOSTILE), 0.5), machine=hostile
    )
    (folder / "report.html").write_text("")
    write_pairs(results / "b", comparison(HOSTILE), *two(1, 0.5, 0.5, case(HOSTILE)))
    bad = write(results / "javascript:x", run(case()))
    (bad / "report.md").write_text("")
    (bad / "run.json").write_text('{"format": 1, "<script>y</script>": 1}')
    page = write_index(results).read_text(encoding="utf-8")
    assert '<a href="a%20%26%20b/report.html">a &amp; b</a>' in page
    assert '<a href="javascript%3Ax/report.md">javascript:x</a>' in page
    assert '<time datetime="2025-01-02T03:04:05+00:00">2 Jan 2025, 03:04</time>' in page
    assert not re.search(r"<script>[xym]", page)
    assert page.count("&lt;script&gt;x&lt;/script&gt; | `c`") == 2
    assert "&lt;script&gt;m&lt;/script&gt;" in page
    assert re.findall("<h2>(.*)</h2>", page) == ["Runs", "Comparisons and others"]
    assert '<a href="b/comparison.json">b</a>' in page


def test_unwritable_index_is_a_user_error(results, monkeypatch):
    (results / "index.html").mkdir()
    with pytest.raises(UserError, match=r"cannot write to .*results: Is a directory"):
        write_index(results)
    assert [path.name for path in results.iterdir()] == ["index.html"]
    monkeypatch.setattr(index, "find_obstacle", lambda: "pip install")
    with pytest.raises(UserError, match="pip install"):
        write_index(results)


def test_history_is_drawn_of_three_comparisons_of_commits(results):
    for number, log in enumerate([0.0, 0.3, 0.0]):
        candidate = Version("HEAD", "revision", commit=f"{number}" * 40)
        created = f"2025-01-0{1 + number}T00:00:00+00:00"
        plan = command_plan(candidate=candidate, created=created, arguments=HOSTILE.strip())
        write_pairs(results / f"{9 - number}", plan, *processes([log] * 10))
        write_pairs(results / f"tree{number}", command_plan(), *processes([log] * 10))
    page = write_index(results).read_text(encoding="utf-8")
    assert re.findall("<figcaption>(.*)", page) == [f"{escape_html(HOSTILE.strip())}: time"]
    shown = re.findall("<title>(.*?)</title>", page.partition('class="slim"')[0])[1:]
    assert [tip.partition(" %")[0] for tip in shown] == [
        "0000000: no change, +0.0",
        "1111111: slower, +35.0",
        "2222222: no change, +0.0",
    ]
