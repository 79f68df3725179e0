"""Every source of data, good and bad, on this machine alone."""

import functools
import gzip
import http.server
import importlib.metadata
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from support.data import idx_files, write_idx

from bench.data import idx, sources
from bench.errors import DataError
from bench.worker.machine import ROOT


@pytest.fixture(autouse=True)
def no_source(monkeypatch, tmp_path):
    """No source has the data; a small data set stands for Fashion-MNIST."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("PATH", str(tmp_path / "programs"))
    monkeypatch.setattr(sources, "SYSTEM", tmp_path / "usr")
    monkeypatch.setattr(sources, "MIRRORS", ())
    monkeypatch.setattr(sources, "FASHION_MNIST", write_idx(tmp_path / "plain", idx_files()))


class Handler(http.server.SimpleHTTPRequestHandler):
    """Log the requests; send fewer bytes than promised from the folder ``cut``."""

    def do_GET(self):
        self.server.requests.append(self.path)
        if self.path.startswith(("/endless/", "/slow/")):
            self.send_response(200)
            self.end_headers()
            part = bytes(1 if "slow" in self.path else 2**20)
            with suppress(OSError):  # until the client has had enough
                while not self.server.is_over.wait(0.01 if "slow" in self.path else 0):
                    self.wfile.write(part)
        elif self.path.startswith("/cut/"):
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
        else:
            super().do_GET()

    def log_message(self, *_):
        pass


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A server on this machine, each of whose folders is a mirror."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    served = tmp_path / "served"
    write_idx(served / "good", idx_files(), compress=True)
    write_idx(served / "other", idx_files(seed=1), compress=True)
    handler = functools.partial(Handler, directory=served)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.requests, server.is_over = [], threading.Event()
        server.mirror = f"http://127.0.0.1:{server.server_port}/{{}}/".format
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.is_over.set()
        server.shutdown()


@pytest.mark.parametrize(
    ("folder", "source"),
    [
        ("keras/datasets/fashion-mnist", "cache of Keras"),
        ("data/FashionMNIST/raw", "download of torchvision"),
        ("usr", "system package"),
    ],
)
def test_local_folders_come_before_the_network(server, tmp_path, monkeypatch, folder, source):
    monkeypatch.setattr(sources, "MIRRORS", (server.mirror("good"),))
    write_idx(tmp_path / folder, idx_files(), compress=True)
    raw, name = sources.find_fashion_mnist()
    assert (raw.sha256, name) == (sources.FASHION_MNIST, source)
    assert server.requests == []


def test_good_mirror_serves_after_damaged_sources(server, monkeypatch, tmp_path):
    write_idx(tmp_path / "usr", idx_files(seed=1))
    mirrors = [server.mirror(name) for name in ("gone", "cut", "other", "good")]
    monkeypatch.setattr(sources, "MIRRORS", ("http://127.0.0.1:1/", *mirrors))
    raw, source = sources.find_fashion_mnist()
    assert (raw.sha256, source) == (sources.FASHION_MNIST, "downloaded from a mirror")
    assert np.array_equal(raw.labels, idx_files()[idx.TRAIN_LABELS])
    assert len(server.requests) == 3 + 4


@pytest.mark.parametrize(("name", "seconds"), [("endless", 600), ("slow", 0.2)])
def test_mirror_that_never_ends_is_left(server, monkeypatch, tmp_path, name, seconds):
    monkeypatch.setattr(sources, "MIRRORS", (server.mirror(name),))
    monkeypatch.setattr(sources, "_MIRROR_SECONDS", seconds)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "served"))
    with pytest.raises(DataError, match="more than 64 MiB, or ten minutes"):
        sources.find_fashion_mnist()
    assert {path.name for path in (tmp_path / "served").iterdir()} == {"good", "other"}


def test_every_mirror_but_the_last_is_safe_on_the_way(monkeypatch):
    monkeypatch.undo()
    assert [url.partition(":")[0] for url in sources.MIRRORS] == ["https", "http"]


def test_second_mirror_sends_only_what_is_missing(server, monkeypatch, tmp_path):
    shutil.copytree(tmp_path / "served" / "good", tmp_path / "served" / "more")
    (tmp_path / "served" / "good" / f"{idx.TEST_LABELS}.gz").write_bytes(b"damaged")
    monkeypatch.setattr(sources, "MIRRORS", (server.mirror("good"), server.mirror("more")))
    sources.find_fashion_mnist()
    more = [path for path in server.requests if path.startswith("/more/")]
    assert more == [f"/more/{idx.TEST_LABELS}.gz"]


def test_failure_names_every_source_and_its_reason(server, monkeypatch, tmp_path):
    mirrors = [server.mirror(name) for name in ("gone", "cut", "other")]
    monkeypatch.setattr(sources, "MIRRORS", ("http://127.0.0.1:1/", *mirrors))
    with pytest.raises(DataError) as error:
        sources.find_fashion_mnist()
    message = str(error.value)
    assert len(message.splitlines()) == 1
    parts = ("FASHION_MNIST_DIR", sources.PACKAGE, "keras", "torchvision", str(tmp_path / "usr"))
    for part in (*parts, *sources.MIRRORS, "404", "IncompleteRead", "SHA-256", "apt-get"):
        assert part in message


@pytest.fixture
def debian(tmp_path, program, monkeypatch):
    """An apt-get and a dpkg-deb that know one package, and log their arguments."""
    write_idx(tmp_path / "package" / sources.SYSTEM.relative_to("/"), idx_files(), compress=True)
    log = f'echo "$*" >> {tmp_path}/log'
    program("apt-get", f"{log}\ncase $* in *download*) touch {sources.PACKAGE}_1_all.deb ;; esac")
    program("dpkg-deb", f'{log}\ncp -R {tmp_path}/package/. "$3"')
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")


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
        ("exec sleep 600", "timed out"),
    ],
)
def test_failure_of_apt_get_is_a_reason(debian, program, monkeypatch, script, reason):
    monkeypatch.setattr(sources, "_APT_SECONDS", 60 if "exit" in script else 0.5)
    program("apt-get", script)
    with pytest.raises(DataError, match=reason) as error:
        sources.find_fashion_mnist()
    assert len(str(error.value).splitlines()) == 1


AS_NOBODY = """
import os, sys
import gzip, encodings.idna, numpy.random  # while this is still root
from pathlib import Path
from bench.data import idx, sources
if os.geteuid() == 0:
    os.environ["HOME"] = sys.argv[1]
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
os.chdir("/")
folder = sources._fetch_debian_package(Path(sys.argv[1]))
idx.read_folder(folder, sources.FASHION_MNIST)
"""


@pytest.mark.full
@pytest.mark.skipif(shutil.which("apt-get") is None, reason="this machine has no apt-get")
def test_real_debian_package_is_fetched_without_root(tmp_path_factory, monkeypatch):
    monkeypatch.undo()
    scratch = Path("/tmp") / tmp_path_factory.mktemp("nobody").name  # pytest's folders are root's
    scratch.mkdir()
    if os.geteuid() == 0:
        os.chown(scratch, 65534, 65534)
    try:
        command = [sys.executable, "-c", AS_NOBODY, str(scratch)]
        subprocess.run(command, cwd=ROOT, check=True)
    finally:
        shutil.rmtree(scratch)


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


def test_digits_without_scikit_learn_say_what_to_install(monkeypatch):
    def distribution(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", distribution)
    with pytest.raises(DataError, match="pip install scikit-learn"):
        sources.read_digits()
