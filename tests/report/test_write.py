"""The files of a report: what they hold for one and for several runs, and how they are written."""

import csv
import importlib.util
import re
import resource
from contextlib import contextmanager

import pytest
from support.records import MACHINE, bare, case, run, trials, write

from bench.errors import UserError
from bench.records import jsonl, store
from bench.records.schema import Parity
from bench.report.index import write_index
from bench.report.load import load_run, load_runs
from bench.report.readme import END, START, render_readme_part, update_readme
from bench.report.sections.machines import COMPARED, CROWDED, MAX_COLUMNS
from bench.report.write import write_report

# Newlines, cell separators, code, HTML and emphasis, as a hostile record may have them.
HOSTILE = "a | b\n# c `d` <script>x</script> [e](f) *g* _h_ ~~i~~ &lt; \\| ![j](k)"
FAST = {**MACHINE, "id": "fast", "name": "4-core Fast CPU"}
SLOW = {**MACHINE, "id": "slow", "name": "2-core Slow CPU"}


def write_one(folder):
    return write_report([load_run(folder)]).read_text(encoding="utf-8")


def unescape(text):
    """Read Markdown's escapes, as a renderer would."""
    text = re.sub(r"\\([\\`*_{}\[\]|#~])", r"\1", text)
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def section(text, heading):
    return text.partition(f"\n## {heading}")[2].partition("\n## ")[0]


