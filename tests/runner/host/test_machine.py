"""Facts of a machine and of the suite that a run records."""

import importlib.metadata
import json
import re
from types import SimpleNamespace

import psutil
import pytest
from support.versions import Repository

from bench.runner.host import machine as host
from bench.worker import machine

CPUINFO = """processor\t: 0
model name\t: {}
flags\t\t: fpu {}

processor\t: 1
model name\t: Slide Rule
flags\t\t: fpu
"""


@pytest.fixture
def cpuinfo(monkeypatch):
    def write(model="Abacus 3", flag=""):
        monkeypatch.setattr(host.Path, "read_text", lambda _: CPUINFO.format(model, flag))

    return write


def test_ids_of_published_records_stay_what_they_are():
    folder = machine.ROOT / "results" / "reference"
    machines = [
        json.loads(file.read_text())["machine"] for file in folder.glob("*/environments/*.json")
    ]
    assert machines
    for facts in machines:
        hashed = {name: facts[name] for name in ("cpu", "cores", "memory_gib", "gpus")}
        assert machine.fingerprint(hashed) == facts["id"]


def test_memory_is_in_whole_gib_though_the_kernel_keeps_some(monkeypatch):
    memory = SimpleNamespace(total=24 * 2**30 - 300_000_000)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    assert host.describe()["memory_gib"] == 24


@pytest.mark.parametrize(
    ("name", "value", "same"),
    [
        ("read_cpu_model", lambda: "Abacus 3", False),
        ("list_usable_cores", lambda: list(range(99)), False),
        ("_read_distribution", lambda: "Another Linux", True),
    ],
)
def test_id_is_of_hardware_only(monkeypatch, name, value, same):
    before = host.describe()
    monkeypatch.setattr(host, name, value)
    after = host.describe()
    assert before != after
    assert (before["id"] == after["id"]) == same


def test_job_names_its_node_by_a_hash_that_only_its_study_has(monkeypatch):
    for name in ("SLURM_JOB_ID", "SLURM_JOB_PARTITION", host.SALT):
        monkeypatch.delenv(name, raising=False)
    assert host.describe_job() == {}
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.setenv("SLURM_JOB_PARTITION", "main")
    nodes = []
    for salt, name in (("a", "node1"), ("a", "node2"), ("b", "node1"), ("a", "node1")):
        monkeypatch.setenv(host.SALT, salt)
        monkeypatch.setattr(host.platform, "node", lambda name=name: name)
        facts = host.describe_job()
        nodes.append(facts.pop("node"))
        assert facts == {"job": "7", "partition": "main"}
    assert (nodes[3], len({*nodes})) == (nodes[0], 3)
    assert "node1" not in "".join(nodes)


@pytest.mark.parametrize(("system", "name"), [("Darwin", "Apple M3"), ("Linux", "riscv64")])
def test_cpu_model_without_cpuinfo_is_of_sysctl_or_architecture(monkeypatch, system, name):
    monkeypatch.setattr(host, "_read_cpuinfo", lambda _: "")
    monkeypatch.setattr(host, "_run", lambda _: "Apple M3")
    monkeypatch.setattr(host.platform, "system", lambda: system)
    monkeypatch.setattr(host.platform, "processor", lambda: "")
    monkeypatch.setattr(host.platform, "machine", lambda: "riscv64")
    assert host.read_cpu_model() == name


@pytest.mark.parametrize(
    ("model", "name"),
    [("AMD EPYC", "AMD EPYC family 26 model 2"), ("Abacus(R) 3 @ 2 GHz", "Abacus 3")],
)
def test_cpu_without_a_number_in_its_name_has_its_family(cpuinfo, model, name):
    cpuinfo(f"{model}\ncpu family\t: 26\nmodel\t\t: 2")
    assert host.read_cpu_model() == name


@pytest.mark.parametrize(("flag", "virtual"), [("hypervisor", True), ("hypervisors", False)])
def test_first_processor_says_whether_the_machine_is_virtual(cpuinfo, flag, virtual):
    cpuinfo(flag=flag)
    assert host.describe()["virtual"] == virtual


@pytest.mark.parametrize(
    ("text", "usable"), [(None, 4096), ("max\n", 4096), ("1000\n", 1000), ("9999\n", 4096)]
)
def test_usable_memory_is_cut_to_the_cgroup(monkeypatch, tmp_path, text, usable):
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(total=4096))
    if text is not None:
        (tmp_path / "memory.max").write_text(text)
    assert host.read_usable_memory(tmp_path / "memory.max") == usable


def test_suite_knows_its_commit_and_changes_of_its_code(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "ROOT", tmp_path)
    assert host.describe_suite() == {"version": importlib.metadata.version("softmax-bench")}
    Repository(tmp_path).git("commit", "--quiet", "--allow-empty", "--message", "First")
    clean = host.describe_suite()
    assert re.fullmatch("[0-9a-f]{40}", clean["commit"])
    assert clean["dirty"] is False
    (tmp_path / "report.md").touch()
    assert host.describe_suite() == clean
    for folder in ("bench", "implementations"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "new.py").touch()
        assert host.describe_suite() == {**clean, "dirty": True}
        (tmp_path / folder / "new.py").unlink()
