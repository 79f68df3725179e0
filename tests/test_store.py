"""What was measured is kept whole, and read as it was kept."""

import errno
import json
import os
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from fixtures_records import bare, case, environment, ok, run, write
from hypothesis import given
from hypothesis import strategies as st

from bench import lines, store, trials
from bench.error import UserError
from bench.result import FORMAT, Parity

replace = msgspec.structs.replace

seconds = st.floats(1e-9, 1e9)
shares = st.floats(0, 1)
records = st.builds(
    ok,
    st.builds(
        case,
        st.text(),
        workload=st.sampled_from(["sgd", "textbook"]),
        variables=st.dictionaries(st.text(), st.text(), max_size=2),
        file=st.none() | st.text(),
    ),
    st.integers(1, 1000),
    status=st.sampled_from(["ok", "unavailable", "failed", "timeout", "out-of-memory"]),
    reason=st.none() | st.text(),
    stderr_tail=st.none() | st.text(),
    epoch_seconds=st.lists(seconds, min_size=1, max_size=8),
    validation_loss=st.lists(seconds, max_size=3),
    test_accuracy=st.lists(shares, min_size=5, max_size=6),
    parity=st.none() | st.builds(lambda error: Parity(error / 2, error, passed=True), shares),
    peak_rss_bytes=st.none() | st.integers(0, 2**53),
    conditions=st.dictionaries(st.text(), st.none() | seconds, max_size=2),
)


@pytest.fixture
def folder(tmp_path):
    return write(tmp_path / "run", run(case()))


PLANNED = msgspec.json.format(msgspec.json.encode(run(case()))).decode()


@given(st.lists(records, max_size=4))
def test_records_are_read_as_they_were_appended(appended):
    with TemporaryDirectory() as name:
        folder = write(Path(name) / "run", run())
        numbered = [replace(record, trial=f"r{at}") for at, record in enumerate(appended)]
        for record in numbered:
            store.append(folder, record)
        assert store.read_records(folder) == numbered


def test_a_file_cut_at_any_byte_gives_the_records_before_the_cut_and_can_be_gone_on_with(folder):
    kept = [ok(case("naïve", file="ü\n"), 1), bare(case(), 1, reason="a\nb"), ok(case("jax"), 1)]
    for record in kept:
        store.append(folder, record)
    path = folder / "trials.jsonl"
    whole = path.read_bytes()
    ends = [place + 1 for place, byte in enumerate(whole) if byte == 10]
    assert len(ends) == len(kept)
    last = bare(case("last"))
    for cut in range(len(whole) + 1):
        path.write_bytes(whole[:cut])
        before = kept[: sum(end <= cut for end in ends)]
        assert store.read_records(folder) == before
        store.mend(folder)
        assert path.read_bytes() == whole[: ([0, *ends])[len(before)]]
        store.append(folder, last)
        assert store.read_records(folder) == [*before, last]


def test_a_run_without_a_trial_has_no_records_and_is_seen_to_take_some(folder):
    store.mend(folder)
    assert (folder / "trials.jsonl").read_bytes() == b""
    assert store.read_records(folder) == []


def test_a_record_holds_what_was_measured_and_nothing_else(folder):
    store.append(folder, bare(case()))
    line = (folder / "trials.jsonl").read_text(encoding="utf-8")
    assert line.endswith("}\n")
    keys = "format kind run trial round started status case environment check"
    assert list(json.loads(line)) == keys.split()


def test_what_is_appended_is_on_disk_before_anything_goes_on(folder, monkeypatch):
    store.append(folder, bare(case(), 1))
    sizes = []
    monkeypatch.setattr(os, "fsync", lambda number: sizes.append(os.fstat(number).st_size))
    store.append(folder, bare(case(), 2))
    assert sizes == [(folder / "trials.jsonl").stat().st_size]


def test_a_loss_that_is_not_a_number_leaves_the_run_readable(folder):
    figure = bare(case("figure-keras"), kind="figure", figure={"validation_loss": float("nan")})
    store.append(folder, figure)
    assert store.read_records(folder)[0].figure == {"validation_loss": None}


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b"{", "not a Record: .*; delete it"),
        (b"[]", "not a Record: .*; delete it"),
        (b'{"format": 1, "\xff": 1}', "not a Record: .*; delete it"),
        (b'{"format": 1}', "not a Record: .*missing required field"),
        (b'{"format": 6, "new": 1}', "format 6 is newer than this suite; update it"),
        (b'{"format": 4, "a": {' + b'"a": {' * 10**5, "not a Record: .*; delete it"),
        (b"[" * 10**5, "not a Record: .*; delete it"),
        (b'{"format": 1e999}', "not a Record: .*; delete it"),
        (b'{"run": "\\ud800"}', "not a Record: .*; delete it"),
        (b"", "not a Record: .*; delete it"),
    ],
)
def test_a_line_that_is_no_record_is_named_with_its_number(folder, line, says):
    store.append(folder, bare(case()))
    with (folder / "trials.jsonl").open("ab") as stream:
        stream.write(line + b"\n")
    with pytest.raises(UserError, match=rf"trials\.jsonl:2: {says}"):
        store.read_records(folder)


