"""Facts of a machine, from files as several machines have them."""

import importlib.metadata
import json
import os
import re
import subprocess

import pytest

from bench import machine


@pytest.mark.parametrize(
    ("text", "cores"),
    [
        ("max 100000\n", None),
        ("150000 100000\n", 1.5),
        ("400000 100000\n", 4.0),
        ("", None),
        ("nonsense\n", None),
    ],
)
def test_the_quota_of_the_cgroup_is_in_cores(tmp_path, text, cores):
    (tmp_path / "cpu.max").write_text(text)
    assert machine.cgroup_quota(tmp_path / "cpu.max") == cores


def test_without_a_cgroup_there_is_no_quota(tmp_path):
    assert machine.cgroup_quota(tmp_path / "cpu.max") is None


@pytest.mark.parametrize(
    ("quota", "cores"), [(None, [1, 3, 5]), (2.9, [1, 3]), (0.5, [1]), (8.0, [1, 3, 5])]
)
def test_usable_cores_are_the_affinity_cut_to_whole_cores_of_the_quota(monkeypatch, quota, cores):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {5, 1, 3})
    monkeypatch.setattr(machine, "cgroup_quota", lambda _: quota)
    assert machine.usable_cores() == cores


@pytest.mark.parametrize(("text", "granted"), [("max\n", None), ("4096\n", 4096), ("", None)])
def test_the_memory_of_the_cgroup_is_in_bytes(tmp_path, text, granted):
    assert machine.cgroup_memory(tmp_path / "memory.max") is None
    (tmp_path / "memory.max").write_text(text)
    assert machine.cgroup_memory(tmp_path / "memory.max") == granted


@pytest.mark.parametrize(("limit", "bytes_"), [(None, 4096), (1000, 1000), (2**60, 4096)])
def test_usable_memory_is_what_there_is_cut_to_the_limit(monkeypatch, limit, bytes_):
    pages = {"SC_PHYS_PAGES": 2, "SC_PAGE_SIZE": 2048}
    monkeypatch.setattr(os, "sysconf", pages.__getitem__)
    monkeypatch.setattr(machine, "cgroup_memory", lambda _: limit)
    assert machine.usable_memory() == bytes_


def test_without_affinity_all_cores_are_usable(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    monkeypatch.setattr(machine, "cgroup_quota", lambda _: None)
    assert machine.usable_cores() == [0, 1, 2, 3]


def test_a_machine_is_described_in_json_with_its_name():
    found = machine.describe()
    assert json.loads(json.dumps(found)) == found
    assert re.fullmatch("[0-9a-f]{12}", found["id"])
    name = f"{found['cores']}-core {found['cpu']}, {found['memory_gib']} GiB"
    assert found["name"] == name
    assert found["cpu"]
    assert found["memory_gib"] > 0


@pytest.mark.parametrize(
    ("name", "value", "same"),
    [
        ("cpu_model", lambda: "Abacus 3", False),
        ("usable_cores", lambda: list(range(99)), False),
        ("_memory_gib", lambda: 77, False),
        ("_distribution", lambda: "Another Linux", True),
    ],
)
def test_the_id_is_of_cpu_cores_and_memory_only(monkeypatch, name, value, same):
    before = machine.describe()
    monkeypatch.setattr(machine, name, value)
    after = machine.describe()
    assert before != after
    assert (before["id"] == after["id"]) == same


def test_a_fingerprint_depends_on_the_values_and_not_on_their_order():
    assert machine.fingerprint({"a": 1, "b": 2}) == machine.fingerprint({"b": 2, "a": 1})
    assert machine.fingerprint({"a": 1}) != machine.fingerprint({"a": 2})


@pytest.mark.parametrize(
    ("maker", "name"),
    [
        ("Intel(R) Xeon(R) CPU E5-2680 v4 @ 2.40GHz", "Intel Xeon CPU E5-2680 v4"),
        ("Intel(R) Core(TM)  i7-1185G7", "Intel Core i7-1185G7"),
        ("AMD EPYC 7763 64-Core Processor", "AMD EPYC 7763 64-Core Processor"),
    ],
)
def test_a_cpu_is_called_as_its_maker_does_without_signs_and_clock_rate(monkeypatch, maker, name):
    monkeypatch.setattr(machine, "_cpuinfo", lambda key: maker if key == "model name" else "")
    assert machine.cpu_model() == name


def test_a_cpu_without_a_name_is_called_by_its_architecture(monkeypatch):
    monkeypatch.setattr(machine, "_cpuinfo", lambda _: "")
    monkeypatch.setattr(machine.platform, "processor", lambda: "")
    monkeypatch.setattr(machine.platform, "machine", lambda: "riscv64")
    assert machine.cpu_model() == "riscv64"


def test_the_software_names_python_numpy_and_its_blas():
    found = machine.software()
    assert found["distributions"]["numpy"] == importlib.metadata.version("numpy")
    assert list(found["distributions"]) == sorted(found["distributions"])
    assert found["python"].startswith("3.")
    assert found["interpreter"] == "CPython"
    assert "None" not in found["blas"]
    assert json.loads(json.dumps(found)) == found


class Distribution:
    def __init__(self, name, version):
        self.metadata = {"Name": name}
        self.version = version


def test_of_a_distribution_that_is_there_twice_the_first_on_the_path_counts():
    found = [Distribution("Torch", "2"), Distribution("torch", "1"), Distribution(None, "0")]
    assert machine._distributions(found) == {"torch": "2"}


def test_the_suite_knows_its_commit_and_whether_its_code_differs_from_it(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "ROOT", tmp_path)
    assert machine.suite() == {"version": importlib.metadata.version("softmax-bench")}
    git = ["git", "-C", str(tmp_path), "-c", "user.name=A", "-c", "user.email=a@example.org"]
    for arguments in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "First"]):
        subprocess.run([*git, *arguments], check=True)
    clean = machine.suite()
    assert re.fullmatch("[0-9a-f]{40}", clean["commit"])
    assert clean["dirty"] is False
    (tmp_path / "report.md").touch()
    assert machine.suite() == clean
    (tmp_path / "bench").mkdir()
    (tmp_path / "bench" / "new.py").touch()
    assert machine.suite() == {**clean, "dirty": True}


