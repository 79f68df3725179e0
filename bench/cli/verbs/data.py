"""``bench data``: where the data are, their hashes and shapes."""

from typing import get_args

from bench.cli.console import print_line
from bench.cli.options import Data
from bench.data import dataset
from bench.worker import data as prepared


def show_data(data: Data = None) -> None:
    """Print where the data are, their hashes, and the shapes of the arrays."""
    files = dataset.find(data)
    print_line(f"{files.name}, {files.source}, prepared in {files.folder}")
    for part in get_args(prepared.Part):
        images, labels = prepared.read(files.folder, part)
        print_line(f"{part:<12}images {images.shape} {images.dtype}, labels {labels.shape}")
    for name, sha256 in files.sha256.items():
        print_line(f"SHA-256 {sha256}  {name}")
