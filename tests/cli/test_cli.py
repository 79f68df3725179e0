"""The command line from end to end: what it writes, what it says, and what it refuses."""

import csv
import os
import subprocess
import sys

import pytest
from support.data import idx_files, write_idx
from support.processes import ASSETS, going_on
from support.records import bare, case, ok, run, write

from bench.data import idx
from bench.records import store
from bench.report import write as files
from bench.runner import machine, plan
from implementations import IMPLEMENTATIONS, PROBES

CHOSEN = ("numpy", "sklearn-softmax", "honest")


@pytest.fixture(scope="module")
def measured(tmp_path_factory, command):
    """A run of NumPy, scikit-learn and an own file on digits; its folder and the process."""
    pytest.importorskip("sklearn")
    folder = tmp_path_factory.mktemp("measured")
    honest = ASSETS / "saboteurs" / "honest.py"
    ended = command(
        folder, "run", "--data=digits", "--rounds=1", "--threads=1", "--epochs=3", "--output=out",
        "--no-ceiling",
        "--implementation=numpy", "--implementation=sklearn-softmax",
        f"--implementation={honest}",
    )  # fmt: skip
    return folder / "out", ended


@pytest.fixture(scope="module")
def records(measured):
    folder, _ = measured
    found = store.read_records(folder)
    return {(record.case.workload, record.case.implementation): record for record in found}


def test_a_run_that_goes_well_ends_with_zero_and_says_nothing_on_stderr(measured):
    _, ended = measured
    assert (ended.returncode, ended.stderr) == (0, "")


def test_every_case_of_both_workloads_has_its_row_and_what_is_unavailable_its_reason(records):
    assert records.keys() == {(each, name) for each in ("sgd", "textbook") for name in CHOSEN}
    statuses = {key: record.status for key, record in records.items()}
    assert statuses.pop(("textbook", "sklearn-softmax")) == "unavailable"
    assert set(statuses.values()) == {"ok"}
    assert "RMSprop" in records["textbook", "sklearn-softmax"].reason
    assert records["sgd", "honest"].case.style == "own"


def test_the_terminal_shows_every_trial_and_a_table_of_each_workload(measured):
    _, ended = measured
    for text in ("1/6", "6/6", "workload sgd", "workload textbook", *CHOSEN, "out/report.md"):
        assert text in ended.stdout
    assert "MLPClassifier has no RMSprop" in ended.stdout
    assert "\x1b" not in ended.stdout


def test_the_folder_of_a_run_holds_plan_records_params_report_and_charts(measured, records):
    folder, _ = measured
    names = {path.name for path in folder.iterdir()}
    assert {"run.json", "environments", "trials.jsonl", "params"} <= names
    assert {"report.md", "report.html", "summary.csv"} <= names
    for chart in folder.glob("*.svg"):
        assert chart.read_text().startswith("<svg")
    assert len(list(folder.glob("*.svg"))) >= 2
    assert not list(folder.rglob("*.part"))
    kept = {path.stem for path in (folder / "params").iterdir()}
    assert kept == {record.trial for record in records.values() if record.status == "ok"}
    (environment,) = store.read_environments(folder)
    assert {record.environment for record in records.values()} == {environment}


def test_the_report_and_the_summary_name_every_case(measured):
    folder, _ = measured
    text = (folder / "report.md").read_text()
    rows = list(csv.DictReader((folder / "summary.csv").read_text().splitlines()))
    for name in CHOSEN:
        assert name in text
        assert name in {row["implementation"] for row in rows}


def test_the_report_can_be_written_again_and_is_the_same(measured, command):
    folder, _ = measured
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    (folder / "report.md").unlink()
    (folder / "summary.csv").unlink()
    ended = command(folder.parent, "report", "out")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before


def accuracies(record):
    return record.validation_accuracy[:3], record.validation_loss[:3], record.test_accuracy[:3]