def test_a_record_of_a_newer_format_is_refused_though_it_could_be_read(folder):
    store.append(folder, bare(case(), format=FORMAT + 1))
    with pytest.raises(UserError, match=r"trials\.jsonl:1: format \d+ is newer than this suite"):
        store.read_records(folder)


def test_records_that_cannot_be_read_are_an_error_of_one_line(folder):
    (folder / "trials.jsonl").mkdir()
    with pytest.raises(UserError, match=r"trials\.jsonl: cannot be read: Is a directory"):
        store.read_records(folder)


def test_a_record_with_a_field_too_many_is_refused(folder):
    line = {**msgspec.to_builtins(bare(case())), "speed": 1}
    (folder / "trials.jsonl").write_text(json.dumps(line) + "\n", encoding="utf-8")
    with pytest.raises(UserError, match="unknown field `speed`"):
        store.read_records(folder)


@pytest.mark.parametrize(
    "lacking",
    [
        {"epoch_seconds": []},
        {"epoch_seconds": [0.5, 0.0]},
        {"epoch_seconds": [0.5, 5e-324]},
        {"validation_accuracy": [0.8] * 4},
        {"test_accuracy": []},
        {"case": case(epochs=0)},
        {"case": case(batch_size=0)},
        {"case": case(batch_size=64, samples=32)},
        {"case": case(threads=0)},
    ],
)
def test_a_good_trial_must_have_what_the_tables_show(folder, lacking):
    store.append(folder, replace(ok(case()), status="failed", **lacking))
    assert len(store.read_records(folder)) == 1
    store.append(folder, replace(ok(case()), **lacking))
    with pytest.raises(UserError, match=r":2: an ok trial without all its numbers; delete it"):
        store.read_records(folder)


PROBED = {"kind": "ceiling", "product_operations": 10, "product_seconds": [0.1],
          "read_bytes": [8], "read_seconds": [0.1]}  # fmt: skip


@pytest.mark.parametrize(
    "lacking",
    [
        {"product_seconds": []},
        {"product_seconds": [0.1, 0.0]},
        {"product_operations": None},
        {"product_operations": 0},
        {"read_seconds": [0.0]},
        {"read_seconds": [0.1, 0.1]},
        {"read_bytes": [0]},
        {"read_bytes": [], "read_seconds": [0.1]},
        {"chain_seconds": [0.1]},
        {"chain_seconds": [0.1], "chain_steps": 0},
        {"chain_seconds": [0.0], "chain_steps": 10},
    ],
)
def test_a_good_probe_must_have_what_a_ceiling_is_computed_from(folder, lacking):
    store.append(folder, bare(case(), **PROBED | lacking))
    assert len(store.read_records(folder)) == 1
    store.append(folder, bare(case(), status="ok", **PROBED | lacking))
    with pytest.raises(UserError, match=r":2: an ok ceiling without all its numbers; delete it"):
        store.read_records(folder)


def test_a_probe_that_read_nothing_and_one_with_chains_are_whole(folder):
    store.append(
        folder, bare(case(), status="ok", **PROBED | {"read_bytes": [], "read_seconds": []})
    )
    chains = {"chain_seconds": [0.1], "chain_steps": 10}
    store.append(folder, bare(case(), 2, status="ok", **PROBED | chains))
    assert len(store.read_records(folder)) == 2


def test_figures_need_no_epochs(folder):
    figure = bare(case("figure-keras"), kind="figure", status="ok", figure={"accuracy": 0.84})
    store.append(folder, figure)
    assert store.read_records(folder) == [figure]


def test_a_run_and_its_environments_are_read_as_they_were_written(tmp_path):
    planned = run(case(variables={"KERAS_BACKEND": "jax"}), figures=(case("figure"),), data="x")
    folder = write(tmp_path / "a" / "b", planned)
    store.add_environment(folder, environment(id="there", variables={"A": "1"}))
    assert store.read_run(folder) == planned
    assert store.read_environments(folder) == {
        "here": environment(),
        "there": environment(id="there", variables={"A": "1"}),
    }
    assert sorted(path.name for path in folder.iterdir()) == ["environments", "params", "run.json"]


def test_an_environment_is_never_written_twice(folder):
    path = folder / "environments" / "here.json"
    before = path.read_bytes()
    store.add_environment(folder, environment(machine={}))
    assert path.read_bytes() == before


