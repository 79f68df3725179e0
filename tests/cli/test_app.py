"""The application: help, version, one line for each error, and a closed stdout."""

import errno
import os
import re
import shlex
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from rich.text import Text
from support.processes import NO_CHARTS, RUN, run_first

from bench.cli import app
from bench.records import store
from bench.worker.machine import ROOT
from implementations import IMPLEMENTATIONS

ONCE = (*RUN, "--rounds=1", "--implementation=numpy", "--output=out")


def plain(text):
    return Text.from_markup(text).plain


@pytest.mark.parametrize("verb", ["", *app.VERBS])
def test_help_fits_80_columns_and_is_not_cut_off(called, monkeypatch, verb):
    monkeypatch.setenv("COLUMNS", "80")
    code, out, _ = called(*verb.split(), "--help")
    assert code == 0
    assert max(map(len, out.splitlines())) <= 80
    # Rich cuts a cell off with an ellipsis; metavars such as N,N,… end in one, too.
    assert "…" not in out.replace(",…", "")
    assert "..." not in out.replace("]...", "").replace("}...", "")
    assert "<bool>" not in out


def test_each_option_is_in_a_panel_and_no_word_is_markup_and_each_verb_has_a_page():
    assert app.PAGES.keys() == app.VERBS.keys()
    for page in app.PAGES.values():
        assert (ROOT / "docs" / f"{page}.md").is_file()
    commands = {verb: app.load_verb(verb) for verb in app.VERBS}
    options = [
        (f"{verb} {option.opts[0]}", option)
        for verb, command in commands.items()
        for option in command.params
        if option.param_type_name == "option" and not option.hidden
    ]
    helps = {verb: command.help.partition("\n")[0] for verb, command in commands.items()}
    assert helps == {verb: known.summary for verb, known in app.VERBS.items()}
    for verb, command in commands.items():
        name, *words = shlex.split(app.VERBS[verb].example)
        assert (name, command.make_context(verb, words).info_name) == (verb, verb)
    assert [name for name, option in options if option.rich_help_panel is None] == []
    # An extra in brackets is no markup, which Rich would swallow.
    helps = {name: option.help for name, option in options}
    assert [name for name, text in helps.items() if plain(text).count("[") != text.count("[")] == []


def test_program_alone_lists_the_verbs_with_an_example(called):
    status, out, err = called()
    assert (status, err) == (0, "")
    assert all(f" {verb} " in out for verb in app.VERBS)
    assert "Example: softmax-bench run" in out


def test_version_is_that_of_the_package(called):
    assert called("--version") == (0, f"softmax-bench {version('softmax-bench')}\n", "")


def test_completion_is_printed_for_a_shell_by_the_program_that_it_completes(bench):
    code = "import sys; sys.argv[0] = 'softmax-bench'; from bench.cli.app import main; main()"
    words = (sys.executable, "-c", code, "--show-completion", "bash")
    # Typer would look which shell has started the tests.
    named = os.environ | {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    ended = subprocess.run(words, cwd=ROOT, env=named, capture_output=True, text=True, check=True)
    assert (ended.stderr, "softmax-bench" in ended.stdout) == ("", True)
    ended = bench("--help", charts=True)
    assert [word in ended.stdout for word in ("--version", "completion")] == [True, False]


def test_list_and_help_import_nothing_slow():
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
        assert not imported & {"numpy", "msgspec", "scipy", "pandas", "requests", "altair"}
        assert not imported & {entry.extra for entry in IMPLEMENTATIONS}


def test_package_that_is_missing_is_one_line_with_a_remedy(refused, monkeypatch):
    def fail(name):
        raise ModuleNotFoundError(f"No module named {name!r}", name="scipy")

    monkeypatch.setattr(app, "load_verb", fail)
    assert "this needs scipy, which is not installed" in refused("report", "run")


def test_windows_is_refused(refused, monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    assert "Use Linux, macOS or WSL" in refused("list")


@pytest.mark.parametrize("arguments", [("list",), ONCE], ids=["list", "run"])
def test_closed_stdout_ends_with_141_and_loses_nothing(tmp_path, surroundings, arguments):
    reader, writer = os.pipe()
    os.close(reader)
    ended = subprocess.run(
        [sys.executable, "-m", "bench", *arguments],
        cwd=tmp_path,
        env={**surroundings, **run_first(tmp_path, NO_CHARTS)},
        stdout=writer,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writer)
    assert (ended.returncode, ended.stderr) == (141, b"")
    if arguments[0] == "run":
        assert len(store.read_records(tmp_path / "out")) == 1


def test_error_that_nobody_reads_is_no_fault(tmp_path, surroundings):
    reader, writer = os.pipe()
    os.close(reader)
    ended = subprocess.run(
        [sys.executable, "-m", "bench", "report", "nothing"],
        env={**surroundings, "TMPDIR": str(tmp_path)},
        stderr=writer,
        check=False,
    )
    os.close(writer)
    assert (ended.returncode, [*tmp_path.iterdir()]) == (2, [])


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (OSError(errno.EMFILE, "Too many open files", b"/proc"), "ulimit -n"),
        (OSError(errno.ENOSPC, "No space left on device"), "Free some space"),
        (OSError(errno.EFBIG, "File too large"), "ulimit -f"),
        (PermissionError(errno.EACCES, "Permission denied", "a"), "Choose another file"),
        (MemoryError(), "ulimit -v"),
        (ImportError("failed to map segment from shared object"), "ulimit -v"),
    ],
    ids=repr,
)
def test_system_without_room_is_one_line_with_a_remedy(refused, monkeypatch, error, remedy):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(app, "app", fail)
    assert remedy in refused("report")


def test_fault_of_the_suite_is_one_line_that_names_its_details(called, monkeypatch):
    monkeypatch.setattr(app, "load_verb", {}.__getitem__)
    status, out, err = called("report")
    (details,) = re.findall(r"\(KeyError\): (\S+\.txt) has the details", err)
    assert (status, out, err.count("\n")) == (5, "", 1)
    assert "KeyError: 'report'" in Path(details).read_text()
    Path(details).unlink()


# The next file that is opened is none of the standard streams.
OPENS = "-c 'from bench.cli import app; app._open_missing_streams(); exit(open(\"a\").fileno())'"


@pytest.mark.parametrize(
    ("arguments", "streams", "status"),
    [
        ("-m bench gate", ">&-", 2),
        ("-m bench --nosuch", "2>&-", 2),
        (f"-m bench {' '.join(ONCE)}", "<&- >&- 2>&-", 0),
        *((OPENS, streams, 3) for streams in ("<&-", ">&-", "2>&-")),
    ],
)
def test_command_without_streams_ends_as_with_them(
    tmp_path, surroundings, arguments, streams, status
):
    (tmp_path / "a").touch()
    ended = subprocess.run(
        f"exec {shlex.quote(sys.executable)} {arguments} {streams}",
        shell=True,
        cwd=tmp_path,
        env={**surroundings, **run_first(tmp_path, NO_CHARTS)},
        capture_output=True,
        check=False,
    )
    assert (ended.returncode, b"Traceback" in ended.stderr) == (status, False)
    assert ended.stderr.count(b"\n") == (status == 2 and "2>&-" not in streams)
    if status == 2:  # what is for stderr alone is on no other stream
        assert ended.stdout == b""
    if status == 0:
        assert [record.status for record in store.read_records(tmp_path / "out")] == ["ok"]