def test_the_same_command_with_the_same_seed_gives_the_same_accuracies(
    measured, records, command, tmp_path
):
    arguments = ("run", "--data=digits", "--workload=sgd", "--rounds=1", "--threads=1",
                 "--epochs=3", "--no-ceiling", "--implementation=numpy")  # fmt: skip
    for name, seed in (("same", 42), ("other", 43)):
        ended = command(tmp_path, *arguments, f"--seed={seed}", f"--output={name}")
        assert ended.returncode == 0
    (same,), (other,) = (store.read_records(tmp_path / name) for name in ("same", "other"))
    assert accuracies(same) == accuracies(records["sgd", "numpy"])
    assert accuracies(other) != accuracies(same)


def test_a_finished_run_is_resumed_without_measuring_anything(measured, command):
    folder, _ = measured
    before = (folder / "trials.jsonl").read_bytes()
    ended = command(folder.parent, *going_on(folder))
    assert ended.returncode == 0
    assert (folder / "trials.jsonl").read_bytes() == before


def test_to_go_on_runs_nobodys_code_that_was_not_named(measured, command):
    folder, _ = measured
    ended = command(folder.parent, "run", "--resume", "--output=out")
    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1


def test_without_an_output_a_run_lies_in_results_and_the_newest_is_resumed(bench, tmp_path):
    ended = bench("run", "--data=digits", "--quick", "--threads=1", "--implementation=numpy",
                  "--no-ceiling")  # fmt: skip
    assert ended.returncode == 0
    (folder,) = (tmp_path / "results").iterdir()
    assert len(store.read_records(folder)) == 1
    assert f"results/{folder.name}/report.md" in ended.stdout
    again = bench("run", "--resume")
    assert again.returncode == 0
    assert f"results/{folder.name}/report.md" in again.stdout
    assert len(store.read_records(folder)) == 1


def test_a_run_of_nothing_but_what_is_unavailable_ends_with_zero(bench, saboteur):
    ended = bench("run", "--data=digits", "--quick", "--implementation",
                  saboteur("says_unavailable"), "--no-ceiling", "--output=out")  # fmt: skip
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "no abacus in this machine" in ended.stdout


@pytest.mark.parametrize(("epoch", "status"), [(0.1506, 0), (0.1505, 3)])
def test_a_run_whose_epoch_is_faster_than_the_machine_ends_with_three(
    bench, tmp_path, epoch, status
):
    # 1,505,280,000 operations at 1e10 a second: no epoch of 48,000 samples is below 150.528 ms.
    of, (limit, *_) = case(), plan.probe_cases("cpu", 2)
    probe = bare(limit, kind="roofline", status="ok", product_operations=10**9,
                 product_seconds=[0.1], trial=f"r1-{limit.implementation}-cpu-t2")  # fmt: skip
    planned = run(of, rounds={"sgd": 1}, rooflines=(limit,), data="digits")
    write(tmp_path / "out", planned, probe, ok(of, epoch=epoch),
          data={"features": 784, "classes": 10})  # fmt: skip
    ended = bench("run", "--resume", "--output=out")
    assert (ended.returncode, ended.stderr) == (status, "")
    assert ("% of the least time: " in ended.stdout) is (status == 3)


def test_a_dry_run_lists_its_cases_and_writes_nothing(bench, tmp_path, saboteur):
    ended = bench("run", "--data=digits", "--dry-run", "--threads=1", "--output=out",
                  "--no-ceiling", "--implementation=numpy",
                  "--implementation", saboteur("honest"))  # fmt: skip
    assert (ended.returncode, ended.stderr) == (0, "")
    lines = ended.stdout.splitlines()
    for workload in ("sgd", "textbook"):
        for name in ("numpy", "honest"):
            (line,) = [each for each in lines if each.split()[:2] == [workload, name]]
            rounds = {"sgd": "5", "textbook": "1"}[workload]
            assert line.split()[2:] == ["cpu", "32", "1", "1,440", "5", rounds]
    assert lines[-1].startswith("12 trials, estimated time ")
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_says_which_sizes_are_not_measured_and_why(bench):
    ended = bench("run", "--data=digits", "--dry-run", "--implementation=numpy", "--no-ceiling",
                  "--batch-size=32,33")  # fmt: skip
    assert (ended.returncode, ended.stderr) == (0, "")
    line = "not measured: --batch-size 33 does not divide 1440 samples; 32 or 36 would"
    assert ended.stdout.splitlines().count(line) == 1


