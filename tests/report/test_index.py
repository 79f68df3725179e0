"""The index has an entry for every folder, whatever is in it, and says what each holds."""

import datetime as dt
import json
import re
import shutil
from pathlib import Path

import pytest
from support.comparisons import bad, calibrated, comparison, pairs, session, two
from support.records import MACHINE, bare, case, environment, ok, run, trials, write

from bench.errors import UserError
from bench.records import store
from bench.records.schema import Slowdown
from bench.regression.paired.plan import Absent
from bench.report import index
from bench.report.index import read_entries, write_index
from bench.report.sections.headline import NOTHING

HOSTILE = "<script>x</script> | `c`\n"


@pytest.fixture
def results(tmp_path):
    (tmp_path / "results").mkdir()
    return tmp_path / "results"


def said(entry):
    return "".join(phrase.text for phrase in entry.summary.finding)


def one(root):
    (found,) = read_entries(root)
    return found


def compared(folder, plan, *records):
    store.create_run(folder, plan, "comparison.json")
    store.add_environment(folder, environment())
    for record in records:
        store.append_record(folder, record)
    return folder


def test_run_has_machine_time_finding_and_page(results):
    folder = write(
        results / "a",
        run(case("a"), case("b")),
        *trials(case("a"), 0.5, 0.5),
        *trials(case("b"), 1.0, 1.0),
    )
    (folder / "report.md").write_text("")
    found = one(results)
    assert (found.path, found.summary.kind, found.summary.state) == ("a", "run", "complete")
    assert found.summary.created == dt.datetime(2025, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
    assert found.summary.machines == ("2-core Test CPU, 8 GiB",)
    assert said(found).startswith("a trains fastest: 500 ms [500, 500] an epoch, 2.00 [2.00, 2.00]")
    assert found.page == "a/report.md"
    (folder / "report.html").write_text("")
    assert one(results).page == "a/report.html"


def test_finding_is_of_the_first_workload(results):
    plan = run(case("a", workload="textbook"), case("a"))
    write(results / "a", plan, *trials(case("a"), 0.1), *trials(case("a", workload="textbook"), 7))
    assert "7.00 s" in said(one(results))


def test_state_has_missing_and_failed_trials(results):
    plan = run(case("a"), case("b"))
    write(results / "none", plan)
    first = bare(case("a"), 1, status="timeout")
    write(results / "some", plan, first, bare(case("b"), 1, status="interrupted"))
    unavailable = [
        bare(case(name), number, status="unavailable") for name in ("a", "b") for number in (1, 2)
    ]
    write(results / "whole", plan, *unavailable)
    assert [(each.path, each.summary.state) for each in read_entries(results)] == [
        ("none", "4 of 4 trials missing"),
        ("some", "3 of 4 trials missing, 1 failed"),
        ("whole", "complete"),
    ]
    assert said(read_entries(results)[0]) == NOTHING


def test_run_on_two_machines_names_both_once(results):
    folder = write(results / "a", run(case()))
    store.add_environment(folder, environment(id="again"))
    store.add_environment(folder, environment(id="there", machine={**MACHINE, "name": "other"}))
    assert one(results).summary.machines == ("2-core Test CPU, 8 GiB", "other")


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
    (results / "zero").mkdir()
    found = [each.path for each in read_entries(results)]
    assert found == ["bare", "new", "east", "old", "never", "zero"]


def test_nested_folders_count_if_they_have_results(results):
    write(results / "reference" / "a", run(case()))
    (results / "reference" / "b" / "deep").mkdir(parents=True)
    (results / "notes" / "c").mkdir(parents=True)
    (results / ".hidden").mkdir()
    (results / "README.md").write_text("")
    kinds = {each.path: each.summary.kind for each in read_entries(results)}
    assert kinds == {"reference/a": "run", "reference/b": "no run", "notes": "no run"}
    assert said(read_entries(results)[1]) == (
        "It holds none of run.json, comparison.json, calibration.json."
    )


def test_runs_of_a_collection_have_their_pages(results):
    for name in ("a", "b"):
        write(results / "all" / name, run(case(), run=name))
    (results / "all" / "a" / "report.md").touch()
    (results / "all" / "report.md").touch()
    pages = {each.path: each.page for each in read_entries(results)}
    assert pages == {"all/a": "all/a/report.md", "all/b": None}


def test_circular_link_is_not_followed(results):
    (results / "round").symlink_to(results)
    write(results / "a", run(case()))
    kinds = {"a": "run", "round": "no run"}
    assert {each.path: each.summary.kind for each in read_entries(results)} == kinds
    shutil.rmtree(results / "a")
    write(results.parent / "elsewhere", run(case()))
    (results / "round").unlink()
    (results / "linked").symlink_to(results.parent / "elsewhere")
    assert one(results).summary.kind == "run"


def test_unreadable_folder_is_an_entry(results, monkeypatch):
    (results / "theirs").mkdir()
    write(results / "ours", run(case()))
    exists, iterdir = Path.exists, Path.iterdir

    def refused(path):
        if "theirs" in path.parts:
            raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "exists", lambda path: refused(path) or exists(path))
    monkeypatch.setattr(Path, "iterdir", lambda path: refused(path) or iterdir(path))
    assert [(each.path, each.summary.kind) for each in read_entries(results)] == [
        ("ours", "run"),
        ("theirs", "no run"),
    ]


