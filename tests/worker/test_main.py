"""The worker's loop and modes, and its answers to whatever goes wrong."""

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from bench.contract import Unavailable
from bench.worker import exchange, machine
from bench.worker import serve as worker
from bench.worker.exchange import ExchangeSize, create_file
from bench.worker.guard import ContractError

EMPTY = ExchangeSize()
PREFLIGHT = exchange.IMPORT + exchange.RUN + exchange.END


@pytest.fixture
def prepare(tmp_path):
    """Write a worker's folder and its commands; return the arguments and the end of its answers."""
    descriptors = []

    def write(request, commands, size=EMPTY):
        text = json.dumps({**request, "exchange": asdict(size)})
        (tmp_path / "request.json").write_text(text)
        memory = create_file(tmp_path, size)
        (read, first), (last, write) = os.pipe(), os.pipe()
        descriptors.extend([read, last, write, memory])
        os.write(first, commands)
        os.close(first)
        return [str(tmp_path), str(read), str(write), str(memory)], last

    yield write
    for descriptor in descriptors:
        os.close(descriptor)


@pytest.fixture
def serve(prepare, monkeypatch, tmp_path):
    """Serve commands in this process; return all answers, and the document or None."""
    # This process shall not end with its own parent.
    monkeypatch.setattr(worker, "end_with_parent", lambda: None)
    monkeypatch.setattr(worker, "disable_core_dumps", lambda: None)

    def run(request, commands, size=EMPTY):
        arguments, answers = prepare(request, commands, size)
        for number in arguments[1:]:
            os.set_inheritable(int(number), True)  # as a worker gets them
        monkeypatch.setattr(sys, "argv", ["worker", *arguments])
        worker.main()
        assert not any(os.get_inheritable(int(number)) for number in arguments[1:])
        path = tmp_path / "document.json"
        document = json.loads(path.read_text()) if path.exists() else None
        return os.read(answers, 100), document

    return run


@pytest.fixture
def own_file(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])  # the worker adds the file's folder

    def write(code):
        path = tmp_path / "own_softmax.py"
        path.write_text(code)
        return {"file": str(path)}

    yield write
    sys.modules.pop("own_softmax", None)


def test_worker_needs_numpy_contract_and_errors_only(tmp_path, prepare):
    (tmp_path / "path" / "bench").mkdir(parents=True)
    for name in ("__init__.py", "contract.py", "errors.py", "worker"):
        (tmp_path / "path" / "bench" / name).symlink_to(machine.ROOT / "bench" / name)
    for folder in Path(np.__file__).parent.parent.glob("numpy*"):
        (tmp_path / "path" / folder.name).symlink_to(folder)
    (tmp_path / "own.py").write_text("import sys\nOBJECTIVE = sorted(sys.modules)")
    request = {"mode": "preflight", "file": str(tmp_path / "own.py")}
    arguments, _ = prepare(request, exchange.PING + exchange.NUMPY + PREFLIGHT)
    # Without site (-S) there is nothing to import but the standard library and this path.
    command = [sys.executable, "-S", "-m", "bench.worker", *arguments]
    variables = {"PYTHONPATH": str(tmp_path / "path")}
    subprocess.run(command, env=variables, check=True, pass_fds=map(int, arguments[1:]))
    document = json.loads((tmp_path / "document.json").read_text())
    packages = {name.partition(".")[0] for name in document["objective"]}
    assert packages - sys.stdlib_module_names <= {"__main__", "bench", "numpy", "own"}


