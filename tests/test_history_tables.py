"""The tables of a history, its page, and ``bench history`` from end to end."""

import pytest
from fixtures_records import MACHINE, bare, case, environment, run, trials, write

from bench.history import Stored, keep, tracks
from bench.report import files, history

NUMPY = case("numpy", framework="numpy")
OTHER = {**MACHINE, "id": "fedcba987654", "name": "8-core Other CPU, 32 GiB"}


def stored(day, *records, **changes):
    plan = run(*{one.case.slug: one.case for one in records}.values(), run=f"of day {day}",
               created=f"2025-01-{day:02}T03:04:05+00:00")  # fmt: skip
    return keep(Stored(f"day-{day}", plan, records, {"here": environment(**changes)}))


@pytest.fixture
def three():
    """A time, a failure, a time again: of NumPy; of PyTorch in the last two; PyTorch is renewed."""
    software = {"python": "3.11.9", "distributions": {"torch": "2.8", "rich": "14"}}
    torch = case("pytorch")
    return [
        stored(1, *trials(NUMPY, 0.5, 0.5)),
        stored(2, bare(NUMPY, reason="parity"), *trials(torch, 0.2, 0.2), software=software),
        stored(3, *trials(NUMPY, 0.4), *trials(torch, 0.3)),
    ]


def lines(table):
    return [dict(zip(table.headings, line, strict=True)) for line in table.lines]


def of(table, name):
    return [line for line in lines(table) if line["implementation"] == name]


def test_every_run_has_a_line_with_all_that_changed(three):
    (track,) = tracks(three)
    table = history.runs(track)
    assert table.title == "2-core Test CPU, 8 GiB (machine 0123456789ab), fashion-mnist"
    first, second, third = lines(table)
    assert first == {"run": "1", "folder": "day-1", "created (UTC)": "2025-01-01 03:04",
                     "changed since the run before": "—"}  # fmt: skip
    assert "torch 2.9.1 → 2.8" in second["changed since the run before"].split("; ")
    assert "rich 14 → absent" in third["changed since the run before"].split("; ")


def test_a_run_in_which_nothing_changed_says_so():
    (track,) = tracks([stored(1, *trials(NUMPY, 0.5)), stored(2, *trials(NUMPY, 0.5))])
    (group,) = history.groups(track)
    assert lines(history.runs(track))[1]["changed since the run before"] == "nothing"
    assert lines(history.cases(group))[1]["changed since the run before"] == "nothing"


def test_every_case_has_a_line_for_each_run_and_none_is_blank(three):
    (track,) = tracks(three)
    (group,) = history.groups(track)
    table = history.cases(group)
    assert table.title == (
        "Workload sgd, cpu, batch size 32, 2 threads, 48,000 samples; machine 0123456789ab"
    )
    assert [line["epoch"] for line in of(table, "numpy")] == [
        "500 ms [500, 500]", "failed", "400 ms"
    ]  # fmt: skip
    assert [line["epoch"] for line in of(table, "pytorch")] == [
        "not measured", "200 ms [200, 200]", "300 ms"
    ]  # fmt: skip
    assert [line["times the run before"] for line in of(table, "pytorch")] == ["—", "—", "1.500"]
    assert [line["run"] for line in of(table, "numpy")] == ["1", "2", "3"]
    changed = [line["changed since the run before"] for line in of(table, "pytorch")]
    assert changed[:2] == ["—", "—"]
    assert "torch 2.8 → 2.9.1" in changed[2]
    assert all(cell for line in table.lines for cell in line)
    assert table.numeric == {4, 5}


def test_two_problems_are_two_tables():
    records = (*trials(NUMPY, 0.5), *trials(case("numpy", workload="textbook"), 0.5))
    (track,) = tracks([stored(1, *records)])
    assert [each.title.split(",")[0] for each in history.groups(track)] == [
        "Workload sgd", "Workload textbook"
    ]  # fmt: skip
    assert [len(each.courses) for each in history.groups(track)] == [1, 1]


def test_it_says_that_nothing_is_judged_and_that_machines_are_apart():
    one, other = stored(1, *trials(NUMPY, 0.5)), stored(2, *trials(NUMPY, 0.9), machine=OTHER)
    assert history.remarks([one], tracks([one])) == [history.NOT_JUDGED]
    assert history.NOT_JUDGED == "Run-to-run differences are not judged here; use bench ab."
    both = [one, other]
    assert history.remarks(both, tracks(both)) == [history.APART, history.NOT_JUDGED]