@pytest.mark.parametrize("name", ["run.json", "trials.jsonl"])
def test_a_folder_that_holds_a_run_is_not_written_to(tmp_path, name):
    (tmp_path / name).touch()
    with pytest.raises(UserError, match="holds another run; choose another --output, or add --res"):
        store.create(tmp_path, run())
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_folder_that_cannot_be_made_is_an_error_of_one_line(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(
        UserError, match=r"cannot write to .*file/run: Not a dir.*; choose --output"
    ):
        store.create(tmp_path / "file" / "run", run())


@pytest.mark.parametrize("action", ["append", "keep_params", "add_environment", "mend"])
def test_a_full_disk_is_an_error_of_one_line(folder, tmp_path, monkeypatch, action):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    store.append(folder, bare(case()))
    with (folder / "trials.jsonl").open("ab") as stream:
        stream.write(b'{"format"')
    before = sorted(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    (tmp_path / "params.npy").write_bytes(b"params")
    monkeypatch.setattr(os, "fsync", full)
    arguments = {
        "append": (bare(case()),),
        "keep_params": ("r1-x", tmp_path / "params.npy"),
        "add_environment": (environment(id="other"),),
        "mend": (),
    }
    says = rf"cannot write to {folder}: No space left on device; free some and go on with --resume"
    with pytest.raises(UserError, match=f"{says} --output {folder}$"):
        getattr(store, action)(folder, *arguments[action])
    if action != "mend":
        after = sorted(path.read_bytes() for path in folder.rglob("*") if path.is_file())
        assert after == before


def test_params_are_copied_whole_or_not_at_all(folder, tmp_path, monkeypatch):
    (tmp_path / "params.npy").write_bytes(b"params")
    kept = store.keep_params(folder, "r1-x", tmp_path / "params.npy")
    assert kept == folder / "params" / "r1-x.npy"
    assert kept.read_bytes() == b"params"
    assert list((folder / "params").iterdir()) == [kept]
    monkeypatch.setattr(Path, "replace", lambda *_: pytest.fail("killed before the rename"))
    with pytest.raises(pytest.fail.Exception):
        store.keep_params(folder, "r2-x", tmp_path / "params.npy")
    assert list((folder / "params").glob("*.npy")) == [kept]


def test_params_that_were_not_handed_over_are_told_from_a_disk_that_cannot_keep_them(folder):
    with pytest.raises(FileNotFoundError):
        store.keep_params(folder, "r1-x", folder / "nothing.npy")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, r"run holds no run: there is no run\.json"),
        ("{", r"run\.json: not a Run: .*; delete it"),
        ('{"format": 6, "new": 1}', r"run\.json: format 6 is newer than this suite; update it"),
        ("[" * 10**5, r"run\.json: not a Run: .*; delete it"),
        (f'{PLANNED[:-1]}, "seed": 43}}', r"run\.json: it says 'seed' twice; delete it"),
        (PLANNED.replace('"textbook"', '"sgd"'), r"run\.json: it says 'sgd' twice; delete it"),
        (PLANNED.replace('"sgd": 2', '"s": 2'), r"run\.json: it has no rounds of sgd; delete it"),
        (
            PLANNED.replace('"sgd": 2', '"sgd": 10001'),
            r"run\.json: not a Run: .*10000.*; delete it",
        ),
        (PLANNED.replace("600.0", "-1"), r"run\.json: not a Run: .*0\.0.*; delete it"),
        ('{"format": 1}', r"run\.json: not a Run: .*missing required field"),
    ],
)
def test_a_run_that_cannot_be_read_is_an_error_of_one_line(folder, text, says):
    (folder / "run.json").unlink()
    if text is not None:
        (folder / "run.json").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=says):
        store.read_run(folder)


def test_a_folder_in_the_place_of_a_file_is_an_error_of_one_line(folder):
    (folder / "environments" / "odd.json").mkdir()
    with pytest.raises(UserError, match=r"odd\.json: cannot be read: Is a directory"):
        store.read_environments(folder)


