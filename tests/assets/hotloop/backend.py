"""Build a wheel of the package: a backend that needs no other package."""

import zipfile
from pathlib import Path

ABOUT = "hotloop-1.dist-info"
META = "Metadata-Version: 2.1\nName: hotloop\nVersion: 1\n"
TAG = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def build_wheel(folder, config_settings=None, metadata_directory=None):
    """Write the wheel into a folder and return its name."""
    name = "hotloop-1-py3-none-any.whl"
    files = {
        "hotloop/__init__.py": Path("hotloop/__init__.py").read_text(),
        f"{ABOUT}/METADATA": META,
        f"{ABOUT}/WHEEL": TAG,
    }
    record = "".join(f"{path},,\n" for path in (*files, f"{ABOUT}/RECORD"))
    with zipfile.ZipFile(Path(folder, name), "w") as archive:
        for path, text in {**files, f"{ABOUT}/RECORD": record}.items():
            archive.writestr(path, text)
    return name
