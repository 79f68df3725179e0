"""Every place that data come from, good and bad, on this machine alone."""

import gzip
import http.server
import importlib.metadata
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from support.data import idx_files, write_idx

from bench import idx, sources
from bench.idx import DataError


class Mirror(http.server.BaseHTTPRequestHandler):
    """One host with good and bad mirrors: the first part of the path is what is wrong."""

    folder: Path
    asked: list[str]

    def do_GET(self) -> None:
        """Serve a file, or fail in the way that was asked for."""
        self.asked.append(self.path)
        wrong, _, name = self.path[1:].partition("/")
        content = (self.folder / name).read_bytes()
        if wrong == "gone":
            self.send_error(404)
            return
        if wrong == "endless":
            content = bytes(2**20)
        if wrong == "other":
            content = gzip.compress(gzip.decompress(content)[:-1] + b"\7")
        self.send_response(200)
        self.send_header("Content-Length", str(len(content) + 1000 * (wrong == "cut")))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def host(tmp_path, monkeypatch):
    """A server on this machine; nothing else of the chain is there."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(sources, "SYSTEM", tmp_path / "usr")
    monkeypatch.setenv("PATH", str(tmp_path / "no-programs"))
    sha256 = write_idx(tmp_path / "served", idx_files(), compress=True)
    monkeypatch.setattr(sources, "FASHION_MNIST", sha256)
    handler = type("Handler", (Mirror,), {"folder": tmp_path / "served", "asked": []})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        server.address = f"http://127.0.0.1:{server.server_port}"
        server.asked = handler.asked
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def scratch(tmp_path):
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


def mirrors(monkeypatch, *addresses: str) -> None:
    monkeypatch.setattr(sources, "MIRRORS", addresses)


def test_a_good_mirror_gives_the_verified_data(host, scratch, monkeypatch):
    mirrors(monkeypatch, f"{host.address}/good/")
    raw, source = sources.fashion_mnist(scratch)
    assert source == "downloaded from a mirror"
    assert raw.sha256 == sources.FASHION_MNIST
    assert np.array_equal(raw.labels, idx_files()[idx.TRAIN_LABELS])
    assert len(host.asked) == 4


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ("gone", "the server answered 404"),
        ("cut", "the connection was cut"),
        ("other", r"expected SHA-256 \w{12}…, found \w{12}…; what arrived was deleted"),
        ("endless", "more than 1000 bytes arrived"),
    ],
)
def test_a_bad_mirror_is_named_with_the_reason_and_leaves_nothing(
    host, scratch, monkeypatch, wrong, says
):
    monkeypatch.setattr(sources, "_LARGEST", 1000)
    mirrors(monkeypatch, f"{host.address}/{wrong}/")
    url = f"{host.address}/{wrong}/train-images-idx3-ubyte.gz"
    with pytest.raises(DataError, match=rf"{url}: {says}[;)]") as error:
        sources.fashion_mnist(scratch)
    assert len(str(error.value).splitlines()) == 1
    assert list((scratch / "download").iterdir()) == []
    assert len(host.asked) == 1


def test_a_mirror_that_nobody_answers_at_is_named(host, scratch, monkeypatch):
    mirrors(monkeypatch, "http://127.0.0.1:1/")
    with pytest.raises(DataError, match=r"http://127\.0\.0\.1:1/train-images\S+: no connection;"):
        sources.fashion_mnist(scratch)
    assert list((scratch / "download").iterdir()) == []


def test_after_bad_mirrors_the_good_one_serves(host, scratch, monkeypatch):
    bad = [f"{host.address}/{wrong}/" for wrong in ("gone", "cut", "other")]
    mirrors(monkeypatch, "http://127.0.0.1:1/", *bad, f"{host.address}/good/")
    raw, _ = sources.fashion_mnist(scratch)
    assert raw.sha256 == sources.FASHION_MNIST
    assert sorted(path.stem for path in (scratch / "download").iterdir()) == sorted(idx.FILES)


def test_files_that_arrived_whole_are_not_fetched_again(host, scratch, monkeypatch, tmp_path):
    shutil.copytree(tmp_path / "served", tmp_path / "served" / "more")
    (tmp_path / "served" / f"{idx.TEST_LABELS}.gz").write_bytes(b"damaged")
    mirrors(monkeypatch, f"{host.address}/good/", f"{host.address}/good/more/")
    raw, _ = sources.fashion_mnist(scratch)
    assert raw.sha256 == sources.FASHION_MNIST
    assert [path for path in host.asked if "/more/" in path] == [f"/good/more/{idx.TEST_LABELS}.gz"]


def test_a_mirror_that_unpacks_what_it_sends_serves_too(host, scratch, monkeypatch, tmp_path):
    for name in idx.FILES:
        path = tmp_path / "served" / f"{name}.gz"
        path.write_bytes(gzip.decompress(path.read_bytes()))
    mirrors(monkeypatch, f"{host.address}/good/")
    assert sources.fashion_mnist(scratch)[0].sha256 == sources.FASHION_MNIST


def test_the_system_package_comes_before_the_network(host, scratch, monkeypatch):
    mirrors(monkeypatch, f"{host.address}/good/")
    write_idx(sources.SYSTEM, idx_files(), compress=True)
    assert sources.fashion_mnist(scratch)[1] == "system package"
    assert host.asked == []


def test_a_damaged_system_package_is_passed_over(host, scratch, monkeypatch):
    mirrors(monkeypatch, f"{host.address}/good/")
    write_idx(sources.SYSTEM, idx_files(seed=1), compress=True)
    assert sources.fashion_mnist(scratch)[1] == "downloaded from a mirror"


def test_when_all_fails_one_line_says_what_was_tried_and_what_to_do(host, scratch, monkeypatch):
    mirrors(monkeypatch, "http://127.0.0.1:1/", f"{host.address}/gone/")
    with pytest.raises(DataError) as error:
        sources.fashion_mnist(scratch)
    name = "train-images-idx3-ubyte.gz"
    assert str(error.value) == (
        "Fashion-MNIST was not found (tried FASHION_MNIST_DIR: not set; "
        "the user's cache: not there; "
        f"{sources.SYSTEM}: no such folder; "
        f"http://127.0.0.1:1/{name}: no connection; "
        f"{host.address}/gone/{name}: the server answered 404; "
        "the Debian package dataset-fashion-mnist: no apt-get and dpkg-deb on this machine); "
        "install it with `apt-get install dataset-fashion-mnist`, "
        "or set FASHION_MNIST_DIR to a folder of its four IDX files"
    )


def program(folder: Path, name: str, script: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


@pytest.fixture
def debian(host, tmp_path, monkeypatch):
    """An apt-get and a dpkg-deb that know one package, and log what they are called with."""
    mirrors(monkeypatch)
    monkeypatch.setattr(sources, "SYSTEM", Path("/usr/share/datasets/not-installed"))
    served = tmp_path / "package" / sources.SYSTEM.relative_to("/")
    write_idx(served, idx_files(), compress=True)
    programs = tmp_path / "programs"
    log = f'echo "$0 $*" >> {tmp_path}/log'
    arrives = f"case $* in *download*) touch {sources.PACKAGE}_1_all.deb ;; esac"
    program(programs, "apt-get", f"{log}\n{arrives}")
    program(programs, "dpkg-deb", f'{log}\ncp -R {tmp_path}/package "$3"')
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    return programs


def test_the_debian_package_is_fetched_with_folders_of_its_own(debian, scratch, tmp_path):
    raw, source = sources.fashion_mnist(scratch)
    assert (raw.sha256, source) == (sources.FASHION_MNIST, "Debian package, fetched")
    update, download, unpack = (tmp_path / "log").read_text().splitlines()
    for call in (update, download):
        for option in ("Dir::State", "Dir::State::lists", "Dir::Cache"):
            assert f"-o{option}={scratch}/debian/" in call
    assert download.endswith(f" download {sources.PACKAGE}")
    assert f"-x {scratch}/debian/{sources.PACKAGE}_1_all.deb {scratch}/debian/" in unpack


def test_an_archive_without_the_package_is_a_reason(debian, scratch):
    says = 'echo "W: a warning" >&2; echo "E: Unable to locate package" >&2; exit 100'
    program(debian, "apt-get", f"case $* in *download*) {says} ;; esac")
    with pytest.raises(
        DataError, match=r"apt-get could not fetch it \(E: Unable to locate package\)"
    ) as error:
        sources.fashion_mnist(scratch)
    assert len(str(error.value).splitlines()) == 1


def test_an_apt_that_hangs_is_a_reason(debian, scratch, monkeypatch):
    monkeypatch.setattr(sources, "_APT_SECONDS", 0.2)
    program(debian, "apt-get", "exec sleep 60")
    with pytest.raises(DataError, match=r"could not fetch it \(no end after 0\.2 s"):
        sources.fashion_mnist(scratch)


def test_digits_are_those_that_scikit_learn_loads():
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    raw = sources.digits()
    assert np.array_equal(raw.images, images)
    assert np.array_equal(raw.labels, labels)
    assert np.array_equal(raw.test_images, images[1440:])
    assert np.array_equal(raw.test_labels, labels[1440:])
    assert list(raw.sha256) == ["digits.csv.gz"]


def test_digits_without_scikit_learn_say_what_to_install(monkeypatch):
    def absent(name) -> None:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", absent)
    with pytest.raises(DataError, match=r"not installed; install it with `pip install scikit-lea"):
        sources.digits()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"not gzip", r"cannot be read \(Not a gzipped file"),
        (gzip.compress(b"1,2,3\n4,5,6", mtime=0), r"expected a table of 1797 rows and 65 columns"),
        (gzip.compress(b"1,2\n3", mtime=0), "cannot be read"),
        (gzip.compress(b"1,2", mtime=0)[:-9], "cannot be read"),
        (None, r"cannot be read \(.*No such file"),
    ],
    ids=["not gzip", "small", "ragged", "cut", "missing"],
)
def test_damaged_digits_say_what_to_do(tmp_path, monkeypatch, content, says):
    path = tmp_path / "digits.csv.gz"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setattr(sources, "_digits_file", lambda: path)
    with pytest.raises(DataError, match=rf"{says}.*; reinstall scikit-learn") as error:
        sources.digits()
    assert len(str(error.value).splitlines()) == 1


NOBODY = """
import os, sys
import fcntl, gzip, encodings.idna, numpy.random, pooch, requests  # while this is still root
from pathlib import Path
from bench import sources
os.environ["HOME"] = sys.argv[1]
os.chdir("/")
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
raw, source = sources._debian(Path(sys.argv[1]))
print(source, raw.sha256 == sources.FASHION_MNIST)
"""


@pytest.mark.full
@pytest.mark.skipif(shutil.which("apt-get") is None, reason="this machine has no apt-get")
def test_the_real_debian_package_is_fetched_without_root(tmp_path_factory):
    if os.geteuid() != 0:
        scratch = tmp_path_factory.mktemp("own")
        assert sources._debian(scratch)[0].sha256 == sources.FASHION_MNIST
        return
    scratch = Path("/tmp") / tmp_path_factory.mktemp("nobody").name  # its parents are root's
    scratch.mkdir()
    os.chown(scratch, 65534, 65534)
    try:
        command = [sys.executable, "-c", NOBODY, str(scratch)]
        repository = Path(sources.__file__).parents[1]
        done = subprocess.run(command, cwd=repository, stdout=subprocess.PIPE, check=True)
        assert done.stdout == b"Debian package, fetched True\n"
    finally:
        shutil.rmtree(scratch)
