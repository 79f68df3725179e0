"""The documentation and the published runs as a site of pages that link to one another.

There is a page for every Markdown file, and for what else one links to; pictures are part of their
page. Needs the extra ``report``; ``python -m bench.report.site FOLDER`` writes it.
"""

import mimetypes
import sys
from base64 import b64encode
from dataclasses import replace
from pathlib import Path
from posixpath import dirname, join, normpath, relpath
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from bench.error import UserError
from bench.files import write_file
from bench.machine import ROOT
from bench.report import html, index
from bench.report.markup import document

WRITTEN = ("*.md", "docs/*.md", "results/*.md", "results/reference/*/*.md")
RUNS = "results/reference"
FIRST = "README.md"


def build(root: Path, output: Path) -> list[Path]:
    """Write the site of a checkout into a folder, and return its files.

    Raises UserError where a page links to what is not there.
    """
    names = sorted(
        path.relative_to(root).as_posix() for each in WRITTEN for path in root.glob(each)
    )
    docs = [name for name in names if name.startswith("docs/")]
    titles = {name: _title(root / name) for name in docs}
    made = {f"{RUNS}/index.html": _runs(root / RUNS)}
    while names:
        if place(name := names.pop()) not in made:
            made[place(name)], linked = _page(root, name, titles)
            names += linked
    return [_written(output / name, page) for name, page in sorted(made.items())]


def place(name: str) -> str:
    """Return where the page of a file is, both below the root.

    >>> place("README.md"), place("docs/ci.md"), place("LICENSE")
    ('index.html', 'docs/ci.html', 'LICENSE.html')
    """
    if name == FIRST:
        return "index.html"
    return name if name.endswith(".html") else f"{name.removesuffix('.md')}.html"


def _written(path: Path, page: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_file(path, page.encode())


def _title(path: Path) -> str:
    return path.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")


def _runs(root: Path) -> str:
    """Return the index of the published runs, which leads to their pages."""
    found = index.entries(root)
    return index.page([replace(each, page=each.page and place(each.page)) for each in found])


def _page(root: Path, name: str, titles: dict[str, str]) -> tuple[str, list[str]]:
    """Return the page of a file, and the files that it links to."""
    whole = root / place(name)
    if whole.is_file():  # a report has its own page already
        return whole.read_text(encoding="utf-8"), []
    text = (root / name).read_text(encoding="utf-8")
    if not name.endswith(".md"):
        return _laid_out(name, titles, title=name, source=text), []
    linked: list[str] = []

    def link(href: str) -> str:
        address = urlsplit(href)
        if address.scheme or not address.path:
            return href
        linked.append(_file(root, name, address.path))
        return _from(name, place(linked[-1])) + (f"#{address.fragment}" * bool(address.fragment))

    found = document(text, link, lambda source: _picture(root / _file(root, name, source)))
    return _laid_out(name, titles, title=found.title, body=found.body), linked


def _file(root: Path, name: str, path: str) -> str:
    """Return the file that a file means by a path, below the root."""
    found = normpath(join(dirname(name), unquote(path)))
    if found.startswith("..") or not (root / found).is_file():
        raise UserError(f"{name} links to {path}, which is not there; mend the link")
    return found


def _from(name: str, page: str) -> str:
    """Return the way from the page of a file to another page."""
    return quote(relpath(page, dirname(place(name)) or "."))


def _picture(path: Path) -> str:
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return f"data:{kind};base64,{b64encode(path.read_bytes()).decode()}"


def _laid_out(name: str, titles: dict[str, str], **values: Any) -> str:
    ways = [(_from(name, "index.html"), "softmax-bench"),
            (_from(name, f"{RUNS}/index.html"), "Published runs"),
            *((_from(name, place(each)), title) for each, title in titles.items())]  # fmt: skip
    return html.page("document.html.j2", ways=ways, **{"body": "", "source": "", **values})


if __name__ == "__main__":
    build(ROOT, Path(sys.argv[1]))
