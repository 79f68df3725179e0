"""Other tools' files: what they really write, what they may write, and what is none of theirs."""

import copy
import gzip
import json
import math
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench import formats
from bench.error import UserError
from bench.formats.writers import WRITERS
from bench.gate.series import Side
from bench.report.loaded import load

# A clock that only the work moves: the warm-up takes a minute a call, the rounds are known, and the
# last call is for its result.
PYTEST_BENCHMARK = """
import pytest

class Clock:
    now = 0.0
    ahead = [60.0, 60.0, 1.0, 1.0, 4.0, 4.0, 2.0, 2.0, 60.0]
    def read(self):
        return self.now
    def work(self):
        self.now += self.ahead.pop(0)

clock = Clock()

@pytest.mark.benchmark(timer=clock.read)
def test_known(benchmark):
    benchmark.pedantic(clock.work, rounds=3, iterations=2, warmup_rounds=1)

@pytest.mark.parametrize("size", [1, 2])
def test_sum(benchmark, size):
    benchmark.pedantic(sum, args=([1] * size,), rounds=2)
"""
# pyperf is told the seconds of all loops: a warm-up of a minute a loop, then the values.
PYPERF = """
import pyperf

INNER = 4
seconds = iter([60.0, 0.25, 1.0, 0.5])

def known(loops):
    return next(seconds) * loops * INNER

runner = pyperf.Runner()
runner.bench_time_func("known", known, inner_loops=INNER)
runner.timeit("sum", stmt="sum((1, 2, 3))")
"""
# Two processes with so many warm-ups and values each, beside the one that calibrates.
FEW = ("--processes=2", "--warmups=1", "--values=3", "--min-time=0.001", "--quiet")

MACHINE = {
    "node": "here", "release": "6.1", "python_version": "3.11.7",
    "python_implementation": "CPython", "python_implementation_version": "3.11.7",
    "cpu": {"brand_raw": "Cray-1", "count": 2, "hz_actual": [80, 0]},
}  # fmt: skip
SAVED = {
    "machine_info": MACHINE,
    "version": "5.3.1",
    "benchmarks": [
        {"name": "one", "fullname": "test_a.py::one", "stats": {"data": [2.0, 1.0]}},
        {"name": "one", "fullname": "test_b.py::one", "stats": {"data": [3]}},
    ],
}
KEPT = {
    "version": "1.0",
    "metadata": {
        "cpu_model_name": "Cray-1", "cpu_count": 2, "hostname": "here", "platform": "Linux-6.1",
        "perf_version": "2.11.0", "python_version": "3.11.7 (64-bit) revision 0123456",
    },
    "benchmarks": [
        {
            "metadata": {"name": "one", "unit": "second", "loops": 8, "inner_loops": 4},
            "runs": [
                {"warmups": [[1, 9.0], [8, 9.0]], "metadata": {"calibrate_loops": 8}},
                {"warmups": [[8, 9.0]], "values": [2.0, 1.0]},
                {"warmups": [[8, 9.0]], "values": [4.0, 3.0], "metadata": {"loops": 16}},
            ],
        },
        {"runs": [{"values": [5], "metadata": {"name": "two"}}]},
    ],
}  # fmt: skip


def ran(folder, *command):
    """Run a tool of this Python's in a folder, with nothing of this session's own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, env=kept, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Have pytest-benchmark write what it writes: with its data, and saved without them."""
    folder = tmp_path_factory.mktemp("saved")
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "test_a.py").write_text(PYTEST_BENCHMARK)
    ran(folder, "-m", "pytest", "-p", "no:cacheprovider", "--benchmark-json=full.json",
        "--benchmark-save=bare", "--benchmark-storage=file://storage")  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Have pyperf write what it writes."""
    folder = tmp_path_factory.mktemp("kept")
    (folder / "script.py").write_text(PYPERF)
    ran(folder, "script.py", *FEW, "--output=full.json")
    return folder


@pytest.fixture
def side(tmp_path):
    """Read a document as if it were a tool's file."""

    def read(document):
        path = tmp_path / "file.json"
        path.write_text(json.dumps(document))
        return formats.read(path)

    return read


