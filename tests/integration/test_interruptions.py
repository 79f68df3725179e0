"""Every interruption of every command that writes loses, doubles and damages nothing.

The calls of a process that write are recorded (tests/support/recorder.py). What a file system may
keep of them after each (tests/support/replay.py) is laid into a folder, which every verb reads.
"""

import inspect
import pickle
import shutil
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from support import processes, recorder
from support.processes import NO_CHARTS, READING_VERBS, RUN, SHORT_TRIALS, run_first
from support.recorder import snapshot
from support.replay import Recording, is_temporary

from bench.planning.plan import Schedule, plan_trials
from bench.records import layout, store
from bench.report import index, write

NUMPY = (*RUN, "--implementation=numpy", "--rounds=2")
GATE = ("gate", "--base=old", "--candidate=new", "--command=sh job", "--metric=json:0")
AB = ("ab", "--base=.", "--implementation=numpy", "--data=digits", "--budget=15s")

# A command that writes less than before writes in another way, or nothing.
LEAST = {"run": 100_000, "ab": 30_000, "gate": 10_000, "merge": 50_000, "report": 30_000}


@pytest.fixture
def recorded(started, alone, tmp_path):
    """Record what a command writes below a folder of this name, or what several write."""
    for side in ("old", "new"):
        (tmp_path / side).mkdir()
        (tmp_path / side / "job").write_text(f"echo [10] # {side}")

    def record(folder, *commands, stops=(), first=NO_CHARTS):
        root, log = tmp_path / folder, tmp_path / "log"
        root.mkdir(exist_ok=True)
        log.unlink(missing_ok=True)
        for command, stop in zip(commands, [*stops, ()], strict=True):
            start = f"start({str(log)!r}, {str(root)!r}, {stop})"
            run_first(tmp_path, first + inspect.getsource(recorder) + start)
            process = started(*command, **alone)
            _, err = process.communicate()
            # Nothing was written in vain: too few pairs end with 4.
            assert process.returncode in {0, 4 if command[0] == "ab" else 0}, err
        run_first(tmp_path, NO_CHARTS)
        recording = Recording(*pickle.loads(log.read_bytes()))
        assert recording.told[-1] == snapshot(root)  # nothing was written in another way
        return recording

    return record


def lay(root, contents):
    """Change a folder so that it has these contents."""
    root.mkdir(exist_ok=True)
    before = snapshot(root)
    for path in sorted(before.keys() - contents.keys(), reverse=True):
        (root / path).rmdir() if before[path] is None else (root / path).unlink()
    for path, data in sorted(contents.items()):
        if data is None:
            (root / path).mkdir(exist_ok=True)
        elif data != before.get(path):
            (root / path).write_bytes(data)


def list_plans(root):
    """Return the plans below a folder, without those of unfinished folders."""
    paths = sorted(path for path in root.rglob("*.json") if path.name in layout.PLANS)
    return [path for path in paths if not is_temporary(str(path))]


def read(root):
    """Read all records below a folder; then repair runs, and plan what they lack."""
    for plan in list_plans(root):
        folder = plan.parent
        if plan.name != layout.RUN_PLAN:
            assert not store.read_contents(folder).faults
            store.read_looks(folder)
            continue
        records, run = processes.assert_readable(folder), store.read_run(folder)
        with store.lock_folder(folder):
            store.repair_run(folder)
        assert store.read_records(folder) == records
        assert not list(folder.rglob("*.part"))
        missing = sum(map(len, Schedule(run, records).missing.values()))
        assert len(records) + missing == len(plan_trials(run))


def read_by_verbs(called, root):
    """Let every verb read what lies below a folder."""
    entries = index.read_entries(root)
    assert "unreadable" not in {entry.kind for entry in entries}, entries
    for plan in list_plans(root):
        contents, folder, verbs = store.read_contents(plan.parent), str(plan.parent), []
        if plan.name == layout.RUN_PLAN:
            shutil.copytree(folder, f"{folder}-copy")
            verbs = [*READING_VERBS, ("merge", "RUN", "RUN-copy", "--output=RUN-merged")]
        # Without a trial, nothing is exported. Missing trials are a fault for check.
        allowed = {0, 1} if contents.records or contents.commands else {0, 1, 2}
        for verb in verbs or [("report", "RUN")]:
            status, _, err = called(*(word.replace("RUN", folder) for word in verb))
            assert status in allowed, (verb, status, err)