def test_crash_writes_no_core_file():
    code = (
        "import resource; from bench.worker import serve as worker; worker.disable_core_dumps();"
        "assert resource.getrlimit(resource.RLIMIT_CORE)[0] == 0"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_each_command_is_answered(serve, make_request):
    request = make_request(batch_size=288)
    commands = (exchange.IMPORT, exchange.READ_DATA, exchange.SET_UP, exchange.RESET, exchange.END)
    answers, document = serve(request, b"".join(commands), ExchangeSize(1440, 357, 64, 10))
    assert answers == b"".join(commands)
    assert document == {"status": "ok"}


def test_failing_command_is_the_last_one_and_leaves_a_document(serve, own_file, tmp_path):
    code = f"import os; os.mkdir({str(tmp_path / 'imported')!r}); raise ValueError('no')"
    answers, document = serve(own_file(code), exchange.PING + 2 * exchange.IMPORT + exchange.END)
    assert answers == exchange.PING + exchange.FAILED
    assert document == {"status": "failed", "reason": "ValueError: no"}


def test_worker_whose_parent_has_gone_leaves_no_document(serve):
    assert serve({}, exchange.PING) == (exchange.PING, None)


def absent(name):
    return ModuleNotFoundError(f"No module named {name!r}", name=name)


@pytest.mark.parametrize(
    ("error", "install", "status", "reason"),
    [
        (Unavailable("no GPU\n  here"), "", "unavailable", "no GPU here"),
        (ContractError("it did wrong"), "", "failed", "it did wrong"),
        (ValueError("first\n\nsecond"), "", "failed", "ValueError: first second"),
        (MemoryError(), "", "failed", "MemoryError"),
        (absent("jax.numpy"), "do", "unavailable", "jax is not installed: do"),
        (absent("abacus"), "", "failed", "ModuleNotFoundError: No module named 'abacus'"),
        *((absent(name), "do", "failed", "") for name in ("bench.no", "implementations.no", None)),
        (RuntimeError("CUDA error: device-side assert"), "", "failed", "RuntimeError: CUDA error"),
    ],
)
def test_error_has_a_status_and_a_reason(error, install, status, reason):
    def method():
        raise error

    document = worker.execute(method, {"install": install})
    assert document["status"] == status
    assert document["reason"].startswith(reason)


def test_traceback_of_an_error_is_on_stderr(capsys):
    worker.execute(lambda: {}["nothing"], {})
    out, err = capsys.readouterr()
    assert (out, err.startswith("Traceback")) == ("", True)


@pytest.mark.parametrize(
    ("code", "trainer", "objective"),
    [
        ("class Trainer: ...", True, "softmax"),
        ("OBJECTIVE = 'one-vs-rest'\nclass Trainer: ...", True, "one-vs-rest"),
        ("Trainer = 3", False, "softmax"),
        ("", False, "softmax"),
    ],
)
def test_preflight_describes_a_file(serve, own_file, code, trainer, objective):
    _, document = serve({"mode": "preflight", **own_file(code)}, PREFLIGHT)
    assert document.items() >= {"status": "ok", "trainer": trainer, "objective": objective}.items()
    assert document["siblings"] == []
    assert "numpy" in document["modules"]


def test_file_imports_its_neighbours_and_no_stranger_with_our_names(serve, own_file, tmp_path):
    (tmp_path / "neighbour.py").write_text("OBJECTIVE = 'one-vs-rest'\n")
    for name in ("bench", "implementations"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise ImportError('not this one')")
    code = "from neighbour import OBJECTIVE\nfrom implementations.idiomatic import softmax_numpy\n"
    _, document = serve({"mode": "preflight", **own_file(code)}, PREFLIGHT)
    sys.modules.pop("neighbour", None)
    assert (document["status"], document.get("objective")) == ("ok", "one-vs-rest")
    assert document["siblings"] == ["neighbour.py"]
    # The suite's packages may not be loaded yet when a file imports them.
    assert sys.path.index(str(tmp_path)) == sys.path.index(str(machine.ROOT)) + 1


def test_textbook_program_returns_its_quantities(serve, own_file, digits):
    request = own_file("def run(textbook): return {'samples': float(len(textbook.images))}")
    request |= {"mode": "textbook", "data": str(digits.folder)}
    commands = exchange.IMPORT + exchange.READ_DATA + exchange.RUN + exchange.END
    assert serve(request, commands)[1] == {"status": "ok", "quantities": {"samples": 1797}}


def test_device_is_tried_by_a_step_of_training(serve, own_file):
    code = """
from bench.contract import Unavailable
from implementations.idiomatic import softmax_numpy
class Trainer(softmax_numpy.Trainer):
    def __init__(self, problem, device):
        self.device = device
        super().__init__(problem, "cpu")
    def train_epoch(self, order):
        params = super().train_epoch(order)
        if self.device == "gpu":
            raise Unavailable(f"no {params.bias.max():.3f} on a GPU")
        return params
"""
    request = {"mode": "device", **own_file(code)}
    assert serve({**request, "device": "cpu"}, PREFLIGHT)[1] == {"status": "ok"}
    answers, document = serve({**request, "device": "gpu"}, PREFLIGHT)
    assert answers[-1:] == exchange.FAILED
    # By hand: a step of 0.05 along 1 - 1/10, the gradient of the bias of the only class.
    assert document == {"status": "unavailable", "reason": "no 0.045 on a GPU"}


def test_software_is_that_of_this_interpreter(serve):
    _, document = serve({"mode": "software"}, exchange.RUN + exchange.END)
    assert document == {"status": "ok", "software": machine.list_software()}