def test_list_names_every_implementation_and_how_to_install_it(bench):
    ended = bench("list")
    assert (ended.returncode, ended.stderr) == (0, "")
    rows = [line.split() for line in ended.stdout.splitlines()]
    assert [row[0] for row in rows] == ["name", *(entry.name for entry in IMPLEMENTATIONS)]


def test_machine_says_what_the_records_will(bench):
    ended = bench("machine")
    found = dict(line.split(maxsplit=1) for line in ended.stdout.splitlines())
    expected = machine.describe()
    sighted = [one.framework for one in PROBES if "gpu" in one.devices]
    assert [key for key in found if key != "gpu"] == [*expected, *sighted]
    assert found["id"] == expected["id"]
    assert found["name"] == expected["name"]


def test_data_says_what_it_is_and_shows_it(bench):
    ended = bench("data", "--data=digits")
    assert (ended.returncode, ended.stderr) == (0, "")
    for text in ("digits", "bundled with scikit-learn", "1440", "357"):
        assert text in ended.stdout


@pytest.mark.parametrize(
    ("verb", "said"),
    [
        ("run", "The code of a FILE runs, with your rights."), ("run", "Python, which runs"),
        ("check", "The code of a FILE runs, with your rights."), ("check", "Python, which runs"),
        ("machine", "Python, which runs"), ("ab", "a.py …: its code runs."),
    ],
)  # fmt: skip
def test_where_somebody_elses_code_is_asked_for_the_help_says_that_it_runs(bench, verb, said):
    assert said in " ".join(bench(verb, "--help").stdout.split())


def test_help_and_list_import_no_framework_and_nothing_that_is_slow():
    code = """
import sys
sys.argv = ["bench", sys.argv[1]]
from bench.cli.app import main
try:
    main()
finally:
    print(*{name.partition(".")[0] for name in sys.modules}, file=sys.stderr)
"""
    for verb in ("--help", "list"):
        ended = subprocess.run(
            [sys.executable, "-c", code, verb], capture_output=True, text=True, check=True
        )
        imported = set(ended.stderr.split())
        assert "bench" in imported
        assert not imported & {
            "torch", "jax", "keras", "tensorflow", "sklearn", "numba", "scipy", "pandas", "altair",
            "pooch",
        }  # fmt: skip


@pytest.mark.full
def test_a_sweep_probes_the_machine_and_fills_its_section(bench, tmp_path):
    ended = bench("run", "--data=digits", "--quick", "--sweep", "--implementation=numpy",
                  "--output=out")  # fmt: skip
    assert (ended.returncode, ended.stderr) == (0, "")
    found = store.read_records(tmp_path / "out")
    assert {record.status for record in found if record.kind == "trial"} == {"ok"}
    assert {record.case.samples for record in found} >= {9600, 480000}
    probes = [record for record in found if record.kind == "roofline"]
    assert {record.status for record in probes} <= {"ok", "unavailable"}
    assert any(record.status == "ok" for record in probes)
    (text, *_) = (path.read_text(encoding="utf-8") for path in (tmp_path / "out").glob("*.md"))
    for title in (
        "The ceiling",
        "Epoch time by batch size",
        "Epoch time by samples",
        "Peak memory by phase",
    ):
        assert f"### {title}" in text
    assert "- not measured: --batch-size 1920 does not divide 1440 samples; 1440 would" in text
    assert "growth-batch-size.svg" in text
    assert (tmp_path / "out" / "growth-samples.svg").exists()


