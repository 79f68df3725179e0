"""Several runs in one report: every row keeps its machine, and no rank goes across two."""

import csv
import re

import pytest
from support.records import MACHINE, bare, case, environment, ok, run, trials, write

from bench.analysis.ranking import compare_to_fastest, select_comparable
from bench.errors import UserError
from bench.records import store
from bench.report import several, several_files
from bench.report.sections.machines import COMPARED, CROWDED, OVER_TIME, sections
from bench.report.several import BESIDE

FAST = {**MACHINE, "id": "fast", "name": "4-core Fast CPU"}
SLOW = {**MACHINE, "id": "slow", "name": "2-core Slow CPU"}
HOSTILE = "a | b\n## c `d` <script>x</script> [e](f)"


def measured(folder, machine, *records, plan=None, **changes):
    cases = {record.case.slug: record.case for record in records}
    plan = plan or run(*cases.values(), run=folder.name)
    return write(folder, plan, *records, machine=machine, **changes)


@pytest.fixture
def two(tmp_path):
    """Two runs of the same two cases: one machine takes a tenth of the other's time."""
    fast = [*trials(case("a", threads=4), 0.01, 0.01), *trials(case("b", threads=4), 0.03, 0.03)]
    slow = [*trials(case("a"), 0.1, 0.1), *trials(case("b"), 0.2, 0.2)]
    return [measured(tmp_path / "fast", FAST, *fast), measured(tmp_path / "slow", SLOW, *slow)]


def rows(found):
    return [row for each in found for row in each.rows]


def test_each_row_keeps_its_machine_and_is_held_against_the_fastest_there(two):
    found = rows(several.read(two))
    assert [(row.machine, row.case.implementation) for row in found] == [
        ("4-core Fast CPU", "a"), ("4-core Fast CPU", "b"),
        ("2-core Slow CPU", "a"), ("2-core Slow CPU", "b"),
    ]  # fmt: skip
    ratios = [compare_to_fastest(found, row).mean for row in found]
    assert ratios == pytest.approx([1, 3, 1, 2])
    assert [len(select_comparable(found, row)) for row in found] == [2, 2, 2, 2]


def test_rows_of_the_same_problem_on_two_machines_are_not_comparable(tmp_path):
    folders = [measured(tmp_path / name, machine, *trials(case("a"), epoch, epoch))
               for name, machine, epoch in (("x", FAST, 0.1), ("y", SLOW, 0.2))]  # fmt: skip
    found = rows(several.read(folders))
    assert [compare_to_fastest(found, row).mean for row in found] == [1, 1]


def test_two_runs_of_one_machine_are_not_held_against_each_other_either(tmp_path):
    folders = [measured(tmp_path / name, SLOW, *trials(case("a"), epoch, epoch))
               for name, epoch in (("x", 0.1), ("y", 0.2))]  # fmt: skip
    found = several.read(folders)
    assert [each.name for each in found] == ["2-core Slow CPU (x)", "2-core Slow CPU (y)"]
    assert [compare_to_fastest(rows(found), row).mean for row in rows(found)] == [1, 1]


def test_a_run_that_went_on_elsewhere_is_apart_by_machine(tmp_path):
    folder = measured(tmp_path / "x", FAST, *trials(case("a"), 0.1), *trials(case("b"), 0.2))
    store.add_environment(folder, environment(id="there", machine=SLOW))
    plan = store.read_run(folder).run
    store.append(folder, ok(case("a"), 2, 1.0, environment="there", run=plan))
    store.append(folder, bare(case("a"), 3, environment="there", status="failed", run=plan))
    found = several.read([folder])
    assert [each.name for each in found] == ["4-core Fast CPU", "2-core Slow CPU"]
    assert [(row.machine, row.case.implementation, len(row.faults)) for row in rows(found)] == [
        ("4-core Fast CPU", "a", 0), ("4-core Fast CPU", "b", 0), ("2-core Slow CPU", "a", 1),
    ]  # fmt: skip
    assert set(found[1].of.run.environments) == {"there"}