def test_a_program_that_is_absent_or_fails_prints_nothing():
    assert machine._output(["/no/such/program"]) == ""
    assert machine._output(["false"]) == ""
    assert machine._output(["echo", "yes"]) == "yes"


def test_peak_memory_follows_what_is_used():
    before = machine.peak_rss_bytes()
    assert before > 2**20
    block = bytearray(before + 2**26)
    assert machine.peak_rss_bytes() >= len(block)


def test_cores_are_in_order_however_many_there_are(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {8, 1})  # a set has these as 8, 1
    monkeypatch.setattr(machine, "cgroup_quota", lambda _: None)
    assert machine.usable_cores() == [1, 8]


def test_the_id_is_the_hash_of_four_facts(monkeypatch):
    hashed = []
    monkeypatch.setattr(machine, "fingerprint", lambda facts: hashed.append(facts) or "id")
    found = machine.describe()
    assert [facts.keys() for facts in hashed] == [{"cpu", "cores", "memory_gib", "gpus"}]
    assert found["id"] == "id"
    assert found["cores"] == len(machine.usable_cores())


CPUINFO = """processor\t: 0
model name\t: Abacus(R) 3
flags\t\t: fpu {}

processor\t: 1
model name\t: Slide Rule
flags\t\t: fpu
"""


@pytest.mark.parametrize(("flag", "virtual"), [("hypervisor", True), ("hypervisors", False)])
def test_the_first_processor_tells_the_cpu_and_whether_it_is_virtual(monkeypatch, flag, virtual):
    monkeypatch.setattr(machine.Path, "read_text", lambda _: CPUINFO.format(flag))
    found = machine.describe()
    assert (found["cpu"], found["virtual"]) == ("Abacus 3", virtual)


@pytest.mark.parametrize(("system", "name"), [("Darwin", "Apple M3"), ("Linux", "riscv64")])
def test_macos_is_asked_for_its_cpu_and_nobody_else(monkeypatch, system, name):
    monkeypatch.setattr(machine, "_cpuinfo", lambda _: "")
    monkeypatch.setattr(machine, "_output", lambda _: "Apple M3")
    monkeypatch.setattr(machine.platform, "system", lambda: system)
    monkeypatch.setattr(machine.platform, "processor", lambda: "")
    monkeypatch.setattr(machine.platform, "machine", lambda: "riscv64")
    assert machine.cpu_model() == name


def test_memory_is_in_whole_gib_though_the_kernel_keeps_some(monkeypatch):
    sizes = {"SC_PHYS_PAGES": 2**22 - 50_000, "SC_PAGE_SIZE": 4096}
    monkeypatch.setattr(os, "sysconf", sizes.get)
    assert machine.describe()["memory_gib"] == 16


@pytest.mark.parametrize("folder", ["bench", "implementations"])
def test_the_code_is_that_of_the_harness_and_of_the_implementations(tmp_path, monkeypatch, folder):
    monkeypatch.setattr(machine, "ROOT", tmp_path)
    git = ["git", "-C", str(tmp_path), "-c", "user.name=A", "-c", "user.email=a@example.org"]
    for arguments in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "First"]):
        subprocess.run([*git, *arguments], check=True)
    (tmp_path / folder).mkdir()
    (tmp_path / folder / "new.py").touch()
    assert machine.suite()["dirty"] is True


def test_what_a_program_printed_before_it_failed_is_not_taken():
    assert machine._output(["sh", "-c", "echo half an answer; exit 1"]) == ""


@pytest.mark.parametrize(
    ("status", "peak"),
    [
        ("VmPeak:\t    9000 kB\nVmHWM:\t    2048 kB\nVmRSS:\t    1000 kB\n", 2 * 2**20),
        ("VmRSS:\t    1000 kB\n", None),
    ],
)
def test_peak_memory_is_the_high_water_mark(monkeypatch, status, peak):
    monkeypatch.setattr(machine.Path, "read_text", lambda _: status)
    assert machine.peak_rss_bytes() == peak


def test_a_machine_says_whether_cores_can_be_chosen(monkeypatch):
    monkeypatch.setattr(os, "sched_setaffinity", lambda *_: None, raising=False)
    assert machine.describe()["affinity"] is True
    monkeypatch.delattr(os, "sched_setaffinity")
    assert machine.describe()["affinity"] is False
