"""What a child can do to a run, with real processes: it becomes a row, and the others go on."""

from pathlib import Path

import pytest

from bench.records import store

HEAD = """
import json, os, shutil, signal, sys
from pathlib import Path
import numpy as np
from bench.contract import Params
from bench.worker.measure import now
from implementations.idiomatic import softmax_numpy
def well():
    # End as the worker does after a trial that went well: its times add up.
    frame = sys._getframe()
    while frame.f_code.co_name != "main":
        frame = frame.f_back
    os.write(frame.f_locals["descriptor"], b"n")
    seconds = now() - frame.f_locals["started"]
    Path("document.json").write_text(json.dumps({
        "status": "ok", "worker_seconds": seconds, "epoch_seconds": [seconds / 4, seconds / 4],
        "epoch_cpu_seconds": [0.01, 0.01], "between_seconds": seconds / 2,
    }))
    os._exit(0)
class Trainer(softmax_numpy.Trainer):
    def train_epoch(self, order):
"""

# What it does in an epoch, how its row ends, and what the row says.
FAULTS = {
    "segfaults": ("os.kill(os.getpid(), signal.SIGSEGV)", "failed", "Segmentation fault"),
    "is_killed": ("os.kill(os.getpid(), signal.SIGKILL)", "failed", "signal: Killed"),
    "ends_without_a_result": ("os._exit(0)", "failed", "the process left no result"),
    "raises": ("raise RuntimeError('gone')", "failed", "RuntimeError: gone"),
    "hangs_for_ever": (
        (
            "for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):\n"
            "    signal.signal(number, signal.SIG_IGN)\n"
            "while True: signal.pause()"
        ),
        "timeout",
        "still running after 6 s",
    ),
    "forks": (
        (
            "if os.fork() == 0:\n    os.setsid()\n    signal.signal(signal.SIGTERM, signal.SIG_IGN)"
            "\n    os.execlp('sleep', 'sleep', '600')\nreturn super().train_epoch(order)"
        ),
        "failed",
        "it left processes running: sleep",
    ),
    "forks_and_hangs": (
        (
            "if os.fork() == 0:\n    os.setsid()\n    os.execlp('sleep', 'sleep', '601')"
            "\nwhile True: signal.pause()"
        ),
        "timeout",
        "still running after 6 s",
    ),
    "floods_stdout": (
        "for _ in range(1024): os.write(1, bytes(2**20))\nreturn super().train_epoch(order)",
        "failed",
        "it printed on stdout",
    ),
    "floods_stderr": (
        "for _ in range(1024): os.write(2, b'x' * 2**20)\nraise RuntimeError('and now this')",
        "failed",
        "RuntimeError: and now this",
    ),
    "prints_a_result": (
        (
            "print(json.dumps({'status': 'ok', 'epoch_seconds': [1e-6]}))"
            "\nreturn super().train_epoch(order)"
        ),
        "failed",
        "it printed on stdout",
    ),
    "writes_a_result": ("well()", "failed", "handed over no params"),
    "takes_gigabytes": (
        "[bytearray(2**28) for _ in range(64)]",
        "out-of-memory",
        "the process ran out of memory",
    ),
    "takes_gigabytes_in_c": (
        (
            "os.write(2, b'terminate called after throwing an instance of std::bad_alloc')"
            "\nos.abort()"
        ),
        "out-of-memory",
        "Aborted",
    ),
    "hands_over_nan": (
        "p = super().train_epoch(order)\nreturn Params(p.weight * np.nan, p.bias)",
        "failed",
        "its params are not finite",
    ),
    "hands_over_infinity": (
        "p = super().train_epoch(order)\nreturn Params(p.weight, p.bias + np.float32(np.inf))",
        "failed",
        "its params are not finite",
    ),
    "hands_over_wrong_shapes": (
        "p = super().train_epoch(order)\nreturn Params(p.weight.T.copy(), p.bias)",
        "failed",
        "returned a weight of (10, 64)",
    ),
    "hands_over_nothing": ("return None", "failed", "must return Params, not NoneType"),
    "deletes_its_output": (
        "shutil.rmtree(Path.cwd(), ignore_errors=True)\nreturn super().train_epoch(order)",
        "failed",
        "exit status 1",
    ),
    "links_its_params_to_a_device": (
        "Path('params.npy').symlink_to('/dev/zero')\nwell()",
        "failed",
        "cannot be read",
    ),
    "leaves_a_pipe_as_its_result": (
        "os.mkfifo('document.json')\nos._exit(0)",
        "failed",
        "it is not a regular file",
    ),
    "leaves_a_pipe_as_its_params": (
        "os.mkfifo('params.npy')\nos.mkfifo('labels.npy')\nwell()",
        "failed",
        "cannot be read",
    ),
    "leaves_a_link_as_its_result": (
        "Path('document.json').symlink_to('/etc/hostname')\nos._exit(0)",
        "failed",
        "a result that cannot be read",
    ),
    "leaves_a_result_without_end": (
        "os.truncate(os.open('document.json', os.O_CREAT | os.O_RDWR), 2**34)\nos._exit(0)",
        "failed",
        "it is larger than",
    ),
    "promises_a_terabyte": (
        (
            "header = {'descr': '<f4', 'fortran_order': False, 'shape': (2**36, 65, 10)}"
            "\nnp.lib.format.write_array_header_1_0(Path('params.npy').open('wb'), header)\nwell()"
        ),
        "failed",
        "cannot be read",
    ),
    "pickles_its_params": (
        "np.save('params.npy', np.array([Params], dtype=object))\nwell()",
        "failed",
        "cannot be read",
    ),
    "says_half_a_character": ("raise RuntimeError('\\udcff')", "failed", "cannot be read"),
    "closes_all_descriptors": (
        "os.closerange(3, 4096)\nreturn super().train_epoch(order)",
        "failed",
        "exit status 1",
    ),
    "nests_without_end": (
        "Path('document.json').write_text('[' * 10**6)\nos._exit(0)",
        "failed",
        "cannot be read",
    ),
    "says_it_was_interrupted": (
        "Path('document.json').write_text('{\"status\": \"interrupted\"}')\nos._exit(0)",
        "failed",
        "it has no status",
    ),
    "says_more_than_a_line_holds": (
        (
            "Path('document.json').write_text(json.dumps({'status': 'unavailable',"
            " 'phase_rss_bytes': {str(n): n for n in range(150_000)}}))\nos._exit(0)"
        ),
        "failed",
        "a result that is wrong",
    ),
    "well_behaved": ("return super().train_epoch(order)", "ok", None),
}