def test_machines_of_one_name_in_one_run_are_told_apart_by_their_id(tmp_path):
    folder = measured(tmp_path / "x", FAST, *trials(case("a"), 0.1))
    store.add_environment(folder, environment(id="there", machine={**FAST, "id": "other"}))
    plan = store.read_run(folder).run
    store.append(folder, bare(case("b"), environment="there", run=plan))
    assert [each.name for each in several.read([folder])] == [
        f"4-core Fast CPU ({folder}, fast)", f"4-core Fast CPU ({folder}, other)",
    ]  # fmt: skip


def test_a_run_without_a_record_has_its_place(tmp_path):
    (found,) = several.read([measured(tmp_path / "x", FAST, plan=run(case()))])
    assert (found.name, list(found.rows), found.of.missing) == ("4-core Fast CPU", [], 2)


def test_a_run_that_is_named_twice_is_refused(two, tmp_path):
    with pytest.raises(UserError, match=r".*fast and .*fast are one run; name it once"):
        several.read([two[0], tmp_path / "slow" / ".." / "fast"])


# ----- the machines compared


def compared(found):
    """Return the tables of the section, without those that a run of one size cannot have."""
    (first, *_) = sections(found, ["x"] * len(found))
    assert first.title == COMPARED
    return first


def test_the_machines_stand_side_by_side_with_their_intervals_and_speedups(two):
    rates, times = compared(several.read(two)).tables
    assert rates.title == "Samples a second, sgd: batch size 32, 48,000 samples of fashion-mnist"
    both = ("implementation", "4-core Fast CPU, 4 threads", "2-core Slow CPU, 2 threads")
    assert rates.headings == (*both, "parity error")
    assert rates.lines == [
        ["a", "4,800,000 [4,800,000, 4,800,000]", "480,000 [480,000, 480,000]", "1.5e-06"],
        ["b", "1,600,000 [1,600,000, 1,600,000]", "240,000 [240,000, 240,000]", "1.5e-06"],
    ]
    assert times.title.startswith("How many times as fast as 4-core Fast CPU, 4 threads, sgd: ")
    assert times.headings == both
    assert times.lines == [
        ["a", "1", "0.100 [0.100, 0.100]"], ["b", "1", "0.150 [0.150, 0.150]"]
    ]  # fmt: skip


def test_what_one_machine_lacks_is_said(tmp_path):
    fast = [*trials(case("a"), 0.1), *trials(case("b"), 0.1), bare(case("c"), status="unavailable")]
    slow = [
        *trials(case("a"), 0.2),
        bare(case("c")),
        *trials(case("d", objective="one-vs-rest"), 1),
    ]
    rates, times = compared(several.read(
        [measured(tmp_path / "x", FAST, *fast), measured(tmp_path / "y", SLOW, *slow)]
    )).tables  # fmt: skip
    assert rates.lines == [
        ["a", "480,000", "240,000", "1.5e-06"], ["b", "480,000", "not measured", "1.5e-06"],
        ["c", "unavailable", "failed", "—"],
        ["d (one-vs-rest)", "not measured", "48,000", "1.5e-06"],
    ]  # fmt: skip
    assert times.lines == [
        ["a", "1", "0.500"], ["b", "1", "not measured"], ["c", "unavailable", "failed"],
        ["d (one-vs-rest)", "not measured", "—"],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "data"),
    [
        ({"workload": "textbook"}, {}),
        ({"batch_size": 64}, {}),
        ({"samples": 9600}, {}),
        ({}, {"sha256": {"train images": "another"}}),
        ({}, {"name": "digits"}),
    ],
)
def test_other_problems_are_not_put_side_by_side(tmp_path, changes, data):
    other = {"name": "fashion-mnist", "source": "a mirror", "sha256": {}, **data}
    fast = measured(tmp_path / "x", FAST, *trials(case("a"), 0.1))
    slow = measured(tmp_path / "y", SLOW, *trials(case("a", **changes), 0.1), data=other)
    first = compared(several.read([fast, slow]))
    assert (list(first.tables), list(first.pictures), list(first.remarks)) == ([], [], [])
    assert first.nothing.startswith("No problem was given to two of them")