def broken(folder):
    """Return ways in which a run's folder may be damaged, each with what is to be said of it."""
    plan = folder / "run.json"
    lines = folder / "trials.jsonl"
    found = json.loads(plan.read_text(encoding="utf-8"))
    return {
        "run.json: not a Run": lambda: plan.write_text("{"),
        "format 99 is newer": lambda: plan.write_text(json.dumps({**found, "format": 99})),
        "trials.jsonl: cannot be read": lambda: (lines.unlink(), lines.mkdir()),
        "run.json: cannot be read": lambda: (plan.unlink(), plan.mkdir()),
        "it has no rounds of sgd": lambda: plan.write_text(json.dumps({**found, "rounds": {}})),
    }


@pytest.mark.parametrize("number", range(5))
def test_damaged_folder_is_an_entry_with_its_reason(results, number):
    write(results / "good", run(case()), *trials(case(), 0.5, 0.5))
    folder = write(results / "bad", run(case()), *trials(case(), 0.5))
    (folder / "report.md").write_text("")
    reason, damage = list(broken(folder).items())[number]
    damage()
    good, found = read_entries(results)
    assert (good.path, good.summary.kind) == ("good", "run")
    assert (found.path, found.summary.kind, found.summary.state) == ("bad", "unreadable", "damaged")
    assert any(each in said(found) for each in reason.split("|"))
    assert str(results) not in said(found)
    assert {part.kind for part in found.summary.finding} == {"record"}
    assert found.page == "bad/report.md"


@pytest.mark.parametrize("file", ["trials.jsonl", "environments/here.json"])
def test_whole_records_of_a_damaged_run_count(results, file):
    folder = write(results / "a", run(case()), *trials(case(), 0.5, 0.5))
    path = folder / file
    path.write_bytes(path.read_bytes().replace(b"0.5", b"0.6", 1).replace(b"here", b"gone", 1))
    found = one(results)
    if file == "trials.jsonl":
        assert found.summary.state == "1 of 2 trials missing, 1 damaged"
        assert "500 ms an epoch" in said(found)
    else:
        assert found.summary.state == "2 of 2 trials missing, 3 damaged"


def test_trials_of_every_machine_count(results):
    folder = write(results / "a", run(case()), ok(case(), 1, 0.5))
    store.add_environment(folder, environment(id="there", machine={**MACHINE, "id": "other"}))
    store.append_record(folder, bare(case(), 2, environment="there"))
    assert one(results).summary.state == "1 failed"


def test_comparison_lists_its_outcomes(results):
    names = [f"same{number}" for number in range(4)]
    plan = comparison(
        "slow", *names, "broken", "absent", absent=(Absent("gone", "it is not in main"),)
    )
    records = [*pairs([0.3] * 30, case("slow")), bad("candidate", 1, case("broken"))]
    for name in names:
        records += pairs([0.001, -0.001] * 15, case(name))
    compared(results / "a", plan, *records)
    found = one(results)
    assert (found.summary.kind, found.summary.state) == ("comparison", "1 of 7 cases not begun")
    assert said(found) == ". against main: slow slower; broken failed; 4 cases no change."
    assert found.summary.machines == ("2-core Test CPU, 8 GiB",)
    names = [phrase.text for phrase in found.summary.finding if phrase.kind == "name"]
    assert names == ["slow", "broken"]


