"""Every source of data, good and bad, on this machine alone."""

import gzip
import hashlib
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

import bench
from bench.data import idx, sources
from bench.errors import DataError


class Mirror(http.server.BaseHTTPRequestHandler):
    """Several mirrors on one host: the first part of the path says what is wrong with one."""

    folder: Path
    requests: list[str]

    def do_GET(self) -> None:
        """Serve a file, or fail as the path says."""
        self.requests.append(self.path)
        fault, _, name = self.path[1:].partition("/")
        content = (self.folder / name).read_bytes()
        if fault == "gone":
            self.send_error(404)
            return
        if fault == "other":
            content = gzip.compress(gzip.decompress(content)[:-1] + b"\7")
        self.send_response(200)
        self.send_header("Content-Length", str(len(content) + 1000 * (fault == "cut")))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture(autouse=True)
def nothing_local(monkeypatch, tmp_path):
    """No source has the data; a small data set plays Fashion-MNIST."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("PATH", str(tmp_path / "no-programs"))
    monkeypatch.setattr(sources, "SYSTEM", tmp_path / "usr")
    monkeypatch.setattr(sources, "MIRRORS", ())
    monkeypatch.setattr(sources, "FASHION_MNIST", write_idx(tmp_path / "plain", idx_files()))


@pytest.fixture
def host(tmp_path, monkeypatch):
    """A server of mirrors on this machine."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    served = tmp_path / "served"
    write_idx(served, idx_files(), compress=True)
    contents = {name: (served / f"{name}.gz").read_bytes() for name in idx.FILES}
    md5 = {name: hashlib.md5(content).hexdigest() for name, content in contents.items()}
    monkeypatch.setattr(sources, "COMPRESSED_MD5", md5)
    handler = type("Handler", (Mirror,), {"folder": served, "requests": []})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        server.address = f"http://127.0.0.1:{server.server_port}"
        server.requests = handler.requests
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("folder", "source"),
    [
        ("keras/datasets/fashion-mnist", "cache of Keras"),
        ("data/FashionMNIST/raw", "download of torchvision"),
        ("usr", "system package"),
    ],
)
def test_local_folders_come_before_the_network(host, tmp_path, monkeypatch, folder, source):
    monkeypatch.setattr(sources, "MIRRORS", (f"{host.address}/good/",))
    write_idx(tmp_path / folder, idx_files(), compress=True)
    raw, name = sources.find_fashion_mnist()
    assert (raw.sha256, name) == (sources.FASHION_MNIST, source)
    assert host.requests == []


def test_mirror_is_asked_for_each_file_and_verified(host, monkeypatch, tmp_path):
    monkeypatch.setattr(sources, "MIRRORS", (f"{host.address}/good/",))
    write_idx(tmp_path / "usr", idx_files(seed=1))  # damaged, and passed over
    raw, source = sources.find_fashion_mnist()
    assert (raw.sha256, source) == (sources.FASHION_MNIST, "downloaded from a mirror")
    assert np.array_equal(raw.labels, idx_files()[idx.TRAIN_LABELS])
    assert len(host.requests) == 4


@pytest.mark.parametrize(
    ("fault", "reason"), [("gone", "404"), ("cut", "IncompleteRead"), ("other", "hash")]
)
def test_faulty_mirror_is_named_with_the_reason(host, monkeypatch, fault, reason):
    monkeypatch.setattr(sources, "MIRRORS", (f"{host.address}/{fault}/",))
    url = f"{host.address}/{fault}/train-images-idx3-ubyte.gz"
    with pytest.raises(DataError, match=f"{url}: .*{reason}") as error:
        sources.find_fashion_mnist()
    assert len(str(error.value).splitlines()) == 1
    assert len(host.requests) == 1


def test_good_mirror_serves_after_faulty_ones(host, monkeypatch):
    faulty = [f"{host.address}/{fault}/" for fault in ("gone", "cut", "other")]
    mirrors = ("http://127.0.0.1:1/", *faulty, f"{host.address}/good/")
    monkeypatch.setattr(sources, "MIRRORS", mirrors)
    assert sources.find_fashion_mnist()[0].sha256 == sources.FASHION_MNIST


def test_file_of_one_mirror_is_not_downloaded_from_the_next(host, monkeypatch, tmp_path):
    shutil.copytree(tmp_path / "served", tmp_path / "served" / "more")
    (tmp_path / "served" / f"{idx.TEST_LABELS}.gz").write_bytes(b"damaged")
    mirrors = (f"{host.address}/good/", f"{host.address}/good/more/")
    monkeypatch.setattr(sources, "MIRRORS", mirrors)
    sources.find_fashion_mnist()
    more = [path for path in host.requests if "/more/" in path]
    assert more == [f"/good/more/{idx.TEST_LABELS}.gz"]