@pytest.fixture
def refused(tmp_path):
    """Return the one line that says why a document, or the bytes of a file, is refused."""

    def reason(content):
        path = tmp_path / "file.json"
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        return line(path)

    return reason


def line(path):
    """Return the one line that says why a file is refused; it names the file."""
    with pytest.raises(UserError) as error:
        formats.read(path)
    said = str(error.value)
    assert len(said.splitlines()) == 1
    assert str(path) in said
    return said


def changed(document, *keys, to):
    """Return the document with another value at a place."""
    new = copy.deepcopy(document)
    *path, last = keys
    at = new
    for key in path:
        at = at[key]
    at[last] = to
    return new


def without(document, *keys):
    """Return the document with nothing at a place."""
    *path, last = keys
    new = copy.deepcopy(document)
    at = new
    for key in path:
        at = at[key]
    del at[last]
    return new


def test_a_file_of_pytest_benchmark_gives_one_process_in_seconds_of_an_iteration(saved):
    found = formats.read(saved / "full.json")
    known = found.series["test_a.py::test_known"]
    assert known.name == "test_a.py::test_known"
    assert known.processes == ((1.0, 4.0, 2.0),)
    assert (known.tried, known.faults) == (1, ())
    assert found.name == str(saved / "full.json")
    names = ["test_a.py::test_known", "test_a.py::test_sum[1]", "test_a.py::test_sum[2]"]
    assert sorted(found.series) == names
    assert [len(each) for each in found.series[names[1]].processes] == [2]


def test_what_pytest_benchmark_saved_without_data_says_how_to_save_it(saved):
    (bare,) = (saved / "storage").rglob("*.json")
    assert line(bare).endswith("save it with --benchmark-save-data")


def test_a_file_of_pyperf_gives_its_processes_in_seconds_of_an_inner_loop(kept):
    found = formats.read(kept / "full.json")
    known = found.series["known"]
    assert known.name == "known"
    assert known.processes == ((0.25, 1.0, 0.5), (0.25, 1.0, 0.5))
    assert (known.tried, known.faults) == (2, ())
    assert found.name == str(kept / "full.json")
    assert sorted(found.series) == ["known", "sum"]


def test_what_pyperf_itself_reads_is_what_is_read(kept):
    import pyperf

    found = formats.read(kept / "full.json")
    suite = pyperf.BenchmarkSuite.load(str(kept / "full.json"))
    assert {name: each.processes for name, each in found.series.items()} == {
        each.get_name(): tuple(run.values for run in each.get_runs() if run.values)
        for each in suite.get_benchmarks()
    }
    assert any(run.warmups and not run.values for run in suite.get_benchmark("sum").get_runs())


def test_a_compressed_file_of_pyperf_is_read(kept):
    path = kept / "full.json.gz"
    if not path.exists():
        ran(kept, "-m", "pyperf", "convert", "full.json", "--output=full.json.gz")
    assert path.read_bytes().startswith(b"\x1f\x8b")
    assert formats.read(path).series == formats.read(kept / "full.json").series


def test_one_machine_is_the_same_in_both_tools_and_with_it_the_python(saved, kept):
    ours, theirs = formats.read(saved / "full.json"), formats.read(kept / "full.json")
    # pyperf knows a CPU's model only where /proc/cpuinfo has it.
    assert theirs.machine in {None, ours.machine}
    assert ours.software["python"] == theirs.software["python"]
    assert set(ours.software) == {"python", "pytest-benchmark"}
    assert set(theirs.software) == {"python", "pyperf"}


def test_written_documents_are_read_as_the_real_ones(side):
    ours, theirs = side(SAVED), side(KEPT)
    assert {name: each.processes for name, each in ours.series.items()} == {
        "test_a.py::one": ((2.0, 1.0),), "test_b.py::one": ((3.0,),),
    }  # fmt: skip
    assert {name: each.processes for name, each in theirs.series.items()} == {
        "one": ((2.0, 1.0), (4.0, 3.0)), "two": ((5.0,),),
    }  # fmt: skip
    assert [each.tried for each in theirs.series.values()] == [2, 1]
    assert ours.machine == theirs.machine is not None
    assert ours.software == {"python": "3.11.7", "pytest-benchmark": "5.3.1"}
    assert theirs.software == {"python": "3.11.7", "pyperf": "2.11.0"}


