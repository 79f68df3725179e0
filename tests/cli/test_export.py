"""``bench export`` from end to end."""

import json

import pytest
from support.exports import ABSENT, FAILED, NEVER, PART, WRONG, mixed, surroundings
from support.records import bare, case, ok, run, write

from bench.report.export.cases import remarks
from bench.report.export.writers import WRITERS
from bench.report.load import load


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    """The folder above a run in which everything happens."""
    folder = tmp_path_factory.mktemp("exported")
    mixed(folder / "run")
    return folder


@pytest.mark.parametrize("style", WRITERS)
def test_stdout_is_the_file_and_nothing_else_and_what_it_lacks_is_on_stderr(
    run_folder, command, style
):
    ended = command(run_folder, "export", "run", f"--format={style}")
    assert ended.returncode == 0
    found = load(run_folder / "run")
    assert ended.stdout == WRITERS[style](found)
    json.loads(ended.stdout)
    assert ended.stderr.splitlines() == remarks(found)
    for each in (PART, WRONG, FAILED, ABSENT, NEVER):
        assert each.slug in ended.stderr


@pytest.mark.parametrize("style", WRITERS)
def test_output_is_the_file_and_stdout_says_where_it_is(run_folder, command, style):
    ended = command(run_folder, "export", "run", f"--format={style}", f"--output=new/{style}.json")
    assert (ended.returncode, ended.stdout) == (0, f"new/{style}.json\n")
    text = (run_folder / "new" / f"{style}.json").read_text()
    assert text == WRITERS[style](load(run_folder / "run"))


def test_a_run_that_went_well_leaves_stderr_empty(tmp_path, command):
    write(tmp_path / "run", run(case()), ok(case()), **surroundings())
    ended = command(tmp_path, "export", "run", "--format=pyperf")
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "--format=pyperv"], "--format"),
        (["run", "--format=pytest"], "--format"),
        (["run", "--format=xml"], "--format"),
        (["run"], "--format"),
        (["nothing", "--format=pyperf"], "nothing holds no run"),
        (["run", "--format=pyperf", "--output=run"], "cannot write run: "),
        (["run", "--format=pyperf", "--output=run/run.json/x"], "cannot write run/run.json/"),
    ],
)
def test_a_command_that_is_wrong_is_refused_in_one_line(refused, tmp_path, arguments, said):
    mixed(tmp_path / "run")
    assert said in refused("export", *arguments)


def test_a_run_without_a_good_trial_leaves_no_file(refused, tmp_path):
    write(tmp_path / "run", run(case()), bare(case()))
    line = refused("export", "run", "--format=pyperf", "--output=found.json")
    assert "nothing to export" in line


def test_every_format_is_named_by_the_help(tmp_path, command):
    ended = command(tmp_path, "export", "--help")
    shown = " ".join(ended.stdout.split())
    assert all(style in shown for style in WRITERS)