def test_every_verb_and_flag_is_explained(bench):
    text = bench("--help").stdout
    for verb in ("run", "check", "report", "list", "machine", "data", "merge"):
        assert f" {verb} " in text
    text = bench("run", "--help").stdout
    for flag in ("implementation", "workload", "device", "batch-size", "threads", "samples",
                 "epochs", "rounds", "timeout", "seed", "quick", "dry-run", "data", "output",
                 "resume", "precision", "budget", "sweep", "no-ceiling"):  # fmt: skip
        assert f"--{flag} " in text


def test_a_reader_that_stops_early_sees_no_traceback(tmp_path):
    reader, writer = os.pipe()
    os.close(reader)
    ended = subprocess.run(
        [sys.executable, "-m", "bench", "list"], cwd=tmp_path, stdout=writer,
        stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    os.close(writer)
    assert ended.stderr == ""


def test_in_a_fresh_process_a_refusal_is_one_line_and_two(bench, tmp_path):
    ended = bench("run", "--implementation=pytroch", "--data=digits")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("bench: unknown implementation 'pytroch'; did you mean pytorch")
    assert ended.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_check_passes_right_fails_wrong_implementations(bench, saboteur):
    ended = bench("check", "--data=digits", "--threads=1", "numpy", saboteur("sums_the_loss"))
    assert (ended.returncode, ended.stderr) == (1, "")
    lines = ended.stdout.splitlines()
    assert len([line for line in lines if line.startswith("numpy ") and " ok " in line]) == 5
    wrong = [line for line in lines if line.startswith("sums_the_loss ")]
    assert "it looks as if it adds up the loss of a batch" in wrong[0]
    assert {"passes: numpy", "FAILS: sums_the_loss"} <= set(lines)


def test_check_of_what_is_right_ends_with_nought(bench, saboteur):
    ended = bench("check", "--data=digits", "--threads=1", saboteur("honest"))
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "passes: honest" in ended.stdout
    assert "FAILS" not in ended.stdout


def test_check_of_what_cannot_be_examined_has_not_passed(bench, saboteur):
    ended = bench("check", "--data=digits", "--threads=1", saboteur("says_unavailable"))
    assert (ended.returncode, ended.stderr) == (1, "")
    assert "no abacus in this machine" in ended.stdout


RUN = ("run", "--data=digits", "--implementation=numpy")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), ["Missing command"]),
        (("rnu",), ["rnu"]),
        ((*RUN, "--batchsize=3"), ["--batchsize", "--batch-size"]),
        ((*RUN, "what"), ["what"]),
        ((*RUN, "--seed"), ["--seed"]),
        (("report",), ["RUN"]),
        (("run", "--data=digits", "--implementation=nmupy"), ["'nmupy'", "did you mean numpy"]),
        (("run", "--data=digits", "--implementation="), ["unknown implementation"]),
        ((*RUN, "--implementation=numpy"), ["numpy is chosen twice"]),
        ((*RUN, "--workload=sdg"), ["unknown workload 'sdg'", "did you mean sgd"]),
        ((*RUN, "--device=tpu"), ["unknown device 'tpu'", "cpu"]),
        (("check", "nmupy"), ["'nmupy'", "did you mean numpy"]),
        (("check", "no/such.py"), ["there is no implementation file no/such.py"]),
        (("check", "--device=tpu"), ["unknown device 'tpu'", "cpu"]),
        (("check", "--threads=4096"), ["--threads 4096", "at most"]),
        ((*RUN, "--precision=2"), ["--precision 2", "such as 2%"]),
        ((*RUN, "--precision=2%", "--rounds=1"), ["--precision needs", "raise --rounds"]),
        ((*RUN, "--budget=10"), ["--budget 10", "10m"]),
        (("merge", "one", "two"), ["--output"]),
        (("merge", "--output=out"), ["RUN"]),
        (("merge", "one", "two", "--output=out"), ["one holds no run"]),
        ((*RUN, "--batch-size=33"), ["33 does not divide 1440", "32 or 36 would"]),
        ((*RUN, "--batch-size=1441"), ["1441 does not divide 1440", "1440 would"]),
        ((*RUN, "--sweep", "--threads=1"), ["--sweep chooses", "leave those out"]),
        ((*RUN, "--batch-size=33,34"), ["33 does not divide 1440"]),
        (("check", "--threads=1,2", "numpy"), ["--threads 1,2"]),
        ((*RUN, "--samples=100"), ["32 does not divide 100", "25 or 50 would"]),
        ((*RUN, "--samples=2147483647"), ["as many as this machine's memory holds"]),
        ((*RUN, "--threads=4096"), ["--threads 4096", "at most"]),
    ],
)  # fmt: skip
def test_a_wrong_command_line_is_refused_in_one_line(refused, arguments, words):
    line = refused(*arguments)
    for word in words:
        assert word in line


