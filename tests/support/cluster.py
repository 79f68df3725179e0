"""A Dask cluster on this computer, whose workers stand in for hosts: each says it is another."""

import contextlib
import json
import os
import signal
import subprocess
import sys

from support.processes import until

# What makes a worker stand in for a host: Dask runs it before the worker begins. Its machine's id,
# its name and its lock are its own; all else is as on any host.
HOST = """
import os
from bench import machine
from bench.cluster import there
NAME, KIND = os.environ["STAND_IN"], os.environ["STAND_IN_KIND"]
if not hasattr(machine, "REAL"):
    machine.REAL = machine.describe
def describe():
    real = machine.REAL()
    told = {"host": NAME, "name": f"{real['name']}, {KIND}"}
    return {**real, "id": machine.fingerprint([real["id"], KIND]), **told}
machine.describe = describe
there.host = lambda: NAME
"""
# Hosts on which no process is begun: a trial takes no time, and hands over what NumPy trained once.
NO_PROCESS = """
from pathlib import Path
import numpy as np
from bench import station
from bench.launch import Outcome
HERE = Path(__file__).parent
def launch(request, child, scratch):
    for name in ("params.npy", "labels.npy"):
        (scratch / name).write_bytes((Path(os.environ["HANDED_OVER"]) / name).read_bytes())
    return Outcome("ok", None, json.loads(os.environ["DOCUMENT"]), "", 0.0)
import json
station.launch = launch
there.probe.framework = lambda case: None
"""


class Cluster:
    """A scheduler and its workers, processes of their own; at the end all are killed."""

    def __init__(self, folder, surroundings):
        self.folder = folder
        self._surroundings = surroundings
        self._port = 0
        self._scheduler = None
        self.workers = {}
        self.start()

    def start(self):
        """Start the scheduler; again, where it was stopped, at the same address."""
        told = self.folder / "scheduler.json"
        told.unlink(missing_ok=True)
        where = ("--host=127.0.0.1", f"--port={self._port}", f"--scheduler-file={told}")
        self._scheduler = self._dask("scheduler", "--no-dashboard", *where)
        until(lambda: told.exists() and told.stat().st_size > 0)
        until(lambda: "address" in told.read_text())
        self.address = json.loads(told.read_text())["address"]
        self._port = self.address.rpartition(":")[2]

    def join(
        self, name, kind="one", *flags, worker=None, code="", resources="bench=1", **variables
    ):
        """Start a worker of the host of this name, which is a machine of this kind."""
        temporary = self.folder / f"host-{name}"
        temporary.mkdir(exist_ok=True)
        hook = temporary / f"host_{worker or name}.py"
        hook.write_text(HOST + code)
        self.workers[worker or name] = self._dask(
            "worker", self.address, "--nthreads=1", "--no-dashboard",
            *(flags or ["--no-nanny"]), *([f"--resources={resources}"] if resources else []),
            f"--preload={hook}", f"--local-directory={temporary}",
            STAND_IN=name, STAND_IN_KIND=kind, TMPDIR=str(temporary),
            SOFTMAX_BENCH_LOCK=str(temporary / "lock"), **variables,
        )  # fmt: skip

    def kill(self, name):
        """End a worker as a power cut would."""
        self.workers[name].kill()
        self.workers.pop(name).wait()

    def freeze(self):
        """Have the scheduler answer nobody, as on a computer that hangs."""
        self._scheduler.send_signal(signal.SIGSTOP)

    def stop(self):
        """End the scheduler in the same way; its workers, which have no other, end too."""
        self._scheduler.kill()
        self._scheduler.wait()
        for name in list(self.workers):
            self.kill(name)

    def _dask(self, *command, **variables):
        with (self.folder / f"{command[0]}.log").open("a") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "dask", *command],
                cwd=self.folder,
                env={**self._surroundings, **variables},
                start_new_session=True,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )

    def end(self):
        """Leave nothing running."""
        for process in (self._scheduler, *self.workers.values()):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
