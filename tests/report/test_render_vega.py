"""The program is put together once, and a cache that is not there costs only time."""

import pytest

from bench.report.render import vega


@pytest.fixture
def made(tmp_path, monkeypatch):
    """Count how often the program is put together; the cache is the test's own."""
    monkeypatch.setenv("SOFTMAX_BENCH_CACHE", str(tmp_path / "cache"))
    calls = []
    monkeypatch.setattr(vega, "_bundle", lambda: calls.append(1) or "made('ü')")
    return calls


@pytest.fixture(autouse=True)
def forget():
    yield
    vega.library.cache_clear()


def fresh():
    """Ask as another process would."""
    vega.library.cache_clear()
    return vega.library()


def test_it_is_put_together_once(made):
    assert [fresh(), fresh(), vega.library()] == ["made('ü')"] * 3
    assert len(made) == 1


def test_another_version_is_put_together_again(made, monkeypatch):
    fresh()
    monkeypatch.setattr(vega.importlib.metadata, "version", lambda _: "another")
    fresh()
    assert len(made) == 2


def test_a_cache_that_cannot_be_written_costs_only_the_time(made, tmp_path):
    (tmp_path / "cache").write_text("not a folder")
    assert [fresh(), fresh()] == ["made('ü')"] * 2
    assert len(made) == 2


def test_it_is_vega_and_the_cache_returns_it_as_it_was(tmp_path, monkeypatch):
    monkeypatch.setenv("SOFTMAX_BENCH_CACHE", str(tmp_path))
    text = fresh()
    assert "window.vegaEmbed" in text
    assert 300_000 < len(text) < 2_000_000
    assert fresh() == text == vega._bundle()
