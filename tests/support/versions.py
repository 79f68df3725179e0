"""A git repository and wheels for the tests of versions."""

import base64
import hashlib
import subprocess
import zipfile

REGISTRY = """
from dataclasses import dataclass, field
from bench.contract import Device, Objective

@dataclass(frozen=True)
class Implementation:
    name: str
    module: str
    framework: str
    extra: str
    devices: tuple[Device, ...] = ("cpu", "gpu")
    variables: dict[str, str] = field(default_factory=dict)

IMPLEMENTATIONS = (
    Implementation("numpy", "idiomatic.softmax_numpy", "numpy", "", devices=("cpu",)),
    Implementation("old", "idiomatic.softmax_old", "torch", "pytorch", variables={"A": "1"}),
)
"""
# A project that builds itself without other packages, in the version of its code.
PROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
BACKEND = """
import pathlib, zipfile

def build_wheel(folder, *_):
    name, about = "tool-1.0-py3-none-any.whl", "tool-1.0.dist-info"
    tag = "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
    with zipfile.ZipFile(pathlib.Path(folder, name), "w") as archive:
        archive.write("tool.py")
        metadata = "Metadata-Version: 2.1\\nName: tool\\nVersion: 1.0\\n"
        archive.writestr(f"{about}/METADATA", metadata)
        archive.writestr(f"{about}/WHEEL", tag)
        archive.writestr(f"{about}/entry_points.txt", "[console_scripts]\\ntool = tool:main")
        archive.writestr(f"{about}/RECORD", "")
    return name
"""


def write_project(folder, code):
    """Write a project that builds itself; return the names of its files."""
    files = {"pyproject.toml": PROJECT, "backend.py": BACKEND, "tool.py": code}
    for name, text in files.items():
        (folder / name).write_text(text)
    return [*files]


IDENTITY = ("-c", "user.name=A test", "-c", "user.email=test@example.org")


class Repository:
    """A git repository whose history a test writes, and which may stand for this suite."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *arguments):
        command = ["git", "-C", self.folder, *IDENTITY, *arguments]
        ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        return ended.stdout.strip()

    def commit_all(self):
        """Commit all that lies in the folder."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "a version")

    def commit(self, **files):
        """Commit the registry and idiomatic files by name, None to remove; return the commit."""
        folder = self.folder / "implementations"
        (folder / "idiomatic").mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            path = folder / ("" if name == "__init__" else "idiomatic") / f"{name}.py"
            path.unlink() if text is None else path.write_text(text)
        self.git("add", "--update")
        self.git("add", "implementations")
        self.git("commit", "--quiet", "--allow-empty", "--message", "as a test needs it")
        return self.git("rev-parse", "HEAD")


def wheel(folder, name, version, requires):
    """Write a wheel of a package that holds its version, and a script that prints it."""
    about = f"{name}-{version}.dist-info"
    lines = [
        f"Name: {name}",
        f"Version: {version}",
        *(f"Requires-Dist: {name}" for name in requires),
    ]
    content = {
        f"{name}/__init__.py": f"version = {version!r}\ndef main():\n    print(version)\n",
        f"{about}/entry_points.txt": f"[console_scripts]\n{name} = {name}:main\n",
        f"{about}/METADATA": "\n".join(["Metadata-Version: 2.1", *lines, ""]),
        f"{about}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    rows = [f"{path},sha256={_encode_hash(text)},{len(text)}" for path, text in content.items()]
    content[f"{about}/RECORD"] = "\n".join([*rows, f"{about}/RECORD,,", ""])
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        for path, text in content.items():
            archive.writestr(path, text)


def _encode_hash(text):
    digest = hashlib.sha256(text.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
