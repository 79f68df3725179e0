"""However many children a run has had, none of them leaves anything behind in their parent."""

import hashlib
import os
import re
import tempfile
from pathlib import Path

import pytest
from support.records import run as a_run

from bench.records import store
from bench.runner import loop

CHEAPEST = "from implementations.idiomatic.softmax_numpy import Trainer"
EVERYDAY, SOAK = 12, 2000


@pytest.fixture
def cheapest(make_case, tmp_path):
    """Return somebody's own file, trained in as few and as short epochs as there can be."""
    file = tmp_path / "cheapest.py"
    file.write_text(CHEAPEST)
    return make_case(
        implementation="cheapest",
        module="cheapest",
        framework="",
        style="own",
        data="own",
        file=str(file),
        sha256=hashlib.sha256(file.read_bytes()).hexdigest(),
        batch_size=480,
        epochs=1,
    )


def resident():
    """Return what this process takes of the memory now, KiB."""
    return int(re.search(r"VmRSS:\s*(\d+) kB", Path("/proc/self/status").read_text())[1])


def children():
    """Name the children of this process, zombies among them."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = stat.read_text().partition("(")[2].rpartition(")")
        except OSError:  # it has just ended
            continue
        if int(rest.split()[1]) == os.getpid():
            found.append(f"{name} {rest.split()[0]}")
    return found


def descriptors():
    """Name what this process has open; the folder that is being listed is not there any more."""
    found = Path("/proc/self/fd").iterdir()
    return sorted(str(each.readlink()) for each in found if os.path.lexists(each))


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("count", [EVERYDAY, pytest.param(SOAK, marks=pytest.mark.soak)])
def test_children_leave_no_descriptor_no_zombie_no_file_and_no_memory(
    cheapest, digits, tmp_path, monkeypatch, count
):
    own = tmp_path / "tmp"
    own.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(own))
    planned = a_run(cheapest, rounds={"sgd": count}, data="digits")
    store.create_run(tmp_path / "run", planned)
    before, there, memory = descriptors(), children(), {}
    for event in loop.measure_run(tmp_path / "run", planned, digits):
        if isinstance(event, loop.TrialEnded):
            assert event.record.status == "ok", event.record.reason
            memory[event.number] = resident()
    assert len(memory) == count
    assert descriptors() == before
    assert children() == there
    assert not list(own.iterdir())
    assert memory[count] <= 1.5 * memory[max(1, count // 20)]