def test_only_the_first_size_of_a_sweep_stands_side_by_side(tmp_path):
    folders = []
    for name, machine in (("x", FAST), ("y", SLOW)):
        plan = run(case("a"), sweep=(case("a", batch_size=8),), run=name)
        records = [*trials(case("a"), 0.1), *trials(case("a", batch_size=8), 0.3)]
        folders.append(measured(tmp_path / name, machine, *records, plan=plan))
    rates, _, crossing = compared(several.read(folders)).tables
    assert "batch size 32" in rates.title
    assert len(rates.lines) == 1
    assert crossing.title == "From which batch size on, sgd on fashion-mnist"


# ----- over time


def over_time(folders):
    """Return the tables of the section."""
    runs = several.read(folders)
    titled = {section.title: section for section in sections(runs, ["x"] * len(runs))}
    return titled[OVER_TIME].tables


def night(folder, day, *records, machine=SLOW, torch="2.9.1", **changes):
    """Write a run that was created on this day of January."""
    cases = {record.case.slug: record.case for record in records}
    created = f"2025-01-{day:02}T03:04:05+00:00"
    plan = run(*cases.values(), run=folder.name, created=created)
    software = {"python": "3.11.7", "distributions": {"torch": torch, "numpy": "2.4"}}
    return measured(folder, machine, *records, plan=plan, software=software, **changes)


def test_runs_of_one_machine_stand_in_their_order_with_versions_that_changed(tmp_path):
    folders = [
        night(tmp_path / "third", 3, *trials(case("a"), 0.3, 0.3), torch="2.10.0"),
        night(tmp_path / "first", 1, *trials(case("a"), 0.1, 0.1), *trials(case("b"), 0.5)),
        night(tmp_path / "second", 2, *trials(case("a"), 0.2, 0.2), bare(case("b"))),
        night(tmp_path / "elsewhere", 2, *trials(case("a"), 0.2), machine=FAST),
    ]
    (table,) = over_time(folders)
    assert table.title.startswith("2-core Slow CPU (machine slow), fashion-mnist")
    assert table.headings == (
        "case",
        "first, 2025-01-01 03:04",
        "second, 2025-01-02 03:04",
        "third, 2025-01-03 03:04",
    )
    a, b = case("a").slug, case("b").slug
    assert table.lines == [
        [a, "100 ms [100, 100]", "200 ms [200, 200]", "300 ms [300, 300]"],
        [b, "500 ms", "failed", "not measured"],
        ["version of torch", "2.9.1", "2.9.1", "2.10.0"],
    ]


def test_runs_of_other_data_or_another_machine_are_not_in_one_table(tmp_path):
    other = {"name": "digits", "source": "scikit-learn", "sha256": {}}
    one = night(tmp_path / "one", 1, *trials(case("a"), 0.1))
    for number, changes in enumerate(({"data": other}, {"machine": FAST})):
        folder = night(tmp_path / f"{number}", 2, *trials(case("a"), 0.1), **changes)
        assert not over_time([one, folder])


def test_of_many_runs_the_newest_are_shown(tmp_path):
    days = range(1, BESIDE + 3)
    folders = [night(tmp_path / f"n{day}", day, *trials(case("a"), 0.1)) for day in days]
    (table,) = over_time(folders)
    assert table.headings[1].startswith("n3, ")
    assert len(table.headings) == BESIDE + 1


# ----- the files


def section(text, title):
    return text.split(f"\n## {title}\n")[1].split("\n## ")[0]


