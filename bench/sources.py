"""The places that Fashion-MNIST and scikit-learn's digits come from.

Fashion-MNIST (https://github.com/zalandoresearch/fashion-mnist, MIT licence) is known by the
SHA-256 of its uncompressed bytes, so that any place serves.
"""

import gzip
import hashlib
import importlib.metadata
import io
import os
import shutil
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bench import idx
from bench.idx import DataError, Raw

Place = Callable[[Path], tuple[Raw, str]]  # from a scratch folder to data and their source

FASHION_MNIST = {
    idx.TRAIN_IMAGES: "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    idx.TRAIN_LABELS: "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    idx.TEST_IMAGES: "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    idx.TEST_LABELS: "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
CLASS_NAMES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
DIGIT_NAMES = tuple("0123456789")  # of every other data set
SYSTEM = Path("/usr/share/datasets/fashion-mnist")
MIRRORS: tuple[str, ...] = (
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
)
PACKAGE = "dataset-fashion-mnist"
REMEDY = (
    f"install it with `apt-get install {PACKAGE}`, "
    "or set FASHION_MNIST_DIR to a folder of its four IDX files"
)

_CONNECT_SECONDS = 5
_SILENCE_SECONDS = 30  # without a byte from a mirror that did answer
_APT_SECONDS = 120
_LARGEST = 2**26  # bytes of a file from a mirror; unpacked the largest has 47 million


def fashion_mnist(scratch: Path) -> tuple[Raw, str]:
    """Fetch Fashion-MNIST: from the system's package, a mirror, or the Debian archive.

    scratch: a folder for what is fetched; the caller deletes it.
    Returns the verified data and where they came from.
    Raises DataError that lists what was tried, each with why it failed.
    """
    tried = ["FASHION_MNIST_DIR: not set", "the user's cache: not there"]
    places: tuple[Place, ...] = (_system, _mirrors, _debian)
    for place in places:
        try:
            return place(scratch)
        except DataError as error:
            tried.append(str(error))
    raise DataError(f"Fashion-MNIST was not found (tried {'; '.join(tried)}); {REMEDY}")


def digits() -> Raw:
    """Read the digits that scikit-learn bundles, without importing it.

    Returns 1,797 images (1797, 64) of pixels 0 to 16; the last 357 are the test images too.
    Raises DataError where scikit-learn is absent or its file is not as it should be.
    Source: https://scikit-learn.org/stable/modules/generated/sklearn.datasets.load_digits.html
    """
    path = _digits_file()
    try:
        packed = path.read_bytes()
        table = np.loadtxt(gzip.decompress(packed).decode().splitlines(), np.uint8, delimiter=",")
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read ({error}); reinstall scikit-learn") from error
    if table.shape != (1797, 65):
        raise DataError(
            f"{path}: expected a table of 1797 rows and 65 columns, found {table.shape}; "
            "reinstall scikit-learn"
        )
    images, labels = np.ascontiguousarray(table[:, :64]), table[:, 64].copy()
    sha256 = {path.name: hashlib.sha256(packed).hexdigest()}
    return Raw(images, labels, images[1440:], labels[1440:], sha256)


def _digits_file() -> Path:
    try:
        distribution = importlib.metadata.distribution("scikit-learn")
    except importlib.metadata.PackageNotFoundError:
        raise DataError(
            "digits: scikit-learn, which bundles them, is not installed; "
            "install it with `pip install scikit-learn`"
        ) from None
    return Path(str(distribution.locate_file("sklearn/datasets/data/digits.csv.gz")))


def _system(_scratch: Path) -> tuple[Raw, str]:
    return idx.read_folder(SYSTEM, FASHION_MNIST), "system package"


def _mirrors(scratch: Path) -> tuple[Raw, str]:
    """Each mirror in turn; a file that is already there and verified is not fetched twice."""
    folder = scratch / "download"
    folder.mkdir()
    failed = []
    for mirror in MIRRORS:
        try:
            for name in idx.FILES:
                _download(mirror, folder / f"{name}.gz")
            return idx.read_folder(folder, FASHION_MNIST), "downloaded from a mirror"
        except DataError as error:
            failed.append(str(error))
    raise DataError("; ".join(failed) or "no mirror is known")


def _download(mirror: str, path: Path) -> None:
    """Fetch one file; it gets its name only when its content is the right one."""
    if path.exists():
        return
    arrived = path.with_name(f"unverified-{path.name}")
    try:
        _transfer(mirror + path.name, arrived)
        _verify(arrived, FASHION_MNIST[path.stem])
        arrived.rename(path)
    except DataError as error:
        raise DataError(f"{mirror}{path.name}: {error}") from error
    finally:
        arrived.unlink(missing_ok=True)


def _verify(arrived: Path, expected: str) -> None:
    try:
        idx.read_file(arrived, expected)
    except DataError as error:
        why = str(error).removeprefix(f"{arrived}: ")
        raise DataError(f"{why}; what arrived was deleted") from error


class _Bounded(io.FileIO):
    """A new file of so many bytes at most: the answer of a mirror may have no end."""

    def write(self, data: Any, /) -> int:
        if self.tell() + len(data) > _LARGEST:
            raise DataError(f"more than {_LARGEST} bytes arrived")
        return super().write(data)


def _transfer(url: str, path: Path) -> None:
    import pooch
    import requests

    download = pooch.HTTPDownloader(timeout=(_CONNECT_SECONDS, _SILENCE_SECONDS), chunk_size=2**16)
    try:
        with _Bounded(path, "wb") as file:
            download(url, file, None)
    except requests.HTTPError as error:
        status = "an error" if error.response is None else error.response.status_code
        raise DataError(f"the server answered {status}") from error
    except requests.ConnectTimeout as error:
        raise DataError(f"no connection within {_CONNECT_SECONDS} s") from error
    except requests.exceptions.ChunkedEncodingError as error:
        raise DataError("the connection was cut") from error
    except requests.Timeout as error:
        raise DataError(f"no byte for {_SILENCE_SECONDS} s") from error
    except requests.ConnectionError as error:
        raise DataError("no connection") from error
    except requests.RequestException as error:
        raise DataError(f"the transfer failed ({error})") from error


def _debian(scratch: Path) -> tuple[Raw, str]:
    """Fetch and unpack the package with lists and caches of our own, which needs no root."""
    apt, dpkg = shutil.which("apt-get"), shutil.which("dpkg-deb")
    if apt is None or dpkg is None:
        raise DataError(f"the Debian package {PACKAGE}: no apt-get and dpkg-deb on this machine")
    folder = scratch / "debian"
    for part in ("state/lists/partial", "cache/archives/partial"):
        (folder / part).mkdir(parents=True)
    # One unreachable source makes an update fail that may have what is needed: the download judges.
    update = _call([apt, *_apt_options(folder), "update"], folder)
    download = _call([apt, *_apt_options(folder), "download", PACKAGE], folder)
    packages = sorted(folder.glob(f"{PACKAGE}_*.deb"))
    if not packages:
        why = " ".join(update.splitlines()[:1] + download.splitlines()[-1:]) or "nothing arrived"
        raise DataError(f"the Debian package {PACKAGE}: apt-get could not fetch it ({why})")
    _call([dpkg, "-x", str(packages[-1]), str(folder / "unpacked")], folder)
    unpacked = folder / "unpacked" / SYSTEM.relative_to("/")
    return idx.read_folder(unpacked, FASHION_MNIST), "Debian package, fetched"


def _apt_options(folder: Path) -> list[str]:
    options = {
        "Dir::State": f"{folder}/state",
        "Dir::State::lists": f"{folder}/state/lists",
        "Dir::Cache": f"{folder}/cache",
        "APT::Sandbox::User": "root",  # else root's apt warns that _apt cannot enter our folder
        "Acquire::Languages": "none",
        "Acquire::Retries": "1",
        "Acquire::http::Timeout": str(_CONNECT_SECONDS),
        "Acquire::https::Timeout": str(_CONNECT_SECONDS),
    }
    return ["-qq", *(f"-o{name}={value}" for name, value in options.items())]


def _call(command: list[str], folder: Path) -> str:
    """Run a program in a folder; return what it says on stderr, in English."""
    environment = os.environ | {"LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_APT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"no end after {_APT_SECONDS} s"
    return done.stderr.strip()