def read_table(text):
    lines = [
        [unescape(cell.strip()) for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for line in text.splitlines()
        if line.startswith("|")
    ]
    return [dict(zip(lines[0], line, strict=True)) for line in lines[2:]]


@pytest.fixture
def complete(tmp_path):
    """A run with all that can happen: good, failed, unavailable, hostile, textbook, missing."""
    fast, slow = case("fast"), case("slow", style="tuned")
    wrong, absent, odd = case("wrong"), case("absent"), case(HOSTILE, framework=HOSTILE)
    other = case("ovr", objective="one-vs-rest")
    textbook = case("textbook-only", workload="textbook")
    figure = case("figure-keras", framework="keras", workload="figure")
    command = "python -m bench run\n```\n<script>"
    cases = (fast, slow, wrong, absent, odd, other, textbook)
    parity = Parity(2e-4, 1e-5, passed=False)
    quoted = {"validation_accuracy": 0.8495, "validation_loss": 0.44}
    records = [
        *trials(fast, 0.5, 0.5),
        *trials(slow, 1.0, 1.0),
        *trials(odd, 2.0, 2.0),
        *trials(wrong, 0.1, 0.1, status="failed", reason=HOSTILE, parity=parity),
        *(bare(absent, n, status="unavailable", reason="torch is not installed") for n in (1, 2)),
        *trials(other, 0.25),
        bare(other, 2, status="interrupted"),
        bare(textbook, status="timeout", reason="more than 600 s"),
        bare(
            figure,
            trial="r1-figure-keras",
            kind="textbook",
            status="ok",
            program_seconds=12.0,
            quantities=quoted,
        ),
    ]
    plan = run(*cases, textbook=(figure,), command=command)
    return write(tmp_path / "results" / "run", plan, *records, machine={**MACHINE, "os": HOSTILE})


@pytest.fixture
def text(complete):
    return write_one(complete)


# ----- one run


def test_command_is_code_with_the_facts(text):
    assert "\n\n    python -m bench run ``` <script>\n\n" in section(text, "Machine and software")


def test_opening_has_machine_and_missing_trials(text):
    opening = text.partition("\n## ")[0]
    assert "Measured on 2-core Test CPU, 8 GiB, started 2025-01-02T03:04:05+00:00" in opening
    assert "**1 planned trials are missing**" in opening


def test_ranked_rows_have_correctness_beside_the_time(text):
    sgd = section(text, "Workload sgd: SGD(learning\\_rate=0.05)")
    assert "On this 2-core Test CPU, 8 GiB, **fast** trains fastest: 500 ms [500, 500]" in sgd
    assert "2 threads, 48,000 samples; 1 or 2 processes a row.)" in sgd
    ovr, fast, slow, odd = read_table(sgd)
    assert odd["implementation"] == " ".join(HOSTILE.split())
    assert slow == {
        "implementation": "slow",
        "framework": "torch 2.9.1",
        "objective": "softmax",
        "style": "tuned",
        "data": "resident",
        "validation accuracy": "0.8396",
        "test accuracy": "0.8321",
        "epoch": "1.00 s [1.00, 1.00]",
        "samples/s": "48,000",
        "× fastest": "2.00 [2.00, 2.00]",
        "first epoch": "3.00 s",
        "set-up": "250 ms",
        "import": "2.00 s",
        "% of roofline": "—",
        "peak memory": "512 MiB",
        "parity error": "1.5e-06",
    }
    assert (fast["× fastest"], ovr["× fastest"], ovr["objective"]) == ("1", "0.500", "one-vs-rest")


def test_failed_trials_have_their_reasons(text):
    assert "|" not in section(text, "Workload textbook: RMSprop(")
    faults = read_table(section(text, "Failed and unavailable"))
    assert [(row["implementation"], row["status"], row["trials"]) for row in faults] == [
        ("absent", "unavailable", "2 of 2"),
        ("wrong", "failed", "2 of 2"),
        ("textbook-only", "timeout", "1 of 1"),
    ]
    assert faults[0]["reason"] == "torch is not installed"
    assert faults[1]["reason"] == " ".join(HOSTILE.split())
    assert faults[0]["problem"] == "cpu, batch size 32, 2 threads, 48,000 samples"


def test_textbook_figures_are_beside_ours(text):
    accuracy, loss = read_table(section(text, "The textbook's figures and ours"))
    assert (accuracy["textbook"], accuracy["ours"]) == ("0.8463", "0.8495")
    assert accuracy["verdict"] == "differs by 0.0032: within 0.01"
    assert (accuracy["took"], accuracy["framework"]) == ("12.0 s", "keras 3.12")
    assert (loss["quantity"], loss["ours"]) == ("validation loss", "0.4400")


def test_damage_is_named_in_every_format_up_to_a_limit(complete):
    assert "Left out" not in write_one(complete)
    path = complete / "trials.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"round":1', b'"round":3', 1) + b"<b>\n" * 7)
    opening = write_one(complete).partition("\n## ")[0]
    page = (complete / "report.html").read_text(encoding="utf-8")
    assert "**Left out**: trials.jsonl:1: " in opening
    assert "<strong>Left out</strong>: trials.jsonl:1: " in page
    assert opening.count("**Left out**") == 6
    assert "3 other lines or files, damaged too" in opening


def test_run_without_a_trial_has_a_report(tmp_path):
    store.create_run(tmp_path / "run", run(case()))
    text = write_one(tmp_path / "run")
    assert "Measured on no machine yet" in text
    assert "**2 planned trials are missing**" in text


def test_charts_are_linked_and_have_every_name(complete, text):
    links = re.findall(r"!\[.*?\]\((.*?)\)", section(text, "Workload sgd"))
    assert links == ["epoch-sgd.svg", "cold-start-sgd.svg"]
    for file in links:
        svg = (complete / file).read_text(encoding="utf-8")
        assert "<script" not in svg
        assert all(f">{name}<" in svg for name in ("fast", "slow", "ovr (one-vs-rest)"))
        assert ">wrong<" not in svg
    assert not list(complete.glob("*textbook*"))


def test_workload_of_any_name_stays_in_the_folder(tmp_path):
    odd = case(workload="../a) <b>")
    write_one(write(tmp_path / "run", run(odd, rounds={odd.workload: 1}), *trials(odd, 0.5)))
    assert "epoch----a---b-.svg" in [path.name for path in (tmp_path / "run").iterdir()]
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


@pytest.mark.parametrize("absent", ["altair", "vl_convert", "jinja2", "markdown_it"])
def test_without_the_extra_there_are_no_charts_and_no_page(complete, monkeypatch, absent):
    (complete / "report.html").write_text("older, with other numbers")
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == absent else find(name)
    )
    assert "](epoch" not in write_one(complete)
    assert not list(complete.glob("*.svg"))
    assert not (complete / "report.html").exists()


