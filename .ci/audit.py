"""What is to be said against the packages that pip would install now, none of which is installed.

Whether one has a known vulnerability only pip-audit's database tells, which is the index's own.
Where it does not answer, as behind a mirror of packages alone, this says so: nothing else sees it.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

UNSEEN = (
    "NOT LOOKED FOR: known vulnerabilities of {} of {} packages; pip-audit's database does not "
    "answer here. That pip finds wheels that go together says nothing of them."
)


def chosen(requirements: Sequence[str]) -> list[dict[str, Any]]:
    """Return what pip would install into an empty environment, its report's entries.

    Nothing is installed. Raises CalledProcessError where no versions go together.
    """
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        pip("install", "--dry-run", "--ignore-installed", "--quiet", "--report", str(report),
            *requirements)  # fmt: skip
        found: list[dict[str, Any]] = json.loads(report.read_text(encoding="utf-8"))["install"]
    return [each for each in found if "dir_info" not in each["download_info"]]  # not this suite


def pip(*arguments: str) -> None:
    """Run pip, whose errors are its own to tell."""
    subprocess.run([sys.executable, "-m", "pip", *arguments], check=True)


def named(package: Mapping[str, Any]) -> str:
    """Return a package as a requirement of this version alone."""
    return f"{package['metadata']['name']}=={package['metadata']['version']}"


def faults(package: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with a package as its index has it."""
    download = package["download_info"]
    address = urlsplit(download["url"])
    if not address.path.endswith(".whl"):
        yield "no wheel: its own program would run to build it"
    if "sha256" not in download.get("archive_info", {}).get("hashes", {}):
        yield "its index names no SHA-256"
    if address.scheme not in {"https", "file"}:  # a file is this machine's own
        yield f"it comes by {address.scheme}"
    if package.get("is_yanked"):
        yield "withdrawn by its authors"


def known(packages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return what pip-audit's database says of these versions; none of those it does not know."""
    with tempfile.TemporaryDirectory() as folder:
        versions = Path(folder) / "versions.txt"
        versions.write_text("".join(f"{named(each)}\n" for each in packages), encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-m", "pip_audit", "--requirement", versions, "--no-deps",
             "--disable-pip", "--format", "json", "--progress-spinner", "off"],
            capture_output=True, check=False,
        )  # fmt: skip
    return answered(done.stdout)


def answered(output: bytes) -> list[dict[str, Any]]:
    """Return the packages that were looked up, of pip-audit's JSON; none where there is no JSON.

    A package that the database does not know is skipped, and pip-audit ends well all the same.
    """
    try:
        found = json.loads(output)["dependencies"]
    except ValueError:
        return []
    return [each for each in found if "vulns" in each]


def main(requirements: Sequence[str]) -> int:
    """Print what was found; return 1 where anything is wrong."""
    packages = chosen(requirements)
    wrong = [f"{named(each)}: {fault}" for each in packages for fault in faults(each)]
    looked_up = known(packages)
    wrong += [f"{each['name']}=={each['version']}: {one['id']}, mended in "
              f"{', '.join(one['fix_versions']) or 'no version'}"
              for each in looked_up for one in each["vulns"]]  # fmt: skip
    print(f"{len(packages)} packages would be installed, {len(looked_up)} looked up by pip-audit")
    if missing := len(packages) - len(looked_up):
        print(UNSEEN.format(missing, len(packages)))
    print("\n".join(wrong) or "nothing was found")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