@pytest.mark.parametrize(
    "flag", ["batch-size", "threads", "samples", "epochs", "rounds", "timeout", "seed"]
)
@pytest.mark.parametrize("value", ["-1", "99999999999999999999", "many", "nan", "inf", ""])
def test_numbers_that_make_no_sense_are_refused(refused, flag, value):
    assert f"--{flag}" in refused(*RUN, f"--{flag}={value}")


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        *((flag, "0") for flag in ("batch-size", "threads", "samples", "epochs", "rounds")),
        *((flag, "1.5") for flag in ("batch-size", "threads", "samples", "epochs", "rounds")),
        ("timeout", "0"), ("timeout", "0.5"), ("seed", "1.5"), ("epochs", "201"),
        ("rounds", "1001"), ("timeout", "86401"),
    ],
)  # fmt: skip
def test_numbers_that_are_out_of_range_are_refused(refused, flag, value):
    assert f"--{flag}" in refused(*RUN, f"--{flag}={value}")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("SOFTMAX_BENCH_CACHE", str(tmp_path / "cache"))
    write_idx(tmp_path / "clothes", idx_files())
    return tmp_path / "clothes"


@pytest.mark.parametrize(
    ("damage", "word"),
    [
        (lambda folder: (folder / idx.TEST_LABELS).unlink(), idx.TEST_LABELS),
        (lambda folder: os.truncate(folder / idx.TRAIN_IMAGES, 700), idx.TRAIN_IMAGES),
        (lambda folder: (folder / idx.TRAIN_IMAGES).write_bytes(b""), idx.TRAIN_IMAGES),
        (lambda folder: (folder / idx.TRAIN_LABELS).write_bytes(b"\1" * 58), idx.TRAIN_LABELS),
        (
            lambda folder: (folder / idx.TEST_IMAGES).write_bytes(
                (folder / idx.TRAIN_IMAGES).read_bytes()
            ),
            "images",
        ),
        (
            lambda folder: (folder / idx.TRAIN_LABELS).write_bytes(
                (folder / idx.TRAIN_IMAGES).read_bytes()
            ),
            idx.TRAIN_LABELS,
        ),
    ],
    ids=["missing", "truncated", "empty", "corrupted", "another number", "wrong shape"],
)
@pytest.mark.parametrize("verb", ["run", "data"])
def test_damaged_data_are_refused(refused, folder, damage, word, verb):
    damage(folder)
    assert word in refused(verb, f"--data={folder}")


def test_a_folder_of_data_that_is_not_there_is_refused(refused):
    assert "nowhere" in refused("run", "--data=nowhere")


def test_an_output_that_holds_a_run_is_refused_and_kept(refused, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "run.json").write_text("{}")
    assert "holds another run" in refused(*RUN, "--output=out")


