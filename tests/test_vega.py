"""The script is bundled once, and a missing cache costs only time."""

import pytest
import vl_convert

from bench.report import vega


@pytest.fixture(autouse=True)
def cache_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("SOFTMAX_BENCH_CACHE", str(tmp_path / "cache"))
    yield tmp_path / "cache"
    vega.library.cache_clear()


@pytest.fixture
def bundled(monkeypatch):
    """Record each bundling, which is replaced."""
    calls = []
    bundle = "made('ü')\r\n"
    monkeypatch.setattr(vl_convert, "javascript_bundle", lambda text: calls.append(text) or bundle)
    return calls


def as_new_process():
    vega.library.cache_clear()
    return vega.library()


def test_second_process_reads_the_file(bundled, cache_folder):
    assert [as_new_process(), as_new_process(), vega.library()] == ["made('ü')\r\n"] * 3
    assert len(bundled) == 1
    (file,) = cache_folder.iterdir()
    assert file.read_bytes().decode() == "made('ü')\r\n"


def test_another_version_is_bundled_again(bundled, monkeypatch):
    as_new_process()
    monkeypatch.setattr(vega.importlib.metadata, "version", lambda _: "another")
    as_new_process()
    assert len(bundled) == 2


def test_cache_that_cannot_be_written_costs_only_the_time(bundled, cache_folder):
    cache_folder.write_text("not a folder")
    assert [as_new_process(), as_new_process()] == ["made('ü')\r\n"] * 2
    assert len(bundled) == 2


def test_script_is_vega_embed():
    text = as_new_process()
    assert "window.vegaEmbed" in text
    assert 300_000 < len(text) < 2_000_000