@pytest.mark.parametrize(
    ("document", "same", "other"),
    [
        (SAVED, ["node", "release"], ["brand_raw", "count"]),
        (KEPT, ["hostname", "platform"], ["cpu_model_name", "cpu_count"]),
    ],
    ids=["pytest-benchmark", "pyperf"],
)
def test_another_cpu_is_another_machine_and_another_kernel_is_not(side, document, same, other):
    shared = ["machine_info"] if document is SAVED else ["metadata"]
    cpu = ["machine_info", "cpu"] if document is SAVED else ["metadata"]
    expected = side(document).machine
    for key in same:
        assert side(changed(document, *shared, key, to="another")).machine == expected
    for key in other:
        assert side(changed(document, *cpu, key, to="another")).machine not in {expected, None}
        assert side(without(document, *cpu, key)).machine is None


@pytest.mark.parametrize("cpu", [None, {}, "Cray-1", []])
def test_what_a_hook_made_of_the_cpu_tells_no_machine(side, cpu):
    found = side(changed(SAVED, "machine_info", "cpu", to=cpu))
    assert found.machine is None
    assert found.series == side(SAVED).series


def test_older_files_name_the_cpu_otherwise(side):
    cpu = {"brand": "Cray-1", "count": 2}
    assert side(changed(SAVED, "machine_info", "cpu", to=cpu)).machine == side(SAVED).machine


def test_benchmarks_of_several_machines_are_refused(side, refused):
    second = ("benchmarks", 1, "runs", 0, "metadata", "cpu_count")
    assert "2 machines" in refused(changed(KEPT, *second, to=3))
    assert side(changed(KEPT, *second, to=0)).machine is None


def test_another_interpreter_is_named_alike_by_both_tools(side):
    pypy = {**MACHINE, "python_version": "3.10.14", "python_implementation": "PyPy",
            "python_implementation_version": "7.3.17"}  # fmt: skip
    name = "PyPy 7.3.17 (Python 3.10.14)"
    assert side(changed(SAVED, "machine_info", to=pypy)).software["python"] == name
    given_ = changed(KEPT, "metadata", "python_version", to=f"{name} (64-bit) revision 0123456")
    assert side(given_).software["python"] == name


def test_several_pythons_of_a_file_are_all_named(side):
    second = ("benchmarks", 1, "runs", 0, "metadata", "python_version")
    found = side(changed(KEPT, *second, to="3.12.0 (64-bit)"))
    assert found.software == {"python": "3.11.7 and 3.12.0", "pyperf": "2.11.0"}


def test_without_versions_nothing_is_said_of_software(side):
    nobody = {"python_implementation": "PyPy"}
    assert side(changed(without(SAVED, "version"), "machine_info", to=nobody)).software == {}
    assert side(without(KEPT, "metadata")).software == {}


def test_a_benchmark_that_only_calibrated_has_failed(side):
    runs = [{"warmups": [[1, 9.0]]}, {"warmups": [[1, 9.0]], "values": []}]
    found = side(changed(KEPT, "benchmarks", 0, "runs", to=runs)).series["one"]
    assert found.processes == ()
    assert found.tried == len(found.faults) == 2
    assert set(found.faults) == {"failed: no values, only calibrations"}


def test_numbers_that_only_these_tools_call_json_do_no_harm(side):
    noted = changed(SAVED, "benchmarks", 0, "extra_info", to={"ratio": math.nan})
    assert side(noted).series == side(SAVED).series


def test_a_mark_of_the_byte_order_does_no_harm(tmp_path, side):
    (tmp_path / "marked.json").write_bytes(b"\xef\xbb\xbf" + json.dumps(KEPT).encode())
    assert formats.read(tmp_path / "marked.json").series == side(KEPT).series