@pytest.mark.parametrize("place", ["file", "file/below", "/proc/softmax-bench"])
def test_an_output_that_cannot_be_written_is_refused(refused, tmp_path, place):
    (tmp_path / "file").touch()
    assert f"cannot write to {place}" in refused(*RUN, f"--output={place}")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("no_trainer", ["has no class Trainer", "docs/adding-an-implementation.md"]),
        ("does_not_import", ["does not import", "libabacus.so"]),
        ("bad_objective", ["OBJECTIVE must be 'softmax' or 'one-vs-rest'", "hinge"]),
    ],
)
def test_an_implementation_file_that_is_wrong_is_refused(refused, saboteur, name, words):
    line = refused("run", "--data=digits", "--implementation", saboteur(name))
    for word in [f"{name}.py", *words]:
        assert word in line


def test_an_implementation_file_that_does_not_parse_is_refused(refused, tmp_path):
    (tmp_path / "own.py").write_text("class Trainer(:\n")
    line = refused("run", "--data=digits", "--implementation=own.py")
    assert "own.py does not import: SyntaxError" in line


@pytest.mark.parametrize("place", ["nothing.py", "./folder.py", "./folder"])
def test_an_implementation_file_that_is_none_is_refused(refused, tmp_path, place):
    (tmp_path / "folder.py").mkdir()
    (tmp_path / "folder").mkdir()
    line = refused("run", "--data=digits", f"--implementation={place}")
    assert "there is no implementation file" in line


@pytest.mark.parametrize("name", ["my-softmax.py", "numpy.py", "2fast.py"])
def test_an_implementation_file_must_have_a_name_of_its_own(refused, tmp_path, name):
    (tmp_path / name).write_text("class Trainer: ...")
    line = refused("run", "--data=digits", f"--implementation=./{name}")
    assert f"{name}: name the file like a Python module" in line


@pytest.mark.parametrize(
    "flag",
    ["--workload=sgd", "--device=gpu", "--batch-size=8", "--threads=1",
     "--samples=32", "--epochs=2", "--rounds=2", "--timeout=5", "--seed=1", "--quick",
     "--memory-limit=1GiB"],
)  # fmt: skip
def test_resume_takes_the_plan_of_the_run_and_no_other_flag(refused, flag):
    line = refused("run", "--resume", flag)
    assert "leave out" in line
    assert flag.partition("=")[0] in line


def test_resume_with_nothing_to_resume_is_refused(refused, tmp_path):
    assert "no run in results/ to resume" in refused("run", "--resume")
    (tmp_path / "empty").mkdir()
    assert "empty holds no run" in refused("run", "--resume", "--output=empty")
    assert "nowhere holds no run" in refused("run", "--resume", "--output=nowhere")


def test_a_report_needs_a_run(refused, tmp_path):
    (tmp_path / "empty").mkdir()
    assert "empty holds no run" in refused("report", "empty")
    assert "nowhere holds no run" in refused("report", "nowhere")


def test_a_report_says_what_its_charts_and_page_need(called, tmp_path, monkeypatch):
    write(tmp_path / "out", run(case()), ok(case()))
    code, out, _ = called("report", "out")
    assert (code, "pip install" in out) == (0, False)
    assert (tmp_path / "out" / "report.html").exists()
    monkeypatch.setattr(files, "can_draw", lambda: False)
    code, out, _ = called("report", "out")
    assert code == 0
    assert "\nwithout charts and report.html, which need: pip install 'softmax-bench[rep" in out


def test_several_runs_make_one_report_in_a_folder_of_their_own(bench, refused, tmp_path):
    for name in ("one", "two"):
        write(tmp_path / name, run(case(), run=name), ok(case()))
    ended = bench("report", "one", "two", "--output=both")
    assert (ended.returncode, ended.stdout) == (0, "both/report.md\n")
    assert {"report.md", "report.html", "summary.csv"} <= {
        path.name for path in (tmp_path / "both").iterdir()
    }
    assert "name its folder with --output" in refused("report", "one", "two")
    assert "--output is for several runs" in refused("report", "one", "--output=both")
    assert "one holds measurements" in refused("report", "one", "two", "--output=one")
    for flag in ("--readme=README.md", "--target=0.8"):
        assert "are of one run" in refused("report", "one", "two", "--output=both", flag)