def test_a_run_without_a_record_is_named():
    said = history.remarks([keep(Stored("empty", run(NUMPY), [], {}))], [])
    assert said == ["empty has no record: left out.", history.NOT_JUDGED]


def test_a_damaged_run_is_read_as_far_as_it_is_whole_and_that_is_said(tmp_path):
    runs_on_disk(tmp_path)
    folder = min(tmp_path.iterdir())
    whole = history.read(folder)
    with (folder / "trials.jsonl").open("ab") as stream:
        stream.write(b"{}\n" * 2)
    found = history.read(folder)
    assert (found.pasts, whole.faults) == (whole.pasts, [])
    at = (folder / "trials.jsonl").read_bytes().count(b"\n") - 1
    assert history.remarks([found], tracks([found]))[0].startswith(
        f"{folder.name}: 2 left out, as trials.jsonl:{at}: not a Record: "
    )


def page(folder, found):
    tracked = tracks(found)
    return history.write(folder, tracked, history.remarks(found, tracked)).read_text()


def test_the_page_has_the_tables_of_every_machine_and_a_chart_beside_each(three, tmp_path):
    text = page(tmp_path / "a" / "b", [*three, stored(4, *trials(NUMPY, 0.7), machine=OTHER)])
    charts = sorted(path.name for path in (tmp_path / "a" / "b").glob("*.svg"))
    assert charts == ["history-1-sgd.svg", "history-2-sgd.svg"]
    for each in charts:
        assert f"]({each})" in text
        assert (tmp_path / "a" / "b" / each).read_text().startswith("<svg")
    for said in ("## 2-core Test CPU", "## 8-core Other CPU", "day-3", "1.500", "not judged here",
                 "kept apart"):  # fmt: skip
        assert said in text
    assert "regression" not in text


def test_a_group_without_any_time_has_no_chart(tmp_path):
    text = page(tmp_path, [stored(1, bare(NUMPY, reason="parity"))])
    assert "| failed |" in text
    assert not list(tmp_path.glob("*.svg"))
    assert "](" not in text


def test_without_the_extra_for_charts_the_page_is_written_all_the_same(
    three, tmp_path, monkeypatch
):
    monkeypatch.setattr(files, "can_draw", lambda: False)
    text = page(tmp_path, three)
    assert "1.500" in text
    assert [path.name for path in tmp_path.iterdir()] == ["history.md"]


def test_what_a_record_says_is_escaped(tmp_path):
    hostile = "<script>`a` | b"
    named = environment(machine={**MACHINE, "name": hostile})
    found = Stored(hostile, run(case(hostile)), trials(case(hostile), 0.5), {"here": named})
    text = page(tmp_path, [keep(found)])
    assert "<script>" not in text
    assert "&lt;script&gt;" in text
    (chart,) = tmp_path.glob("*.svg")
    assert "<script>" not in chart.read_text()


def runs_on_disk(folder):
    for day, time in ((1, 0.5), (2, 0.4)):
        plan = run(NUMPY, run=f"of day {day}", created=f"2025-01-{day:02}T03:04:05+00:00")
        write(folder / f"day-{day}", plan, *trials(NUMPY, time, time))


def test_the_verb_shows_the_tables_and_writes_the_page(bench, tmp_path):
    runs_on_disk(tmp_path)
    ended = bench("history", "day-2", "day-1", "--output=out")
    assert (ended.returncode, ended.stderr) == (0, "")
    for said in ("day-1", "400 ms", "0.800", "machine 0123456789ab", history.NOT_JUDGED,
                 "out/history.md"):  # fmt: skip
        assert said in ended.stdout
    assert "0.800" in (tmp_path / "out" / "history.md").read_text()
    assert not bench("history", "day-1").stdout.count("history.md")


def test_a_folder_is_called_as_it_is_even_from_within(tmp_path, monkeypatch):
    runs_on_disk(tmp_path)
    monkeypatch.chdir(tmp_path / "day-1")
    (track,) = tracks([history.read(history.Path())])
    assert track.pasts[0].folder == "day-1"


def test_a_folder_without_a_run_is_refused(refused, tmp_path):
    runs_on_disk(tmp_path)
    assert "holds no run" in refused("history", "day-1", "nowhere")
    assert "are one run" in refused("history", "day-1", "day-1")


def test_a_file_in_the_place_of_the_folder_is_refused_in_one_line(three, tmp_path):
    (tmp_path / "out").touch()
    with pytest.raises(history.UserError, match="choose another --output"):
        page(tmp_path / "out", three)