def test_the_version_before_this_is_read_and_older_ones_are_brought_up_to_date(
    side, refused, tmp_path
):
    assert side(changed(KEPT, "version", to=6)).series == side(KEPT).series
    old = {
        "version": 5,
        "benchmarks": [{"common_metadata": {"name": "one"}, "runs": [{"samples": [1.0, 2.0]}]}],
    }
    said = refused(old)
    path = tmp_path / "file.json"
    assert f"`python -m pyperf convert {path} --output NEW`" in said
    ran(tmp_path, "-m", "pyperf", "convert", str(path), "--output", "NEW")
    assert formats.read(tmp_path / "NEW").series["one"].processes == ((1.0, 2.0),)
    assert "version '2.0'" in refused(changed(KEPT, "version", to="2.0"))


def test_other_units_than_seconds_are_refused_and_say_which_benchmark(side, refused):
    said = refused(changed(KEPT, "benchmarks", 0, "metadata", "unit", to="byte"))
    assert "'one' is in the unit 'byte'" in said
    assert side(without(KEPT, "benchmarks", 0, "metadata", "unit")).series == side(KEPT).series


@pytest.mark.parametrize(
    ("document", "name"),
    [
        (changed(SAVED, "benchmarks", 0, "fullname", to="test_b.py::one"), "test_b.py::one"),
        (changed(KEPT, "benchmarks", 0, "metadata", "name", to="two"), "two"),
    ],
)
def test_a_name_that_is_there_twice_is_refused(refused, document, name):
    assert f"holds {name!r} 2 times" in refused(document)


@pytest.mark.parametrize("document", [SAVED, KEPT])
def test_a_file_without_benchmarks_is_refused(refused, document):
    assert "holds no benchmark" in refused(changed(document, "benchmarks", to=[]))


def test_data_are_asked_of_every_benchmark(refused):
    assert "--benchmark-save-data" in refused(without(SAVED, "benchmarks", 1, "stats", "data"))


@pytest.mark.parametrize(
    "document",
    [
        [], 3, None, {}, {"machine_info": {}}, {"benchmarks": []}, {"version": "1.0"},
        {"results": [{"command": "sleep 1", "times": [1.0]}]},
        {"context": {"num_cpus": 2}, "benchmarks": [{"name": "one", "real_time": 1.0}]},
    ],
)  # fmt: skip
def test_what_neither_tool_wrote_is_refused(refused, document):
    assert "no file of pytest-benchmark or pyperf" in refused(document)


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (changed(SAVED, "benchmarks", to={}), "pytest-benchmark writes it: Expected `array`"),
        (changed(SAVED, "machine_info", to=[]), "$.machine_info"),
        (changed(SAVED, "benchmarks", 0, "stats", "data", 0, to="1"), "[0].stats.data[0]"),
        (without(SAVED, "benchmarks", 1, "fullname"), "$.benchmarks[1]"),
        (changed(SAVED, "benchmarks", 0, "stats", "data", 0, to=10**400), "out of range"),
        (changed(KEPT, "benchmarks", 0, to=[]), "pyperf writes it: Expected `object`"),
        (without(KEPT, "benchmarks", 0, "metadata", "name"), "without a name"),
        (changed(KEPT, "benchmarks", 0, "runs", to=[]), "without a run"),
        (changed(KEPT, "benchmarks", 0, "runs", 1, "values", 0, to=True), "runs[1].values[0]"),
    ],
)
def test_what_the_tool_cannot_have_written_is_refused_and_says_where(refused, document, reason):
    said = refused(document)
    assert "not as " in said
    assert reason in said


@pytest.mark.parametrize(
    "content",
    [
        json.dumps(SAVED).encode()[:-9],
        b"\xff\xfe\xfd",
        b"mean: 3 us\n",
        b"[" * 100_000,
        gzip.compress(json.dumps(KEPT).encode(), mtime=0)[:-9],
        gzip.compress(json.dumps(KEPT).encode(), mtime=0)[:12] + b"\xff" * 50,
        b"\x1f\x8b and no more",
    ],
    ids=["cut off", "bytes", "text", "deep", "compressed and cut off", "compressed and overwritten",
         "compressed in name only"],
)  # fmt: skip
def test_a_damaged_file_is_refused(refused, content):
    assert ": damaged" in refused(content)


@pytest.mark.parametrize("content", [b"", b"\n", gzip.compress(b"", mtime=0)])
def test_an_empty_file_is_refused(refused, content):
    assert "is empty" in refused(content)


