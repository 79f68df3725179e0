"""What is made of a run is written whole or not at all, and through no link."""

import resource
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.records import case, run, trials, write

from bench.errors import UserError
from bench.report import index, load, several_files
from bench.report import write as files
from bench.report.export import json_file

LIMIT = 300  # bytes: less than the first file of each


# Each writes into the second folder what it makes of the run in the first.
WRITERS = {
    "report": lambda folder, output: files.write(output, found=load.load(folder)),
    "index": lambda _, output: index.write(output),
    "several": lambda folder, output: several_files.write([folder, folder], output),
    "document": lambda _, output: json_file.save(output / "found.json", f'"{"x" * 1000}"'),
}


@pytest.fixture(params=WRITERS)
def made(request, tmp_path):
    """Return a writer without arguments, and the files that it has written."""
    kinds = [case("a"), case("b")]
    records = [record for each in kinds for record in trials(each, 0.5, 0.5)]
    folder, output = write(tmp_path / "run", run(*kinds), *records), tmp_path / "output"
    output.mkdir()

    def again():
        WRITERS[request.param](folder, output)

    again()
    return again, [path for path in output.rglob("*") if path.is_file()]


@contextmanager
def limited(size):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_where_there_is_no_room_the_earlier_files_stay_whole(made):
    again, written = made
    before = {path: path.read_bytes() for path in written}
    with limited(LIMIT), pytest.raises((UserError, OSError), match="File too large") as found:
        again()
    assert "\n" not in str(found.value)
    assert {path: path.read_bytes() for path in written} == before
    assert not [each for path in written for each in path.parent.glob("*.part")]


def test_nothing_is_written_through_a_link(made, tmp_path):
    again, written = made
    assert written
    for path in written:
        (tmp_path / f"to-{path.name}").write_bytes(path.read_bytes())
        path.unlink()
        path.symlink_to(tmp_path / f"to-{path.name}")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("to-*")}
    again()
    assert not any(path.is_symlink() for path in written)
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_the_page_and_the_csv_of_a_report_stay_whole_too(tmp_path, monkeypatch):
    pytest.importorskip("altair")
    folder = write(tmp_path / "run", run(case("a")), *trials(case("a"), 0.5, 0.5))
    files.write(folder)
    size = (folder / "report.html").stat().st_size  # more than any of the others
    monkeypatch.setattr(files.frame, "csv", lambda _: b"x" * 2 * size)
    for name, limit in (("report.html", size // 2), ("summary.csv", size)):
        before = (folder / name).read_bytes()
        with limited(limit), pytest.raises(UserError, match="File too large"):
            files.write(folder)
        assert (folder / name).read_bytes() == before


def test_a_readme_stays_whole_and_is_itself_where_a_link_names_it(tmp_path):
    folder = write(tmp_path / "run", run(case("a")), *trials(case("a"), 0.5, 0.5))
    link, readme = tmp_path / "link.md", tmp_path / "README.md"
    readme.write_text(f"{files.START}\n{files.END}\n{'x' * 1000}")
    link.symlink_to("README.md")
    before = readme.read_bytes()
    with limited(LIMIT), pytest.raises(UserError, match="File too large"):
        files.update_readme(link, folder)
    assert readme.read_bytes() == before
    files.update_readme(link, folder)
    assert link.is_symlink()
    assert b"trains" in readme.read_bytes() or b"alone" in readme.read_bytes()


def test_a_device_is_written_to_and_not_replaced():
    json_file.save(Path("/dev/null"), "{}")
    assert Path("/dev/null").is_char_device()


def test_a_folder_in_the_place_of_a_file_leaves_nothing_beside_it(tmp_path):
    (tmp_path / "index.html").mkdir()
    with pytest.raises(UserError, match="cannot write to"):
        index.write(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["index.html"]
