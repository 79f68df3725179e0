"""docs/releases.py: chains of releases that are measured with ``bench ab``, and their page."""

import importlib.util
import io
import json
import math
import shutil
import subprocess
import sys
import tarfile
from types import SimpleNamespace

import pytest

from bench.analysis.intervals import Interval
from bench.records.store import lock_folder
from bench.worker.machine import ROOT


@pytest.fixture
def real_tool(monkeypatch):
    """Load the tool."""
    specification = importlib.util.spec_from_file_location("releases", ROOT / "docs/releases.py")
    module = importlib.util.module_from_spec(specification)
    monkeypatch.setitem(sys.modules, "releases", module)
    specification.loader.exec_module(module)
    return module


@pytest.fixture
def tool(real_tool, monkeypatch, tmp_path):
    """Load the tool with folders of its own and one chain of three releases."""
    paths = {"ROOT": "", "MEASURED": "measured", "PUBLISHED": "published", "PAGE": "releases.md"}
    paths |= {"RELEASES": "releases.json", "DATES": "dates.json", "DRAFTS": "drafts"}
    for name, path in paths.items():
        monkeypatch.setattr(real_tool, name, tmp_path / path)
    monkeypatch.setattr(real_tool, "date_releases", lambda: None)
    monkeypatch.setenv("SOFTMAX_BENCH_CACHE", str(tmp_path / "cache"))
    chain = real_tool.Chain("jax", ("jax",), "x>=1", releases=("0.1", "0.2", "0.3"))
    monkeypatch.setattr(real_tool, "CHAINS", {"jax": chain})
    return real_tool


@pytest.fixture
def commands(tool, monkeypatch):
    """Replace ``bench ab`` by a program that succeeds; return its calls."""
    calls = []

    def run(command, **_):
        if "pip" in command:
            listed = "Available versions: 0.5rc1, 0.4+cpu, 0.4, 0.10, 0.3, 0.2"
            return SimpleNamespace(stdout=f"jax (0.10)\n{listed}\n  INSTALLED: 0.2\n")
        calls.append(command)
        version = command[command.index("--candidate") + 1]
        environment = tool.cache.root() / "environments" / f"{len(calls)}"
        environment.mkdir(parents=True)
        status = 2 if "0.3" in version else 0
        return SimpleNamespace(returncode=status, stdout="" if status else "ok", stderr="a\nno 0.3")

    monkeypatch.setattr(subprocess, "run", run)
    return calls


def test_chain_compares_neighbours_and_the_first_with_the_last(tool):
    chain = tool.CHAINS["jax"]
    assert list(chain.links) == [("0.1", "0.2"), ("0.2", "0.3"), ("0.1", "0.3")]
    assert chain.name_version("0.2") == "jax==0.2 x>=1"


def test_measure_goes_on_from_the_published_records(tool, commands):
    tool.measure("jax", tool.CHAINS["jax"])
    assert len(commands) == 3
    tool.shutil.rmtree(tool.MEASURED)
    tool.measure("jax", tool.CHAINS["jax"])
    assert len(commands) == 3
    tool.shutil.rmtree(tool.MEASURED / "jax" / "0.1-0.2")
    tool.measure("jax", tool.CHAINS["jax"])
    assert len(commands) == 4


def test_watch_measures_what_pip_has_after_the_last_release(tool, commands):
    tool.PAGE.write_text(f"{tool.START}\n{tool.END}", encoding="utf-8")
    tool.measure("jax", tool.CHAINS["jax"])
    with pytest.raises(SystemExit, match="3"):  # the new ones have no records
        tool.watch(["jax"])
    tool.watch(["jax"])  # nothing is new
    assert len(commands) == 6  # the steps to 0.4 and 0.10, and from the first to the last
    assert "\n0.4 → 0.10: ok\n" in tool.PAGE.read_text(encoding="utf-8")
    assert json.loads(tool.RELEASES.read_text()) == {"jax": ["0.1", "0.2", "0.3", "0.4", "0.10"]}


def test_watch_drafts_a_report_of_what_became_slower(real_tool, monkeypatch, tmp_path):
    for name in ("DRAFTS", "PUBLISHED", "RELEASES", "PAGE"):
        monkeypatch.setattr(real_tool, name, tmp_path / name)
    real_tool.PAGE.write_text(f"{real_tool.START}\n{real_tool.END}", encoding="utf-8")
    real_tool.PUBLISHED.mkdir()
    chain, published = real_tool.CHAINS["scikit-learn"], real_tool.ROOT / "results/reference"
    archive = real_tool.PUBLISHED / "scikit-learn.tar.xz"
    monkeypatch.setattr(real_tool, "CHAINS", {"scikit-learn": chain})

    def measure(*_):
        shutil.copy(published / "releases" / archive.name, archive)

    monkeypatch.setattr(real_tool, "measure", measure)
    monkeypatch.setattr(real_tool, "date_releases", lambda: None)
    answer = SimpleNamespace(stdout="Available versions: 0.1", stderr="")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: answer)
    real_tool.watch(["scikit-learn"])
    (draft,) = real_tool.DRAFTS.iterdir()  # the direct comparison is no step
    assert draft.name == "scikit-learn-1.7.0.md"
    text = draft.read_text(encoding="utf-8")
    assert "difference\nis +5.8 %" in text
    assert "softmax-bench ab --base scikit-learn==1.6.1 --candidate" in text
    page = real_tool.PAGE.read_text(encoding="utf-8")
    assert "- 1.6.1 → 1.7.0: `sklearn-softmax` +5.8 %" in page