def test_what_is_no_file_is_refused(tmp_path):
    assert "No such file" in line(tmp_path / "none.json")
    assert "directory" in line(tmp_path)


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "unpacked"])
def test_a_file_beyond_any_size_is_refused_in_little_memory(tmp_path, packed):
    path = tmp_path / "large.json"
    with gzip.open(path, "wb", 1) if packed else path.open("wb") as stream:
        for _ in range(65 if packed else 1):
            stream.write(bytes(2**20))
        if not packed:
            stream.truncate(2**40)  # sparse
    tracemalloc.start()
    said = line(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert ("unpacks to more than 67108864 bytes" if packed else "larger than 67108864") in said
    assert peak < 2**28


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.json")
    assert "not a regular file" in line(tmp_path / "pipe.json")


def test_millions_of_empty_lists_are_refused_before_they_fill_the_memory(refused):
    assert "more than 1000000 lists" in refused(b"[" + b"[]," * 1_000_001 + b"0]")


@pytest.mark.parametrize(
    ("document", "there"),
    [(SAVED, '"fullname": "test_a.py::one"'), (SAVED, '"data": [2.0, 1.0]'),
     (KEPT, '"name": "one"'), (KEPT, '"values": [2.0, 1.0]'), (KEPT, '"version": "1.0"')],
)  # fmt: skip
def test_a_member_that_is_there_twice_is_refused(refused, document, there):
    content = json.dumps(document)
    assert there in content
    assert "is there twice" in refused(content.replace(there, f"{there}, {there}").encode())


@pytest.mark.parametrize("name", ["a\nb", "\x1b[2J", "\ud800", "\u2028", "x" * 1_001])
def test_a_name_that_is_no_line_of_text_is_refused(refused, name):
    for document in (
        changed(SAVED, "benchmarks", 0, "fullname", to=name),
        changed(SAVED, "version", to=name),
        changed(KEPT, "benchmarks", 0, "metadata", "name", to=name),
        changed(KEPT, "metadata", "perf_version", to=name),
    ):
        said = refused(document)
        assert "no line of text" in said or "surrogates" in said
        assert said.isprintable()
        assert len(said) < 500


def test_half_a_character_as_a_key_is_refused(refused):
    for document in (SAVED, KEPT):
        assert "not as " in refused({**document, "\ud800": 1})


def test_whatever_is_told_of_a_file_is_short(refused):
    long = "x" * 100_000
    for document in (
        changed(KEPT, "version", to=long),
        changed(KEPT, "benchmarks", 0, "metadata", "unit", to=[long]),
    ):
        assert len(refused(document)) < 500


def places(value, at=()):
    """Yield every place of a document that can be given another value."""
    inside = value.items() if isinstance(value, dict) else enumerate(value)
    for key, held in inside:
        yield (*at, key)
        if isinstance(held, (dict, list)):
            yield from places(held, (*at, key))


def outcome(path):
    """Return what a file holds, or why it is refused."""
    try:
        return formats.read(path)
    except UserError as error:
        return str(error)


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_whatever_stands_in_a_file_is_read_or_refused_in_one_line(tmp_path, data):
    document = data.draw(st.sampled_from([SAVED, KEPT]))
    place = data.draw(st.sampled_from(sorted(places(document), key=str)))
    path = tmp_path / "file.json"
    path.write_text(json.dumps(changed(document, *place, to=data.draw(ANY))))
    found = outcome(path)
    if isinstance(found, str):
        assert len(found.splitlines()) == 1
    else:
        assert isinstance(found, Side)
        assert all(name == each.name for name, each in found.series.items())


@pytest.mark.parametrize("style", ["pytest-benchmark", "pyperf"])
def test_an_export_of_ours_is_refused_for_the_run_itself(tmp_path, style):
    run = Path(__file__).parents[1] / "results" / "reference" / "amd-epyc-2-cores-first"
    path = tmp_path / "exported.json"
    path.write_text(WRITERS[style](load(run)), encoding="utf-8")
    with pytest.raises(
        UserError, match=r"exported from a run of this suite; name the run's folder"
    ):
        formats.read(path)
