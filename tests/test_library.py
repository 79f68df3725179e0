"""The program is put together once, and a cache that is not there or wrong costs only time."""

import pytest

from bench.report import library

MADE = "made()"


@pytest.fixture
def bundled(tmp_path, monkeypatch):
    """Count how often the program is put together; the cache is the test's own."""
    monkeypatch.setenv("SOFTMAX_BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(library, "version", lambda _: "1.2")
    calls = []
    monkeypatch.setattr(library, "_bundled", lambda: calls.append(1) or MADE)
    return calls


def fresh():
    """Ask as another process would."""
    library.library.cache_clear()
    return library.library()


@pytest.fixture(autouse=True)
def forget():
    yield
    library.library.cache_clear()


def test_it_is_put_together_once_and_kept_whole(bundled, tmp_path):
    assert [fresh(), fresh(), library.library()] == [MADE] * 3
    assert len(bundled) == 1
    (kept,) = (tmp_path / "cache").iterdir()
    assert kept.read_text() == MADE


def test_another_version_is_put_together_again(bundled, monkeypatch):
    fresh()
    monkeypatch.setattr(library, "version", lambda _: "1.3")
    fresh()
    assert len(bundled) == 2


def test_a_cache_that_cannot_be_written_costs_only_the_time(bundled, tmp_path):
    (tmp_path / "cache").write_text("not a folder")
    assert [fresh(), fresh()] == [MADE] * 2
    assert len(bundled) == 2


def test_without_a_home_there_is_no_cache(bundled, monkeypatch):
    def homeless():
        raise library.DataError("no home folder")

    monkeypatch.setattr(library, "root", homeless)
    assert fresh() == MADE


def test_it_is_vega_with_what_embeds_and_interprets_it(tmp_path, monkeypatch):
    monkeypatch.setenv("SOFTMAX_BENCH_CACHE", str(tmp_path))
    text = fresh()
    assert "window.vegaEmbed" in text
    assert 300_000 < len(text) < 2_000_000
    assert fresh() == text