def test_speedups_are_relative_to_the_machine_that_is_named(bench, refused, tmp_path):
    for name in ("one", "two"):
        write(tmp_path / name, run(case(), run=name), ok(case()))
    assert bench("report", "one", "two", "--output=both", "--relative-to=(TWO)").returncode == 0
    text = (tmp_path / "both" / "report.md").read_text(encoding="utf-8")
    assert "\n### Speedup over 2-core Test CPU, 8 GiB (two), 2 threads, sgd: " in text
    said = refused("report", "one", "two", "--output=both", "--relative-to=cpu")
    assert "--relative-to cpu fits several devices" in said
    assert "--relative-to is for several runs" in refused("report", "one", "--relative-to=cpu")


def test_an_index_leads_to_every_run(bench, refused, tmp_path):
    assert "there is no folder results" in refused("report", "--index")
    write(tmp_path / "results" / "one", run(case()), ok(case()))
    ended = bench("report", "results/one", "--index")
    assert ended.returncode == 0
    assert ended.stdout.endswith("results/index.html\n")
    page = (tmp_path / "results" / "index.html").read_text(encoding="utf-8")
    assert '<a href="one/report.html">one</a>' in page


@pytest.mark.parametrize("verb", [("report", "out"), ("run", "--resume", "--output=out")])
def test_a_damaged_plan_is_refused(refused, measured, tmp_path, verb):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "run.json").write_text('{"format": "one"}\n')
    assert "out/run.json" in refused(*verb)


def test_a_damaged_record_is_left_out_said_and_measured_again(bench, tmp_path):
    ended = bench("run", "--data=digits", "--workload=sgd", "--rounds=2", "--threads=1",
                  "--no-ceiling", "--implementation=numpy", "--output=out")  # fmt: skip
    assert (ended.returncode, ended.stderr) == (0, "")
    trials = tmp_path / "out" / "trials.jsonl"
    first, second = trials.read_bytes().splitlines(keepends=True)
    trials.write_bytes(first.replace(b"2", b"3", 1) + second)
    said = "trials.jsonl:1: was changed after it was written"
    report = bench("report", "out")
    assert report.returncode == 0
    assert said in report.stdout
    assert said in (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    ended = bench("run", "--resume", "--output=out")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert said not in ended.stdout
    assert trials.read_bytes().startswith(second)
    assert len(store.read_records(tmp_path / "out")) == 2
    assert (tmp_path / "out" / "damaged.jsonl").read_bytes() == first.replace(b"2", b"3", 1)


def test_a_reader_who_has_gone_is_no_regression_and_loses_nothing(tmp_path, surroundings):
    chosen = ("--data=digits", "--quick", "--threads=1", "--implementation=numpy", "--no-ceiling")
    read, write = os.pipe()
    os.close(read)
    ended = subprocess.run(
        [sys.executable, "-m", "bench", "run", *chosen, "--output=out"], cwd=tmp_path,
        env=surroundings, stdout=write, stderr=subprocess.PIPE, check=False,
    )  # fmt: skip
    os.close(write)
    assert (ended.returncode, ended.stderr) == (141, b"")
    assert len(store.read_records(tmp_path / "out")) == 1


def test_windows_is_refused(refused, monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    assert refused("list") == "bench: Windows is not supported; use Linux, macOS or WSL\n"


@pytest.mark.parametrize("verb", [("run", "--output"), ("compare", "out"), ("report",)])
def test_a_path_that_no_file_system_takes_is_one_line(refused, verb, tmp_path):
    write(tmp_path / "out", run(case()), ok(case()))
    assert "File name too long" in refused(*verb, "x" * 300)