def test_failure_names_every_source_and_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr(sources, "MIRRORS", ("http://127.0.0.1:1/",))
    with pytest.raises(DataError) as error:
        sources.find_fashion_mnist()
    message = str(error.value)
    assert len(message.splitlines()) == 1
    for text in (
        "FASHION_MNIST_DIR",
        f"apt-get install {sources.PACKAGE}",
        "keras",
        "FashionMNIST",
        str(tmp_path / "usr"),
        "http://127.0.0.1:1/",
        "dpkg-deb",
    ):
        assert text in message


def write_program(folder: Path, name: str, script: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


@pytest.fixture
def debian(tmp_path, monkeypatch):
    """An apt-get and a dpkg-deb that know one package, and log how they are called."""
    write_idx(tmp_path / "package" / sources.SYSTEM.relative_to("/"), idx_files(), compress=True)
    programs = tmp_path / "programs"
    log = f'echo "$*" >> {tmp_path}/log'
    download = f"case $* in *download*) touch {sources.PACKAGE}_1_all.deb ;; esac"
    write_program(programs, "apt-get", f"{log}\n{download}")
    write_program(programs, "dpkg-deb", f'{log}\ncp -R {tmp_path}/package/. "$3"')
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    return programs


def test_debian_package_is_fetched_into_folders_of_its_own(debian, tmp_path):
    raw, source = sources.find_fashion_mnist()
    assert (raw.sha256, source) == (sources.FASHION_MNIST, "Debian package, fetched")
    update, download, unpack = (tmp_path / "log").read_text().splitlines()
    for call in (update, download):
        for option in ("Dir::State", "Dir::State::lists", "Dir::Cache"):
            assert f"-o{option}={unpack.split()[-1]}/" in call


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ('echo "E: Unable to locate package" >&2; exit 100', "E: Unable to locate package"),
        ("exec sleep 60", "longer than"),
    ],
)
def test_failure_of_apt_get_is_a_reason(debian, monkeypatch, script, reason):
    monkeypatch.setattr(sources, "_APT_SECONDS", 0.5)
    write_program(debian, "apt-get", script)
    with pytest.raises(DataError, match=reason) as error:
        sources.find_fashion_mnist()
    assert len(str(error.value).splitlines()) == 1


NOBODY = """
import os, sys
import gzip, encodings.idna, numpy.random  # while this is still root
from pathlib import Path
from bench import idx, sources
os.environ["HOME"] = sys.argv[1]
os.chdir("/")
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
folder = sources._fetch_debian_package(Path(sys.argv[1]))
idx.read_folder(folder, sources.FASHION_MNIST)
"""


@pytest.mark.full
@pytest.mark.skipif(shutil.which("apt-get") is None, reason="this machine has no apt-get")
def test_real_debian_package_is_fetched_without_root(tmp_path_factory, monkeypatch):
    monkeypatch.undo()
    if os.geteuid() != 0:
        folder = sources._fetch_debian_package(tmp_path_factory.mktemp("own"))
        idx.read_folder(folder, sources.FASHION_MNIST)
        return
    scratch = Path("/tmp") / tmp_path_factory.mktemp("nobody").name  # pytest's own are root's
    scratch.mkdir()
    os.chown(scratch, 65534, 65534)
    try:
        command = [sys.executable, "-c", NOBODY, str(scratch)]
        subprocess.run(command, cwd=Path(bench.__file__).parents[1], check=True)
    finally:
        shutil.rmtree(scratch)


def test_digits_are_those_that_scikit_learn_loads():
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    raw = sources.read_digits()
    assert np.array_equal(raw.images, images)
    assert np.array_equal(raw.labels, labels)
    assert np.array_equal(raw.test_images, images[1440:])
    assert np.array_equal(raw.test_labels, labels[1440:])
    assert list(raw.sha256) == ["digits.csv.gz"]


def test_digits_without_scikit_learn_say_what_to_install(monkeypatch):
    def distribution(name) -> None:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", distribution)
    with pytest.raises(DataError, match="pip install scikit-learn"):
        sources.read_digits()


@pytest.mark.parametrize(
    "content",
    [b"no gzip", gzip.compress(b"1,2,3\n4,5,6"), gzip.compress(b"1,2\n3"), b"\x1f\x8b", None],
    ids=["no gzip", "small", "ragged", "cut", "missing"],
)
def test_damaged_digits_say_what_to_do(tmp_path, monkeypatch, content):
    path = tmp_path / "digits.csv.gz"
    if content is not None:
        path.write_bytes(content)
    distribution = importlib.metadata.distribution("scikit-learn")
    monkeypatch.setattr(type(distribution), "locate_file", lambda *_: path)
    with pytest.raises(DataError, match="Reinstall scikit-learn") as error:
        sources.read_digits()
    assert len(str(error.value).splitlines()) == 1