def test_the_files_hold_every_row_with_its_machine(two, tmp_path):
    output = tmp_path / "both"
    text = several_files.write(two, output).read_text(encoding="utf-8")
    workload = section(text, "Workload sgd: SGD(learning_rate=0.05)")
    lines = [line.split(" | ") for line in workload.splitlines() if line.startswith("| ")]
    assert lines[0][:2] == ["| implementation", "machine"]
    assert [(line[0], line[1]) for line in lines[2:]] == [
        ("| a", "4-core Fast CPU"), ("| b", "4-core Fast CPU"),
        ("| a", "2-core Slow CPU"), ("| b", "2-core Slow CPU"),
    ]  # fmt: skip
    assert "On this 4-core Fast CPU, **a** trains fastest" in workload
    assert "On this 2-core Slow CPU, **a** trains fastest" in workload
    with (output / "summary.csv").open(encoding="utf-8", newline="") as stream:
        found = list(csv.DictReader(stream))
    assert [(line["machine"], line["implementation"]) for line in found] == [
        ("4-core Fast CPU", "a"), ("4-core Fast CPU", "b"),
        ("2-core Slow CPU", "a"), ("2-core Slow CPU", "b"),
    ]  # fmt: skip
    assert (output / "machines-1.svg").read_text(encoding="utf-8").startswith("<svg")
    for name in ("machines-1", "throughput-1"):
        assert f"]({name}.svg)" in section(text, COMPARED)
    page = (output / "report.html").read_text(encoding="utf-8")
    chosen = page.split('name="machine">')[1].split("</select>")[0]
    assert re.findall("<option>(.*?)</option>", chosen) == ["2-core Slow CPU", "4-core Fast CPU"]
    for each in ("100 ms [100, 100]", "480,000 [480,000, 480,000]", "0.100 [0.100, 0.100]"):
        assert page.count(f">{each}</td>") == 1


def test_runs_of_one_machine_are_named_beside_what_was_found(tmp_path):
    folders = [measured(tmp_path / name, SLOW, *trials(case("a"), 0.1, 0.1)) for name in ("x", "y")]
    text = several_files.write(folders, tmp_path / "both").read_text(encoding="utf-8")
    for name in ("x", "y"):
        assert f"\n2-core Slow CPU ({name}): On this 2-core Slow CPU, **a** alone was" in text


def test_what_is_left_out_of_a_run_is_said_with_its_name(tmp_path):
    folders = [measured(tmp_path / name, SLOW, *trials(case("a"), 0.1, 0.1)) for name in ("x", "y")]
    with (folders[1] / "trials.jsonl").open("ab") as stream:
        stream.write(b"{}\n")
    text = several_files.write(folders, tmp_path / "both").read_text(encoding="utf-8")
    assert text.count("left out") == 1
    assert "\n- y: left out: trials.jsonl:3: not a Record: " in text


def test_each_run_is_named_with_the_way_to_its_own_report(two, tmp_path):
    (two[0] / "report.html").write_text("")
    text = several_files.write(two, tmp_path / "results" / "both").read_text(encoding="utf-8")
    assert "report: ../../fast/report.html" in text
    assert f"report: python -m bench report {two[1]}".replace("_", "\\_") in text
    machines = section(text, "Machine and software")
    assert machines.index("### 4-core Fast CPU") < machines.index("### 2-core Slow CPU")


def test_faults_and_figures_name_their_machine(tmp_path):
    figure = bare(case("figure-keras", workload="figure"), kind="figure", status="ok",
                  figure={"validation_accuracy": 0.85}, figure_seconds=1.0)  # fmt: skip
    fast = measured(
        tmp_path / "x", FAST, *trials(case("a"), 0.1), figure, plan=run(case("a"), run="x")
    )
    slow = measured(tmp_path / "y", SLOW, bare(case("a"), reason="it stumbled"))
    text = several_files.write([fast, slow], tmp_path / "both").read_text(encoding="utf-8")
    assert "| 2-core Slow CPU | sgd | a |" in section(text, "Failed and unavailable")
    assert "| figure-keras | 4-core Fast CPU |" in section(text, "The textbook's figures and ours")


def test_what_speedups_are_relative_to_is_chosen_and_said(two, tmp_path):
    text = several_files.write(two, tmp_path / "both", "slow").read_text(encoding="utf-8")
    shown = section(text, COMPARED)
    assert "### How many times as fast as 2-core Slow CPU, 2 threads, sgd: " in shown
    assert "\n| a | 10.0 \\[10.0, 10.0\\] | 1 |\n" in shown
    with pytest.raises(UserError, match="--relative-to gpu fits nothing"):
        several_files.write(two, tmp_path / "both", "gpu")
    with pytest.raises(UserError, match=r"--relative-to is for what several .*; leave it out"):
        several_files.write(two[:1], tmp_path / "both", "fast")


