"""docs/releases.py: chains of releases that are measured with ``bench ab``, and their page."""

import importlib.util
import math
import subprocess
import sys
import tarfile
from types import SimpleNamespace

import pytest

from bench.analysis.intervals import Interval
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
    module = real_tool
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "MEASURED", tmp_path / "measured")
    monkeypatch.setattr(module, "PUBLISHED", tmp_path / "published")
    monkeypatch.setattr(module, "PAGE", tmp_path / "releases.md")
    monkeypatch.setenv("SOFTMAX_BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(
        module, "CHAINS", {"jax": module.Chain(("jax",), ("0.1", "0.2", "0.3"), ("jax",), "x>=1")}
    )
    return module


@pytest.fixture
def commands(tool, monkeypatch):
    """Replace ``bench ab`` by a program that succeeds; return its calls."""
    calls = []

    def run(command, **_):
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


def test_measure_keeps_the_environments_of_one_pair(tool, commands):
    tool.measure("jax", tool.CHAINS["jax"])
    assert sorted(path.name for path in tool.list_environments()) == ["2", "3"]


def test_measure_stopped_by_a_signal_leaves_the_link_unmeasured(tool, monkeypatch):
    ended = SimpleNamespace(returncode=143, stdout="", stderr="")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: ended)
    with pytest.raises(SystemExit):
        tool.measure("jax", tool.CHAINS["jax"])
    assert not (tool.MEASURED / "jax" / "0.1-0.2" / tool.VERDICT).exists()


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
