"""What cannot be done is refused in one line, before anything is written."""

import os

import pytest
from support.processes import ASSETS
from support.records import case, ok, run, write

from bench.data import idx

RUN = ("run", "--data=digits", "--implementation=numpy")
SIZES = ",".join(str(size) for size in range(1, 1440) if 1440 % size == 0)
MANY = ("run", "--data=digits", f"--batch-size={SIZES}", "--dry-run")
OWN = ("run", "--data=digits", "--implementation")
SABOTEURS = ASSETS / "saboteurs"


@pytest.fixture
def files(tmp_path):
    write(tmp_path / "out", run(case()), ok(case()))
    write(tmp_path / "out2", run(case()), ok(case()))
    for folder in ("empty", "folder", "folder.py"):
        (tmp_path / folder).mkdir()
    for name in ("file", "my-softmax.py", "numpy.py"):
        (tmp_path / name).touch()
    (tmp_path / "own.py").write_text("class Trainer(:\n")


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("rnu",), "rnu"),
        ((*RUN, "--batchsize=3"), "--batch-size"),
        ((*RUN, "--trace"), "torch.profiler"),
        ((*RUN, "what"), "what"),
        ((*RUN, "--seed"), "--seed"),
        ((*OWN, "nmupy"), "Did you mean numpy"),
        ((*RUN, "--implementation=numpy"), "numpy is chosen twice"),
        ((*OWN, "nothing.py"), "there is no implementation file"),
        ((*OWN, "./folder.py"), "there is no implementation file"),
        ((*OWN, "./folder"), "there is no implementation file"),
        ((*OWN, "./my-softmax.py"), "my-softmax.py: name the file like a Python module"),
        ((*OWN, "./numpy.py"), "numpy.py: name the file like a Python module"),
        ((*OWN, "own.py"), "own.py does not import: SyntaxError"),
        ((*OWN, SABOTEURS / "no_trainer.py"), "has no class Trainer"),
        ((*OWN, SABOTEURS / "does_not_import.py"), "libabacus.so"),
        ((*OWN, SABOTEURS / "bad_objective.py"), "must be 'softmax' or 'one-vs-rest'"),
        ((*RUN, "--workload=sdg"), "--workload"),
        ((*RUN, "--device=tpu"), "--device"),
        ((*RUN, "--budget=soon"), "--budget"),
        ((*RUN, "--batch-size=33"), "32 or 36 would"),
        ((*RUN, "--sweep", "--threads=1"), "Leave those out"),
        ((*RUN, "--samples=2147483647"), "memory holds"),
        ((*MANY, "--rounds=1000"), "a run has 100,000 trials at most. Choose fewer"),
        ((*RUN, "--threads=4096"), "at most"),
        ((*RUN, "--python=torch"), "FRAMEWORK=EXECUTABLE"),
        ((*RUN, "--output=out"), "holds another run"),
        ((*RUN, "--output=file"), "cannot write to file"),
        ((*RUN, "--output=file/below"), "cannot write to file/below"),
        ((*RUN, "--output=/proc/softmax-bench"), "cannot write to /proc"),
        ((*RUN, "--output", "x" * 300), "File name too long"),
        (("run", "--data=nowhere"), "nowhere"),
        (("run", "--resume"), "no run in results/ to resume"),
        (("run", "--resume", "--seed=1"), "Leave out --seed"),
        (("run", "--resume", "--sweep"), "Leave out --sweep"),
        (("run", "--resume", "--output=empty"), "empty holds no run"),
        (("run", "--resume", "--output=nowhere"), "nowhere holds no run"),
        (("check", "nmupy"), "Did you mean numpy"),
        (("check", "no/such.py"), "there is no implementation file no/such.py"),
        (("check", "--device=tpu"), "--device"),
        (("check", "out", "--device=gpu"), "Leave out --device"),
        (("check", "out", "--python=x", "--env=y"), "Leave out --python and --env"),
        (("compare", "out", "out2"), "Use softmax-bench report A B --output DIR to see both"),
        (("machine", "--python=torch=python3"), "--gpu"),
        (("merge", "one", "two"), "--output"),
        (("merge", "--output=new"), "RUN"),
        (("merge", "one", "two", "--output=new"), "one holds no run"),
        (("merge", "out", "out2", "--output=typo/new"), "cannot write to typo/new"),
        (("report", "nowhere"), "nowhere holds no run"),
        (("report",), "there is no folder results"),
        (("report", "--output=new"), "--output needs several runs"),
        (("report", "out", "out"), "Add --output"),
        (("report", "x" * 300), "File name too long"),
        (("export", "out", "--format=xml"), "--format"),
        ((*RUN, "--output", ""), "--output is empty"),
        ((*RUN, "--output="), "--output"),
        (("report", ""), "report is empty"),
        ((*RUN, "--output", "\udcff"), "'?' is not valid Unicode. Rename it, or set LC_ALL"),
    ],
)
def test_wrong_command_line_is_refused_in_one_line(refused, arguments, word):
    assert word in refused(*arguments)


def test_numbers_out_of_range_are_refused(refused):
    values = ("-1", "99999999999999999999", "many", "nan", "inf", "", "0")
    flags = ("batch-size", "threads", "samples", "epochs", "rounds", "timeout")
    wrong = [(flag, value) for flag in flags for value in values]
    wrong += [("seed", value) for value in values[:-1]]
    wrong += [("epochs", "201"), ("rounds", "1001"), ("timeout", "169h"), ("seed", "1.5")]
    for flag, value in wrong:
        assert f"--{flag}" in refused(*RUN, f"--{flag}={value}")


@pytest.mark.parametrize("verb", ["run", "data"])
def test_damaged_data_are_refused(refused, small_folder, verb):
    os.truncate(small_folder / idx.TRAIN_IMAGES, 700)
    assert idx.TRAIN_IMAGES in refused(verb, f"--data={small_folder}")