@pytest.mark.parametrize("name", ["run.json", "comparison.json", "calibration.json"])
def test_what_was_measured_is_not_written_over(two, tmp_path, name):
    output = tmp_path / "both"
    several_files.write(two, output)
    several_files.write(two, output)
    (output / name).write_text("{}")
    before = (output / "report.md").read_bytes()
    with pytest.raises(UserError, match=r"both holds what was measured; choose another --output"):
        several_files.write(two[:1], output)
    assert (output / "report.md").read_bytes() == before


def test_a_folder_that_cannot_be_written_is_an_error_of_one_line(two, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot write to .*file"):
        several_files.write(two, tmp_path / "file")


def test_no_name_of_a_record_becomes_markup(tmp_path):
    folders = []
    for name, machine in (("x", FAST), ("y", SLOW)):
        hostile = {**machine, "name": f"{machine['name']} {HOSTILE}"}
        records = [*trials(case(HOSTILE), 0.1, 0.1), bare(case("b"), reason=HOSTILE)]
        folders.append(measured(tmp_path / name, hostile, *records))
    text = several_files.write(folders, tmp_path / "both").read_text(encoding="utf-8")
    page = (tmp_path / "both" / "report.html").read_text(encoding="utf-8")
    assert "<script>x" not in text
    assert "<script>x" not in page
    assert not re.search(r"^## c", text, re.MULTILINE)
    assert "[e](f)" not in text.replace("\\[e\\](f)", "")
    for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        columns = {len(re.split(r"(?<!\\)\|", line)) for line in block.splitlines()}
        assert len(columns) == 1


# ----- many runs


@pytest.fixture(scope="module")
def crowd(tmp_path_factory):
    """The report of 21 runs of two machines: its folder."""
    folder = tmp_path_factory.mktemp("crowd")
    where = [FAST, *[SLOW] * BESIDE]
    folders = [measured(folder / f"n{number}", machine, *trials(case("a"), 0.1, 0.1))
               for number, machine in enumerate(where)]  # fmt: skip
    several_files.write(folders, folder / "all")
    return folder / "all"


def test_more_than_can_be_read_side_by_side_are_in_the_table_of_all_rows_alone(crowd):
    text = (crowd / "report.md").read_text(encoding="utf-8")
    assert section(text, COMPARED) == f"\n{CROWDED}\n"
    assert not list(crowd.glob("*.svg"))
    workload = section(text, "Workload sgd: SGD(learning_rate=0.05)")
    assert workload.startswith(f"\n{CROWDED}\n")
    assert workload.count("\n| a | ") == BESIDE + 1
    assert CROWDED.split("*")[0] in (crowd / "report.html").read_text(encoding="utf-8")


def test_of_many_runs_each_has_a_line_of_noise_and_those_of_one_machine_share_its_facts(crowd):
    text = (crowd / "report.md").read_text(encoding="utf-8")
    heading, _, *lines = section(text, "Noise").strip().splitlines()[2:]
    assert heading.startswith("| machine | spread within a process")
    assert len(lines) == BESIDE + 1
    machines = section(text, "Machine and software")
    assert re.findall("### (.*)", machines) == [
        "4-core Fast CPU", f"2-core Slow CPU (n1) and {BESIDE - 1} more"
    ]  # fmt: skip
    assert machines.count("| Run n") == BESIDE + 1
    assert machines.count("| python -m bench run |") == 2
    assert section(text, "The runs").count("python -m bench report RUN") == 1


def test_as_many_as_can_be_read_side_by_side_are(tmp_path):
    folders = [measured(tmp_path / f"n{number}", SLOW, *trials(case("a"), 0.1))
               for number in range(BESIDE)]  # fmt: skip
    rates, times = compared(several.read(folders)).tables
    assert (len(rates.headings), len(times.headings)) == (BESIDE + 2, BESIDE + 1)


def test_a_machine_with_a_gpu_is_two_to_be_read_side_by_side(tmp_path):
    both = [*trials(case("a"), 0.1), *trials(case("a", device="gpu"), 0.1)]
    folders = [measured(tmp_path / f"n{number}", SLOW, *both) for number in range(BESIDE // 2 + 1)]
    found = several.read(folders)
    assert compared(found).nothing == CROWDED
    assert len(compared(found[1:]).tables[0].headings) == BESIDE + 2