# ----- several runs


def write_on(folder, machine, *records):
    plan = run(*{record.case.slug: record.case for record in records}.values(), run=folder.name)
    return write(folder, plan, *records, machine=machine)


def write_all(folders, output):
    return write_report(load_runs(folders), output).read_text(encoding="utf-8")


@pytest.fixture
def two(tmp_path):
    """Two runs of the same two cases: one machine takes a tenth of the other's time."""
    fast = [*trials(case("a", threads=4), 0.01, 0.01), *trials(case("b", threads=4), 0.03, 0.03)]
    slow = [*trials(case("a"), 0.1, 0.1), *trials(case("b"), 0.2, 0.2)]
    return [write_on(tmp_path / "fast", FAST, *fast), write_on(tmp_path / "slow", SLOW, *slow)]


def test_files_of_several_runs_have_every_row_with_its_machine(two, tmp_path):
    output = tmp_path / "both"
    text = write_all(two, output)
    workload = section(text, "Workload sgd")
    expected = [(machine["name"], name) for machine in (FAST, SLOW) for name in "ab"]
    table = read_table(workload)
    assert [(row["machine"], row["implementation"]) for row in table] == expected
    for machine in (FAST, SLOW):
        assert f"On this {machine['name']}, **a** trains fastest" in workload
    with (output / "summary.csv").open(encoding="utf-8", newline="") as stream:
        lines = list(csv.DictReader(stream))
    assert [(line["machine"], line["implementation"]) for line in lines] == expected
    assert "](machines-1.svg)" in section(text, COMPARED)
    assert (output / "machines-1.svg").read_text(encoding="utf-8").startswith("<svg")
    page = (output / "report.html").read_text(encoding="utf-8")
    filters = page.split('name="machine">')[1].split("</select>")[0]
    assert re.findall("<option>(.*?)</option>", filters) == [SLOW["name"], FAST["name"]]


def test_runs_of_several_name_their_own_reports_and_faults(two, tmp_path):
    (two[0] / "report.html").write_text("")
    with (two[1] / "trials.jsonl").open("ab") as stream:
        stream.write(b"{}\n")
    text = write_all(two, tmp_path / "results" / "both")
    assert "report: ../../fast/report.html" in text
    assert f"report: python -m bench report {two[1]}".replace("_", "\\_") in text
    assert text.count("left out") == 1
    assert "\n- slow: left out: trials.jsonl:5: " in text


def test_speedups_are_relative_to_the_first_run(two, tmp_path):
    text = write_all(two[::-1], tmp_path / "both")
    assert "### Speedup over 2-core Slow CPU, 2 threads" in text
    assert "\n| a | 1 | 10.0 \\[10.0, 10.0\\] |\n" in section(text, COMPARED)


@pytest.mark.parametrize("name", jsonl.PLANS)
def test_measurements_are_never_overwritten_by_a_report(two, tmp_path, name):
    output = tmp_path / "both"
    write_all(two, output)
    before = {path: path.read_bytes() for path in output.iterdir()}
    (output / name).write_text("{}")
    with pytest.raises(UserError, match="choose another --output"):
        write_all(two, output)
    assert {path: path.read_bytes() for path in before} == before


def test_names_of_several_runs_never_become_markup(tmp_path):
    folders = []
    for name, machine in (("x", FAST), ("y", SLOW)):
        hostile = {**machine, "name": f"{machine['name']} {HOSTILE}"}
        records = [*trials(case(HOSTILE), 0.1, 0.1), bare(case("b"), reason=HOSTILE)]
        folders.append(write_on(tmp_path / name, hostile, *records))
    text = write_all(folders, tmp_path / "both")
    page = (tmp_path / "both" / "report.html").read_text(encoding="utf-8")
    assert "<script>x" not in text
    assert "<script>x" not in page
    assert not re.search(r"^# c", text, re.MULTILINE)
    assert "[e](f)" not in text.replace("\\[e\\](f)", "")