@pytest.fixture
def replayed(called, monkeypatch):
    """Replay a recording; count interruptions, and the different folders that they leave.

    readings: those that differ in more than temporary files and the torn end of records.
    """
    monkeypatch.setattr(write, "can_draw", lambda: False)  # charts take longer than all else
    # On a disk each file that replaces another one may be waited for.
    state = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))

    def replay(recording, step):
        counts, folders, readings = Counter(), set(), {}
        for contents, ways, number in recording.interrupt(step):
            counts["interruptions"] += ways
            assert recording.find_fault(contents, number) is None
            if (key := frozenset(contents.items())) not in folders:
                folders.add(key)
                lay(state, contents)
                read(state)
                whole = {
                    path: data[: data.rfind(b"\n") + 1] if path.endswith(".jsonl") else data
                    for path, data in contents.items()
                    if not is_temporary(path)
                }
                readings[frozenset(whole.items())] = whole
        for whole in readings.values():
            shutil.rmtree(state)
            lay(state, whole)
            read_by_verbs(called, state)
        shutil.rmtree(state)
        return counts + Counter(folders=len(folders), readings=len(readings))

    return replay


# A merged folder is whole or absent. Other commands leave one file after the other.
@pytest.mark.parametrize(
    ("command", "readings"),
    [
        ((*NUMPY, "--output=here/deep/a"), range(11, 1000)),
        ((*GATE, "--output=here/deep/a"), range(11, 1000)),
        (("merge", "here/x", "here/y", "--output=here/a"), [2]),
        (("report", "here/x"), range(3, 1000)),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_interruptions_lose_double_and_damage_nothing(
    recorded, replayed, tmp_path, command, readings
):
    if command[0] in {"merge", "report"}:
        for name in ("x", "y"):
            recorded("here", (*NUMPY, f"--output=here/{name}"))
        for name in ("report.md", "summary.csv"):
            (tmp_path / "here/x" / name).unlink()
    recording = recorded("here", command)
    assert replayed(recording, 97)["readings"] in readings
    for lazy in (True, False):  # a command that does not flush its files, or its folders
        calls = [
            (kind, *words)
            for kind, *words in recording.calls
            if kind != "fsync" or words[0].endswith((".part", ".jsonl")) != lazy
        ]
        weak = Recording(recording.before, calls)
        assert any(weak.find_fault(state, told) for state, _, told in weak.interrupt(997)), lazy


@pytest.mark.soak
@pytest.mark.timeout(14_400)
def test_all_interruptions_of_all_verbs_that_write(recorded, replayed, tmp_path):
    totals = {}

    def simulate(folder, *commands, **options):
        verb, counts = commands[0][0], replayed(recorded(folder, *commands, **options), 1)
        totals[verb] = totals.get(verb, Counter()) + counts

    simulate("run", (*NUMPY, "--output=run/deep/a"))
    resume = ("run", "--resume", "--output=killed/deep/a")
    stops = (("rename", "environments"), ("write", "trials.jsonl"))
    simulate("killed", (*NUMPY, "--output=killed/deep/a"), resume, resume, stops=stops)
    torn = shutil.copytree(tmp_path / "killed", tmp_path / "torn") / "deep/a/trials.jsonl"
    torn.write_bytes(torn.read_bytes()[:-9])
    simulate("torn", ("run", "--resume", "--output=torn/deep/a"))
    for name in ("killed", "torn"):  # both are resumed to their end
        assert len(processes.assert_readable(tmp_path / name / "deep/a")) == 2
    simulate("ab", (*AB, "--output=ab/deep/a"))
    simulate("gate", (*GATE, "--output=gate/deep/a"))
    shutil.copytree(tmp_path / "run/deep/a", tmp_path / "part")
    parts = ("run/deep/a", "killed/deep/a", "part")
    for name in ("merged", "both"):
        (tmp_path / name / "deep").mkdir(parents=True)
    simulate("merged", ("merge", *parts, "--output=merged/deep/a"))
    both = (*parts[:2], "--output=both/deep/a")
    for folder, *words in (("run", "run/deep/a"), ("both", *both), ("gate", "gate/deep")):
        simulate(folder, ("report", *words), first=SHORT_TRIALS)
    for verb, counts in totals.items():
        print(verb, dict(counts))
        assert counts["interruptions"] > LEAST[verb]
    total = sum(counts["interruptions"] for counts in totals.values())
    print(f"{total:,} simulated interruptions of {', '.join(totals)}:", end=" ")
    print("0 lost, 0 doubled, 0 unreadable")  # else an assertion has failed