def test_measure_keeps_the_environments_of_one_pair(tool, commands):
    tool.measure("jax", tool.CHAINS["jax"])
    assert sorted(path.name for path in tool.list_environments()) == ["2", "3"]


def test_day_of_a_release_is_that_of_its_first_file(real_tool, monkeypatch, tmp_path):
    files = [
        ("jax-0.1.0-py3-none-any.whl", "2025-02-03T00:10:00Z"),
        ("jax-0.1.0.tar.gz", "2025-02-02T23:50:00Z"),
        ("jax-0.1.0rc1.tar.gz", "2025-01-01T00:00:00Z"),
        ("jax-0.2.0.tar.gz", "2025-03-01T00:00:00Z"),
    ]
    answer = {"files": [{"filename": name, "upload-time": when} for name, when in files]}
    monkeypatch.setattr(
        real_tool, "CHAINS", {"jax": real_tool.Chain("jax", (), releases=["0.1.0"])}
    )
    monkeypatch.setattr(real_tool, "DATES", tmp_path / "dates.json")
    reply = io.BytesIO(json.dumps(answer).encode())
    monkeypatch.setattr(real_tool.urllib.request, "urlopen", lambda *_, **__: reply)
    real_tool.date_releases()
    assert real_tool.read_dates() == {"jax": {"0.1.0": "2025-02-02"}}


def test_measure_stopped_by_a_signal_leaves_the_link_unmeasured(tool, monkeypatch):
    ended = SimpleNamespace(returncode=143, stdout="", stderr="")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: ended)
    with pytest.raises(SystemExit):
        tool.measure("jax", tool.CHAINS["jax"])
    assert not (tool.MEASURED / "jax" / "0.1-0.2" / tool.VERDICT).exists()


def test_measure_waits_for_what_a_killed_one_has_started(tool, commands):
    folder = tool.MEASURED / "jax" / "0.1-0.2"
    folder.mkdir(parents=True)
    with lock_folder(folder), pytest.raises(SystemExit, match=r"0\.1-0\.2\. Wait"):
        tool.measure("jax", tool.CHAINS["jax"])
    assert (folder.is_dir(), commands) == (True, [])


def test_page_shows_why_a_release_was_not_measured(tool, commands):
    tool.PAGE.write_text(f"# Releases\n\n{tool.START}\nold\n{tool.END}\nend\n", encoding="utf-8")
    tool.measure("jax", tool.CHAINS["jax"])
    tool.write()
    page = tool.PAGE.read_text(encoding="utf-8")
    assert "0.2 → 0.3: no 0.3" in page
    assert "old" not in page
    assert page.endswith("-->\nend\n")


def test_ratios_multiply_with_the_intervals_of_independent_ones(tool):
    # Half intervals of 3 % and 4 % give one of 5 %, on a logarithmic scale.
    first = Interval(2.0, 2 * math.exp(-0.03), 2 * math.exp(0.03))
    product = tool.multiply(first, Interval(0.5, 0.5 * math.exp(-0.04), 0.5 * math.exp(0.04)))
    assert product.mean == 1
    assert math.log(product.high) == pytest.approx(0.05)
    assert math.log(product.low) == pytest.approx(-0.05)
    # Pairs that are too few have no interval, and so their product has none.
    assert tool.multiply(first, Interval(0.5)) == Interval(1.0)


def test_published_page_is_that_of_the_published_records(real_tool):
    page = real_tool.PAGE.read_text(encoding="utf-8")
    names = [path.name.removesuffix(".tar.xz") for path in real_tool.PUBLISHED.glob("*.tar.xz")]
    assert names
    for name in names:
        chain = real_tool.CHAINS[name]
        links = real_tool.read_links(name, chain)
        assert real_tool.describe_chain(name, chain, links) in page
        table = (real_tool.PUBLISHED / f"{name}.csv").read_text(encoding="utf-8")
        assert table == real_tool.tabulate_chain(links)


def test_links_have_the_programs_of_their_chain_only(real_tool):
    # The records of Keras have a program more, which did not start with its older releases.
    chain = real_tool.CHAINS["keras"]
    links = real_tool.read_links("keras", chain)
    assert len(links) == len(list(chain.links))
    for link in links:
        assert {case.name for case in link.cases} == set(chain.implementations)


def test_published_records_have_no_params(real_tool):
    for path in real_tool.PUBLISHED.glob("*.tar.xz"):
        with tarfile.open(path) as archive:
            assert not [name for name in archive.getnames() if name.endswith(".npy")]