@pytest.mark.parametrize("made", ["fifo", "folder", "link", "sparse"])
def test_what_is_handed_over_as_params_is_a_small_regular_file(folder, tmp_path, made):
    handed = tmp_path / "handed.npy"
    match made:
        case "fifo":
            os.mkfifo(handed)
        case "folder":
            handed.mkdir()
        case "link":
            handed.symlink_to(folder / "run.json")
        case _:
            with handed.open("wb") as stream:
                stream.truncate(2**40)
    with pytest.raises(OSError, match=r"regular|directory|symbolic|larger than"):
        store.keep_params(folder, "r1-x", handed)
    assert list((folder / "params").iterdir()) == []


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".x", "x" * 201, "a\0b"])
def test_no_name_of_a_record_leads_out_of_its_folder(folder, tmp_path, name):
    (tmp_path / "params.npy").write_bytes(b"params")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UserError, match="cannot be a file's name"):
        store.append(folder, bare(case(), trial=name))
    with pytest.raises(UserError, match="cannot be a file's name"):
        store.keep_params(folder, name, tmp_path / "params.npy")
    with pytest.raises(UserError, match="cannot be a file's name"):
        store.add_environment(folder, environment(id=name))
    assert sorted(tmp_path.rglob("*")) == before


def test_of_two_that_make_a_run_at_once_one_is_refused(tmp_path, monkeypatch):
    (tmp_path / "run").mkdir()
    monkeypatch.setattr(store, "refuse_another_run", lambda _: None)  # both have looked by then
    store.create(tmp_path / "run", run(case("first")))
    with pytest.raises(UserError, match="holds another run; choose another --output"):
        store.create(tmp_path / "run", run(case("second")))
    assert store.read_run(tmp_path / "run") == run(case("first"))


def test_half_a_character_in_a_plan_is_an_error_of_one_line(tmp_path):
    with pytest.raises(UserError, match=r"^'\\udcff.py' is no Unicode; rename it$"):
        store.create(tmp_path / "run", run(case(file="\udcff.py")))
    assert not (tmp_path / "run" / "run.json").exists()


def test_looks_are_read_strictly(folder):
    store.keep_looks(folder, {"numpy": (10, 20)})
    assert store.read_looks(folder) == {"numpy": (10, 20)}
    (folder / "looks.json").write_text('{"numpy": [10], "numpy": [20]}')
    with pytest.raises(UserError, match="not the looks of a comparison: it says 'numpy' twice"):
        store.read_looks(folder)


@pytest.mark.parametrize("name", ["run.json", "trials.jsonl", "environments/here.json"])
@pytest.mark.parametrize("made", ["fifo", "device", "sparse"])
def test_no_file_of_a_run_is_waited_for_or_too_large(folder, name, made):
    path = folder / name
    path.unlink(missing_ok=True)
    if made == "fifo":
        os.mkfifo(path)
    elif made == "device":
        path.symlink_to("/dev/zero")
    else:
        with path.open("wb") as stream:
            stream.truncate(2**40)
    read = store.read_run if name == "run.json" else store.salvaged
    with pytest.raises(
        UserError, match=rf"{path}: cannot be read: it is (not a regular file|larger)"
    ):
        read(folder)


@pytest.mark.parametrize(
    "changes",
    [{"rounds": {"sgd": 1000}}, {"precision": 0.02}, {"sweep": (case(),), "sweep_rounds": 10_000}],
)
def test_a_plan_of_more_trials_than_can_be_listed_is_refused(tmp_path, changes):
    cases = [case(f"x{number}") for number in range(251)]
    planned = run(*cases, sweep=changes.pop("sweep", ()) * 250, **changes)
    with pytest.raises(UserError, match="it plans more than 250,000 trials; ask for fewer"):
        store.create(tmp_path / "new", planned)
    assert not (tmp_path / "new").exists()
    folder = write(tmp_path / "run", run(cases[0]))
    (folder / "run.json").write_bytes(msgspec.json.encode(planned))
    with pytest.raises(UserError, match="it plans more than 250,000 trials; delete it"):
        store.read_run(folder)


def test_no_more_is_appended_than_could_be_read_again(folder):
    path, line = folder / "trials.jsonl", lines.encoded(bare(case()))
    path.touch()
    os.truncate(path, trials.MOST - len(line))
    store.append(folder, bare(case()))
    with pytest.raises(UserError, match=r"trials\.jsonl: it would be larger than 512 MiB; begin"):
        store.append(folder, bare(case()))
    assert path.stat().st_size == trials.MOST


def test_appending_takes_as_long_at_the_end_as_at_the_beginning(folder, monkeypatch):
    """A hundred records cost the same calls in a file of ten lines as in one of ten thousand."""
    calls = []
    for name in ("open", "write", "fsync", "fstat"):
        true = getattr(os, name)
        monkeypatch.setattr(
            os, name, lambda *given, name=name, true=true: calls.append(name) or true(*given)
        )
    store.append(folder, bare(case()))
    with (folder / "trials.jsonl").open("ab") as stream:
        stream.write((folder / "trials.jsonl").read_bytes() * 10_000)
    counts = set()
    for number in range(100):
        calls.clear()
        store.append(folder, bare(case(), number))
        counts.add(tuple(calls))
    assert counts == {("open", "fstat", "write", "fsync")}
