"""A Dask cluster on this computer, whose workers stand in for hosts: each says it is another."""

import contextlib
import json
import os
import signal
import subprocess
import sys

from support.processes import SHORT_TRIALS, wait_until

# Runs in a worker before it begins: its machine id, its name and its lock are its own.
HOST = """
import os, platform
from bench.runner.host import machine as host
from bench.worker import machine
from bench.runner import cluster as task
NAME, KIND = os.environ["STAND_IN"], os.environ["STAND_IN_KIND"]
platform.node = lambda: NAME
if not hasattr(host, "REAL"):
    host.REAL = host.describe
def describe():
    real = host.REAL()
    gpus = ["a GPU"] if "GPU" in KIND else []
    changes = {"name": f"{real['name']}, {KIND}", "gpus": gpus}
    return {**real, "id": machine.fingerprint([real["id"], KIND]), **changes}
host.describe = describe
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
        file = self.folder / "scheduler.json"
        file.unlink(missing_ok=True)
        where = ("--host=127.0.0.1", f"--port={self._port}", f"--scheduler-file={file}")
        self._scheduler = self._dask("scheduler", "--no-dashboard", *where)
        wait_until(lambda: file.exists() and file.stat().st_size > 0)
        wait_until(lambda: "address" in file.read_text())
        self.address = json.loads(file.read_text())["address"]
        self._port = self.address.rpartition(":")[2]

    def join(self, name, kind="one", *, code="", resources="bench=1"):
        """Start a worker of the host of this name, which is a machine of this kind."""
        temporary = self.folder / f"host-{name}"
        temporary.mkdir(exist_ok=True)
        hook = temporary / f"host_{name}.py"
        hook.write_text(SHORT_TRIALS + HOST + code)
        self.workers[name] = self._dask(
            "worker",
            self.address,
            "--nthreads=1",
            "--no-dashboard",
            "--no-nanny",
            *([f"--resources={resources}"] if resources else []),
            f"--preload={hook}",
            f"--local-directory={temporary}",
            STAND_IN=name,
            STAND_IN_KIND=kind,
            TMPDIR=str(temporary),
            SOFTMAX_BENCH_LOCK=str(temporary / "lock"),
            cwd=temporary,
        )

    def wait_for_workers(self, count):
        import distributed

        with distributed.Client(self.address, set_as_default=False) as client:
            client.wait_for_workers(count)

    def kill(self, name):
        self.workers[name].kill()
        self.workers.pop(name).wait()

    def stop(self):
        """End the scheduler in the same way; its workers, which have no other, end too."""
        self._scheduler.kill()
        self._scheduler.wait()
        for name in list(self.workers):
            self.kill(name)

    def _dask(self, *command, cwd=None, **variables):
        with (self.folder / f"{command[0]}.log").open("a") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "dask", *command],
                cwd=cwd or self.folder,
                env={**self._surroundings, **variables},
                start_new_session=True,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )

    def end(self):
        for process in (self._scheduler, *self.workers.values()):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
