"""What a job of a cluster does when its run has ended."""

import select
import signal
import subprocess
from types import SimpleNamespace

import pytest

from bench.runner.cluster import Node

REQUEUED = 128 + signal.SIGTERM


@pytest.mark.parametrize(
    ("status", "job", "waits"),
    [(REQUEUED, "7", [600.0]), (REQUEUED, None, []), (0, "7", []), (3, "7", [])],
)
def test_job_of_slurm_waits_for_the_requeue_after_sigterm(
    tmp_path, monkeypatch, status, job, waits
):
    process = SimpleNamespace(pid=1, wait=lambda: status)
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: process)
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    if job is not None:
        monkeypatch.setenv("SLURM_JOB_ID", job)
    waited = []
    monkeypatch.setattr(select, "select", lambda _r, _w, _x, seconds: waited.append(seconds))
    assert Node(tmp_path / "1", [], [], {})() == status
    assert waited == waits
