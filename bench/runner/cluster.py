"""Give a run to the nodes of a cluster, as jobs of submitit: of SLURM, or processes of this host.

A study is a folder with a run for each node. Its folder ``jobs`` has what names hosts: submitit's
pickles and logs, and the salt of the names in records.
"""

import json
import os
import secrets
import select
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import cloudpickle
import psutil
from submitit import AutoExecutor
from submitit.helpers import DelayedSubmission

from bench.errors import UserError
from bench.records.files import write_file
from bench.records.layout import RUN_PLAN

HAS_SLURM = shutil.which("sbatch") is not None
# SLURM may send SIGTERM so many seconds before it kills a job that is preempted.
GRACE_SECONDS = 600.0


@dataclass
class Node:
    """The run of a node, which its job begins, or continues after it was requeued.

    It is pickled with its code and uses nothing of the suite: a job does not find a wheel's
    packages.
    """

    folder: Path  # of the run
    arguments: Sequence[str]  # of ``bench run``
    again: Sequence[str]  # those that resume it
    variables: Mapping[str, str]
    pid: int = 0

    def __call__(self) -> int:
        """Run the command line to its end; return its exit status."""
        words = self.again if (self.folder / RUN_PLAN).exists() else self.arguments
        # SLURM signals all processes of a job, but only checkpoint() may end the run.
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1, signal.SIGUSR2})
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "bench", "run", *words, f"--output={self.folder}"],
            env={**os.environ, **self.variables},
            start_new_session=True,
        )
        self.pid = process.pid
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        status = process.wait()
        # A job that ends by itself is not requeued.
        if status == 128 + signal.SIGTERM and "SLURM_JOB_ID" in os.environ:
            select.select([], [], [], GRACE_SECONDS)
        return status

    def checkpoint(self) -> DelayedSubmission:
        """End the run, which keeps the trials that have ended; return what continues it."""
        if self.pid:
            with suppress(OSError):  # it has ended
                os.kill(self.pid, signal.SIGTERM)
                os.waitpid(self.pid, 0)  # Popen.wait() is interrupted, with its lock held
        return DelayedSubmission(replace(self, pid=0))


def open_study(folder: Path, arguments: Sequence[str]) -> str:
    """Create a study, or check that its runs have these arguments; return its salt."""
    path = folder / "jobs" / "study.json"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, json.dumps([arguments, secrets.token_hex()]).encode())
    before, salt = json.loads(path.read_bytes())
    if before != arguments:
        words = shlex.join(before)
        raise UserError(f"{folder} has jobs of softmax-bench run {words}. Choose another --output")
    return str(salt)


def submit_job(node: Node, minutes: int, gpus: int, options: Mapping[str, str | bool]) -> None:
    """Submit a job. options: of sbatch. Raises UserError."""
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    folder = node.folder.parent / "jobs" / node.folder.name
    executor = AutoExecutor(folder, cluster="slurm" if HAS_SLURM else "local")
    executor.update_parameters(
        name="softmax-bench",
        timeout_min=minutes,
        gpus_per_node=gpus or None,
        slurm_srun_args=["--cpu-bind=none"],  # the run binds its workers to cores of the node
        slurm_additional_parameters={"exclusive": True, "requeue": True, **options},
    )
    # Jobs on this host have the same terminal, and inherit the mask.
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})
    try:
        executor.submit(node)
    except RuntimeError as error:
        raise UserError(f"sbatch refused a job: {error}. Change the options of submit") from error
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


def list_states(study: Path) -> dict[str, str]:
    """Return the states of the jobs that have not ended, by node. Raises UserError."""
    pickles = (study / "jobs").glob("*/*_submitted.pkl")
    folders = {path.name.partition("_")[0]: path.parent for path in pickles}
    states = {}
    if HAS_SLURM:
        command = ["squeue", "--me", "--noheader", "--format=%i %T"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise UserError(f"squeue failed: {done.stderr}. The jobs go on. Try again later")
        states = dict(line.split() for line in done.stdout.splitlines())
    else:
        for number, folder in folders.items():
            with suppress(psutil.Error):  # it has ended, and perhaps another process has its id
                if str(folder) in psutil.Process(int(number)).cmdline():
                    states[number] = "RUNNING"
    return {folder.name: states[job] for job, folder in folders.items() if job in states}
