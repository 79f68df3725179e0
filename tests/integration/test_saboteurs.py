"""Implementations that only a run can show to be wrong: none of them gets a rank by deceit."""

import shutil

from bench.records import store

# The status of each in each round.
STATUSES = {
    # All timed epochs are wrong: the stretch of twenty is longer than ten.
    "tires_after_ten": ["failed", "failed"],
    "copies_a_neighbour": ["failed", "failed"],
    # Slow processes cannot be thrown away.
    "dies_when_it_is_slow": ["ok", "failed"],
    # What it stored in an earlier round is worth nothing.
    "remembers_on_disk": ["ok", "failed"],
}


def test_deceit_fails_in_a_run(command, saboteur, tmp_path):
    for name in STATUSES:
        shutil.copy(saboteur(name), tmp_path)
    ended = command(
        tmp_path,
        *("run", "--data=digits", "--workload=sgd", "--rounds=2", "--threads=1"),
        *("--no-roofline", "--output=out", "--implementation=numpy", "--epochs=20"),
        *(f"--implementation={name}.py" for name in STATUSES),
    )
    assert ended.returncode == 3, ended.stderr
    statuses = {}
    for record in store.read_records(tmp_path / "out"):
        statuses.setdefault(record.case.implementation, []).append(record.status)
    assert statuses == {"numpy": ["ok", "ok"]} | STATUSES