RUN = (
    *("run", "--data=digits", "--workload=sgd", "--rounds=1", "--threads=1", "--no-roofline"),
    *("--batch-size=288", "--epochs=2", "--memory-limit=1GiB"),
)


@pytest.fixture(scope="module")
def faults(tmp_path_factory, command):
    """Two runs, of the faults that exceed their time and of the others; their ends and records."""
    ends, records = [], {}
    for timeout in (6, 240):
        folder = tmp_path_factory.mktemp("faults")
        names = [
            name for name, fault in FAULTS.items() if (fault[1] == "timeout") == (timeout == 6)
        ]
        for name in names:
            body = "".join(f"        {line}\n" for line in FAULTS[name][0].splitlines())
            (folder / f"{name}.py").write_text(HEAD + body)
        chosen = [f"--implementation={name}.py" for name in names]
        ends.append(command(folder, *RUN, f"--timeout={timeout}", "--output=out", *chosen))
        for record in store.read_records(folder / "out"):
            records[record.case.implementation] = record
    return ends, records


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_becomes_a_row_that_says_in_one_line_what_it_was(faults, name):
    _, status, reason = FAULTS[name]
    record = faults[1][name]
    assert (record.status, "\n" in (record.reason or "")) == (status, False), record.reason
    assert (reason or "") in (record.reason or "")
    assert (record.validation_accuracy == []) or record.status == "ok" or record.parity is not None


def test_the_run_goes_on_after_every_fault_and_ends_with_three(faults):
    ends, records = faults
    assert records.keys() == FAULTS.keys()
    assert [(ended.returncode, ended.stderr) for ended in ends] == [(3, "")] * 2
    assert len(records["floods_stderr"].stderr_tail) <= 2000


def test_no_fault_leaves_a_file_or_a_process_behind(faults, surroundings):
    assert not list(Path(surroundings["TMPDIR"]).iterdir())
    running = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (process / "cmdline").read_bytes()
        except OSError:
            continue
        running += [arguments for own in (b"sleep\x00600", b"sleep\x00601") if own in arguments]
    assert running == []