def test_comparison_without_pairs_says_so(results):
    compared(results / "a", comparison("x"))
    found = one(results)
    assert said(found) == ". against main: nothing was measured."
    assert found.summary.state == "1 of 1 cases not begun"
    compared(
        results / "b",
        comparison("x", "y", "z"),
        *two(1, 0.5, 0.5, case("x")),
        *two(1, 0.5, 0.5, case("y")),
        *two(1, 0.5, 0.5, case("z")),
    )
    assert said(read_entries(results)[1]) == ". against main: x, y and z undecided."


def test_damaged_comparison_is_an_entry(results):
    compared(results / "a", comparison("x"), *two(1, 0.5, 0.5, case("y")))
    found = one(results)
    assert found.summary.kind == "unreadable"
    assert "no case of this comparison" in said(found)


def test_calibration_counts_its_pairs(results):
    plan = session(
        case("numpy"),
        case("jax"),
        case("jax", batch_size=8),
        slowdowns=(Slowdown(0.02), Slowdown(0.2, 5)),
    )
    calibrated(results / "machine", plan, [*two(1, 0.5, 0.5), *two(2, 0.5, 0.5), *two(3, 1, 1)[:1]])
    found = one(results)
    assert (found.path, found.summary.kind, found.summary.state) == (
        "machine/a session",
        "calibration",
        "complete",
    )
    assert said(found) == (
        "2 pairs of numpy and jax with themselves; injected: 2 %, 20 % in one epoch of 5."
    )
    shutil.rmtree(results / "machine")
    calibrated(results / "machine", session(), [])
    assert said(one(results)) == "0 pairs of numpy with themselves; injected: nothing."
    assert one(results).summary.state == "no pair succeeded"


def test_text_of_records_is_marked(results):
    write(results / "a", run(case(HOSTILE)), *trials(case(HOSTILE), 0.5))
    plan = comparison(HOSTILE)
    compared(results / "b", plan, *two(1, 0.5, 0.5, case(HOSTILE)))
    calibrated(results / "c", session(case(HOSTILE)), two(1, 0.5, 0.5, case(HOSTILE)))
    found = read_entries(results)
    assert len(found) == 3
    for each in found:
        parts = [part for part in each.summary.finding if "<script>" in part.text]
        assert parts
        assert {part.kind for part in parts} == {"name"}


def test_missing_folder_is_a_user_error(tmp_path):
    with pytest.raises(UserError, match=r"there is no folder .*results; measure something first"):
        read_entries(tmp_path / "results")


# ----- the page


def test_page_links_reports_and_escapes_records(results):
    hostile = {**MACHINE, "name": "<script>m</script>"}
    folder = write(
        results / "a & b", run(case(HOSTILE)), *trials(case(HOSTILE), 0.5), machine=hostile
    )
    (folder / "report.html").write_text("")
    bad = write(results / "javascript:x", run(case()))
    (bad / "report.md").write_text("")
    (bad / "run.json").write_text('{"format": 1, "<script>y</script>": 1}')
    page = write_index(results).read_text(encoding="utf-8")
    assert '<a href="a%20%26%20b/report.html">a &amp; b</a>' in page
    assert '<a href="javascript%3Ax/report.md">javascript:x</a>' in page
    assert '<time datetime="2025-01-02T03:04:05+00:00">2025-01-02 03:04</time>' in page
    assert not re.search(r"<script>[xym]", page)
    assert "&lt;script&gt;m&lt;/script&gt;" in page
    assert "1 run, 1 unreadable; the newest first." in page


def test_empty_folder_has_a_page(results):
    assert "There are no results yet." in write_index(results).read_text(encoding="utf-8")


def test_unwritable_index_is_a_user_error(results, monkeypatch):
    (results / "index.html").mkdir()
    with pytest.raises(UserError, match=r"cannot write to .*results: Is a directory"):
        write_index(results)
    monkeypatch.setattr(index, "can_draw", lambda: False)
    with pytest.raises(UserError, match=r"pip install 'softmax-bench\[report\]'"):
        write_index(results)
