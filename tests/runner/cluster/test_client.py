"""What the caller accepts from a host, without Dask."""

from types import SimpleNamespace

import msgspec
import pytest
from support.records import MACHINE, case, environment, run, trials, write

from bench.errors import UserError
from bench.records import store
from bench.records.schema import Trial
from bench.runner.cluster.client import MachineRun, unpack
from bench.runner.cluster.task import HostQuery, RoundResult

CASES = (case("pytorch"), case("numpy"))
PLAN = run(*CASES, machine=MACHINE["id"], rounds={"sgd": 3})
ROUND = trials(CASES[0], 0.5) + trials(CASES[1], 0.5)
OTHER = environment(machine={**MACHINE, "id": "another"})


def result_of(folder, records, **changes):
    """Return what a host sends that measured these records, altered by keyword."""
    write(folder, PLAN, *records)
    values = {
        "hostname": "a",
        "trials": (folder / "trials.jsonl").read_bytes(),
        "environments": {"here": (folder / "environments" / "here.json").read_bytes()},
        "params": {record.trial: b"params" for record in records},
    }
    return RoundResult(**{**values, **changes})


@pytest.fixture
def unpacked(tmp_path):
    """Unpack a result into a new folder of the run, as one of the round."""
    store.create_run(tmp_path / "returned", PLAN)

    def call(result, file=None):
        planned = [
            Trial(record.trial, "trial", 1, msgspec.structs.replace(record.case, file=file))
            for record in ROUND
        ]
        return unpack(tmp_path / "returned", PLAN, planned, result)

    return call


@pytest.mark.parametrize(
    "changes",
    [
        {"trials": b'{"format":5}\n'},
        {"trials": b""},
        {"environments": {}},
        {"environments": {"here": b"{}"}},
        {"environments": {"there": msgspec.json.encode(environment())}},
        {"environments": {"here": msgspec.json.encode(OTHER)}},
        {"environments": {"../here": b"{}"}},
        {"params": {"../../r1": b""}},
    ],
    ids=str,
)
def test_damaged_result_is_refused(tmp_path, unpacked, changes):
    with pytest.raises(UserError):
        unpacked(result_of(tmp_path / "host", ROUND, **changes))
    assert not (tmp_path / "here.json").exists()


@pytest.mark.parametrize(
    "records",
    [
        ROUND[:1],
        [*ROUND, *trials(case("jax"), 0.5)],
        *(
            [msgspec.structs.replace(ROUND[0], **change), ROUND[1]]
            for change in ({"trial": "r1-other"}, {"round": 2}, {"case": case(threads=1)})
        ),
    ],
    ids=["one of two", "three of two", "other trial", "other round", "other case"],
)
def test_records_of_other_trials_are_refused(tmp_path, unpacked, records):
    with pytest.raises(UserError):
        unpacked(result_of(tmp_path / "host", records))


def test_record_of_an_own_file_has_the_callers_path(tmp_path, unpacked):
    records = [
        msgspec.structs.replace(record, case=msgspec.structs.replace(record.case, file="/tmp/x.py"))
        for record in ROUND
    ]
    kept = unpacked(result_of(tmp_path / "host", records), file="mine.py")
    assert [record.case.file for record in kept] == ["mine.py"] * 2


def test_spent_budget_keeps_the_round_that_another_host_measures(tmp_path):
    class Future(SimpleNamespace):
        __hash__ = object.__hash__

    cancelled = []
    planned = msgspec.structs.replace(PLAN, budget=1.0)
    store.create_run(tmp_path / "run", planned)
    machine_run = MachineRun(tmp_path / "run", planned, HostQuery("", None, {}), ["one", "two"])
    client = SimpleNamespace(
        submit=lambda *_, key, **__: Future(
            status="pending", done=lambda: False, cancel=lambda: cancelled.append(key)
        )
    )
    machine_run.submit(client)
    first = next(iter(machine_run.sent))
    answer = msgspec.json.encode(result_of(tmp_path / "host", ROUND))
    first.done, first.result = (lambda: True), (lambda timeout: answer)
    list(machine_run.collect({"one"}))  # a trial takes 12 s, as its record says
    assert (len(store.read_records(machine_run.folder)), len(machine_run.sent)) == (2, 1)
    assert (len(cancelled), machine_run.incomplete) == (1, False)
