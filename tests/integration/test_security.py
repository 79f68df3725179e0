"""What SECURITY.md promises is what the code has."""

import re

from bench.records import files
from bench.worker.machine import ROOT

SECURITY = (ROOT / "SECURITY.md").read_text(encoding="utf-8")


def test_a_file_may_be_as_large_as_is_written_down():
    assert f"at most {files.MAX_BYTES // 2**20} MiB" in SECURITY


def test_no_file_of_the_suite_unpickles_or_evaluates():
    files = [path.read_text(encoding="utf-8") for path in (ROOT / "bench").rglob("*.py")]
    forbidden = re.compile(r"\b(?:pickle|marshal|shelve)\.|\beval\(|\bexec\(|allow_pickle=True")
    assert len(files) > 100
    assert not [found[0] for text in files for found in forbidden.finditer(text)]
    assert forbidden.search("pickle.load(stream)")
    assert forbidden.search("np.load(path, allow_pickle=True)")


def test_what_is_reported_goes_to_no_persons_address():
    assert "Report a vulnerability" in SECURITY
    assert "@" not in SECURITY