def test_many_runs_have_lines_instead_of_columns(tmp_path):
    machines = [FAST, *[SLOW] * MAX_COLUMNS]
    folders = [
        write_on(tmp_path / f"n{number}", machine, *trials(case("a"), 0.1, 0.1))
        for number, machine in enumerate(machines)
    ]
    text = write_all(folders, tmp_path / "all")
    assert section(text, COMPARED).strip() == CROWDED
    assert not list((tmp_path / "all").glob("*.svg"))
    workload = section(text, "Workload sgd")
    assert workload.count(CROWDED) == 1
    assert workload.count("\n| a | ") == len(machines)
    assert len(read_table(section(text, "Noise"))) == len(machines)
    facts = section(text, "Machine and software")
    assert facts.count("### ") == 2
    assert facts.count("| Run n") == len(machines)


# ----- the README


@pytest.fixture
def readme(complete):
    path = complete.parents[1] / "README.md"
    path.write_text(f"before\n{START}\nold\n{END}\nafter ü\n", encoding="utf-8")
    return path


def test_readme_is_replaced_between_its_marks(complete, readme):
    update_readme(readme, complete)
    once = readme.read_text(encoding="utf-8")
    part = render_readme_part(complete, readme.parent)
    assert once == f"before\n{START}\n{part}\n{END}\nafter ü\n"
    update_readme(readme, complete)
    assert readme.read_text(encoding="utf-8") == once
    assert "**fast** trains fastest: 500 ms" in part
    assert [row["implementation"] for row in read_table(part)][:3] == ["ovr", "fast", "slow"]
    assert "](results/run/epoch-sgd.svg)" in part
    assert "](results/run/report.md)" in part


@pytest.mark.parametrize("content", ["no marks", START, END, f"{END}\n{START}", b"\xff", None])
def test_readme_without_marks_is_left_alone(complete, readme, content):
    if content is None:
        readme.unlink()
    else:
        readme.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UserError, match=r"README\.md"):
        update_readme(readme, complete)
    if content is not None:
        assert readme.read_bytes() in {content, str(content).encode()}


def test_readme_needs_a_ranked_row_below_its_folder(complete, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    with pytest.raises(UserError, match="outside"):
        render_readme_part(complete, tmp_path / "elsewhere")
    folder = write(tmp_path / "run", run(case()), bare(case()))
    with pytest.raises(UserError, match="no ranked row"):
        render_readme_part(folder, tmp_path)


# ----- writing

LIMIT = 300  # bytes: less than the first file of each
WRITERS = {
    "report": lambda folder, output: write_report([load_run(folder)], output),
    "index": lambda _, output: write_index(output),
}


@pytest.fixture(params=WRITERS)
def writer(request, tmp_path):
    """Return a writer without arguments, and the files that it has written."""
    cases = [case("a"), case("b")]
    records = [record for of in cases for record in trials(of, 0.5, 0.5)]
    folder, output = write(tmp_path / "run", run(*cases), *records), tmp_path / "output"
    output.mkdir()

    def write_again():
        WRITERS[request.param](folder, output)

    write_again()
    return write_again, [path for path in output.rglob("*") if path.is_file()]


@contextmanager
def file_size_limit(size):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_full_disk_leaves_the_older_files_whole(writer):
    write_again, written = writer
    before = {path: path.read_bytes() for path in written}
    with file_size_limit(LIMIT), pytest.raises((UserError, OSError), match="File too large"):
        write_again()
    assert {path: path.read_bytes() for path in written} == before
    assert not [part for path in written for part in path.parent.glob("*.part")]


def test_nothing_is_written_through_a_link(writer, tmp_path):
    write_again, written = writer
    for path in written:
        path.rename(tmp_path / f"to-{path.name}")
        path.symlink_to(tmp_path / f"to-{path.name}")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("to-*")}
    write_again()
    assert not any(path.is_symlink() for path in written)
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_unwritable_folder_is_a_user_error(complete, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot write to .*file"):
        write_report([load_run(complete)], tmp_path / "file")
    (complete / "report.md").mkdir()
    with pytest.raises(UserError, match="Is a directory"):
        write_one(complete)
