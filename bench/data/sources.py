"""Find Fashion-MNIST and scikit-learn's digits on this machine or download them.

Fashion-MNIST (https://github.com/zalandoresearch/fashion-mnist, MIT licence) is identified by the
SHA-256 of its uncompressed IDX files, so that any source can be trusted.
"""

import gzip
import hashlib
import importlib.metadata
import os
import subprocess
import tempfile
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from bench.data import idx
from bench.data.idx import Raw
from bench.errors import DataError
from bench.worker.measure import now

FASHION_MNIST = {
    idx.TRAIN_IMAGES: "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    idx.TRAIN_LABELS: "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    idx.TEST_IMAGES: "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    idx.TEST_LABELS: "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
MIRRORS: tuple[str, ...] = (
    "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
)
SYSTEM = Path("/usr/share/datasets/fashion-mnist")  # where the Debian package puts it
PACKAGE = "dataset-fashion-mnist"

Source = tuple[str, Callable[[], Path]]  # its name, and the function that returns its folder

_CONNECT_SECONDS = 5
_SILENCE_SECONDS = 30  # without a byte from a mirror that answered
_MIRROR_SECONDS, _MAX_BYTES = 600, 2**26  # the largest file has 26 MB
_APT_SECONDS = 120


def find_fashion_mnist() -> tuple[Raw, str]:
    """Return Fashion-MNIST, verified, and the name of the first source that has it.

    Raises DataError with a line that names every source and why it failed.
    """
    failures = []
    keras = Path(os.environ.get("KERAS_HOME") or "~/.keras")
    with tempfile.TemporaryDirectory() as temporary:
        scratch = Path(temporary)
        sources: list[Source] = [
            ("cache of Keras", lambda: keras / "datasets/fashion-mnist"),
            ("download of torchvision", lambda: Path("data/FashionMNIST/raw")),
            ("system package", lambda: SYSTEM),
            *(("downloaded from a mirror", partial(_download, url, scratch)) for url in MIRRORS),
            ("Debian package, fetched", lambda: _fetch_debian_package(scratch)),
        ]
        for name, locate in sources:
            try:
                return idx.read_folder(locate(), FASHION_MNIST), name
            except DataError as error:
                failures.append(f"{name}: {error}")
    raise DataError(
        f"Fashion-MNIST was not found. Install it with `apt-get install {PACKAGE}`, or set "
        f"FASHION_MNIST_DIR to a folder with its four IDX files. Tried {'; '.join(failures)}"
    )


def _download(mirror: str, scratch: Path) -> Path:
    """Download the files that no other mirror has sent yet into a folder; return it."""
    import requests
    import urllib3

    timeout, end = (_CONNECT_SECONDS, _SILENCE_SECONDS), now() + _MIRROR_SECONDS
    for name, sha256 in FASHION_MNIST.items():
        url, path = f"{mirror}{name}.gz", scratch / f"{name}.gz"
        if path.exists():  # from another mirror
            continue
        try:
            with requests.get(url, stream=True, timeout=timeout) as answer, path.open("wb") as file:
                answer.raise_for_status()
                while part := answer.raw.read1(2**16, decode_content=True):
                    file.write(part)
                    if file.tell() > _MAX_BYTES or now() > end:
                        # TRY301: the except below adds the address and removes the file.
                        raise ValueError("more than 64 MiB, or ten minutes")  # noqa: TRY301
            idx.read_idx(path, sha256)
        except requests.ConnectionError as error:
            raise DataError(f"{url}: no connection") from error
        except (OSError, ValueError, urllib3.exceptions.HTTPError, DataError) as error:
            path.unlink(missing_ok=True)
            raise DataError(f"{url}: {error}") from error
    return scratch


def _fetch_debian_package(folder: Path) -> Path:
    """Download and unpack the Debian package, without root; return the folder of its files."""
    for name in ("state/lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True)
    options = {
        "Dir::State": f"{folder}/state",
        "Dir::State::lists": f"{folder}/state/lists",
        "Dir::Cache": f"{folder}/cache",
        "APT::Sandbox::User": "root",  # as root, apt warns that _apt cannot enter this folder
        "Acquire::Languages": "none",
        "Acquire::Retries": "1",
        "Acquire::http::Timeout": str(_CONNECT_SECONDS),
        "Acquire::https::Timeout": str(_CONNECT_SECONDS),
    }
    apt_get = ["apt-get", "-qq", *(f"-o{name}={value}" for name, value in options.items())]
    run = partial(
        subprocess.run,
        cwd=folder,
        env=os.environ | {"LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=_APT_SECONDS,
        check=False,
    )
    try:
        # An unreachable source fails the update, though another may have the package: go on.
        run([*apt_get, "update"])
        download = run([*apt_get, "download", PACKAGE])
        for package in folder.glob(f"{PACKAGE}_*.deb"):
            run(["dpkg-deb", "-x", package, folder])
            return folder / SYSTEM.relative_to("/")
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DataError(f"the Debian package cannot be fetched ({error})") from error
    messages = " ".join(download.stderr.splitlines()[-2:])
    raise DataError(f"apt-get could not download {PACKAGE} ({messages})")


def read_digits() -> Raw:
    """Read the digits that scikit-learn bundles, without importing it.

    Returns 1,797 images (1797, 64) of pixels 0 to 16; the last 357 are the test images too.
    Raises DataError where scikit-learn is not installed or the file is damaged.
    Source: https://scikit-learn.org/stable/modules/generated/sklearn.datasets.load_digits.html
    """
    try:
        distribution = importlib.metadata.distribution("scikit-learn")
        path = Path(str(distribution.locate_file("sklearn/datasets/data/digits.csv.gz")))
        packed = path.read_bytes()
        lines = gzip.decompress(packed).decode().splitlines()
        table = np.loadtxt(lines, np.uint8, delimiter=",").reshape(1797, 65)
    except importlib.metadata.PackageNotFoundError as error:
        raise DataError(
            "The digits come with scikit-learn. Install it with `pip install scikit-learn`"
        ) from error
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read ({error}). Reinstall scikit-learn") from error
    images, labels = table[:, :64].copy(), table[:, 64].copy()
    sha256 = {path.name: hashlib.sha256(packed).hexdigest()}
    return Raw(images, labels, images[1440:], labels[1440:], sha256)
