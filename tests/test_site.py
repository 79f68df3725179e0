"""The site is whole: every link within it leads somewhere, and nothing is fetched."""

import re
import shutil
from html.parser import HTMLParser
from posixpath import dirname, join, normpath
from urllib.parse import unquote, urlsplit

import pytest
from fixtures_records import case, run, trials, write

from bench.error import UserError
from bench.machine import ROOT
from bench.report.site import build, place


class Page(HTMLParser):
    """What a page links to, what it would fetch, and the places in it that can be linked to."""

    def __init__(self, path):
        super().__init__()
        self.links, self.fetched, self.names = [], [], set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.names |= {found["id"]} if "id" in found else set()
        if tag == "a":
            self.links.append(found["href"])
        elif tag in {"link", "img", "script", "iframe", "source", "object", "embed"}:
            self.fetched += [found[name] for name in ("src", "href", "srcset") if name in found]


def target(name, link):
    """Return the page that a link of a page leads to, None where that is another site's."""
    address = urlsplit(link)
    if address.scheme or address.netloc:
        return None
    return normpath(join(dirname(name), unquote(address.path))) if address.path else name


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The site of this checkout, by the place of each page."""
    folder = tmp_path_factory.mktemp("site")
    return {path.relative_to(folder).as_posix(): Page(path) for path in build(ROOT, folder)}, folder


def test_there_is_a_page_for_every_document_and_every_published_run(built):
    pages, _ = built
    docs = {f"docs/{path.stem}.html" for path in (ROOT / "docs").glob("*.md")}
    runs = {f"results/reference/{path.parent.name}/report.html"
            for path in (ROOT / "results" / "reference").glob("*/report.md")}  # fmt: skip
    assert docs
    assert runs
    assert docs | runs <= set(pages)
    assert {"index.html", "results/reference/index.html", "LICENSE.html"} <= set(pages)


def test_every_link_within_the_site_leads_to_a_page_and_a_place_in_it(built):
    pages, _ = built
    followed = 0
    for name, page in pages.items():
        for link in page.links:
            if (found := target(name, link)) is None:
                continue
            assert found in pages, f"{name} links to {link}"
            place_in_it = urlsplit(link).fragment
            assert not place_in_it or place_in_it in pages[found].names, f"{name} links to {link}"
            followed += 1
    assert followed > 100


def test_every_page_can_be_reached_from_the_first(built):
    pages, _ = built
    seen, left = set(), ["index.html"]
    while left:
        if (name := left.pop()) not in seen:
            seen.add(name)
            left += [found for link in pages[name].links if (found := target(name, link))]
    assert set(pages) - seen <= {"CHANGELOG.html", "results/README.html"}


def test_nothing_is_fetched(built):
    pages, folder = built
    for name, page in pages.items():
        assert all(one.startswith("data:") for one in page.fetched), name
        text = (folder / name).read_text(encoding="utf-8")
        assert "Content-Security-Policy" in text
        styles = "".join(re.findall(r"<style>(.*?)</style>", text, re.DOTALL))
        assert "url(" not in styles
        assert "@import" not in styles
        outside = {urlsplit(link).scheme for link in page.links} - {"", "https"}
        assert not outside, name


# ----- a small checkout


@pytest.fixture
def checkout(tmp_path):
    root = tmp_path / "root"
    (root / "docs").mkdir(parents=True)
    (root / "README.md").write_text("# Home\n\n[a](docs/a%20b.md#there) [code](code.py)\n")
    (root / "docs" / "a b.md").write_text(
        "# A & b\n\n## There\n\n[home](../README.md) ![p](../p.svg) [out](https://example.org/x)\n"
    )
    (root / "code.py").write_text("x = '<b>'\n")
    (root / "p.svg").write_text("<svg/>")
    folder = root / "results" / "reference" / "run"
    write(folder, run(case()), *trials(case(), 0.5, 0.5))
    (folder / "report.md").write_text("# Report\n\n![x](../../../p.svg)\n")
    return root


def text_of(checkout, name):
    build(checkout, checkout.parent / "site")
    return (checkout.parent / "site" / name).read_text(encoding="utf-8")


def test_links_become_links_between_pages_and_pictures_a_part_of_theirs(checkout):
    home = text_of(checkout, "index.html")
    assert "<title>Home</title>" in home
    assert '<a href="docs/a%20b.html#there">a</a>' in home
    assert '<a href="code.py.html">code</a>' in home
    page = text_of(checkout, "docs/a b.html")
    assert '<a href="../index.html">home</a>' in page
    assert '<img src="data:image/svg+xml;base64,PHN2Zy8+" alt="p"' in page
    assert '<a href="https://example.org/x">out</a>' in page
    assert '<a href="a%20b.html">A &amp; b</a>' in page


def test_what_is_linked_to_and_is_no_markdown_is_shown_as_it_is(checkout):
    assert "<pre>x = &#39;&lt;b&gt;&#39;\n</pre>" in text_of(checkout, "code.py.html")


def test_a_report_that_has_a_page_is_that_page(checkout):
    listed = text_of(checkout, "results/reference/index.html")
    assert '<a href="run/report.html">run</a>' in listed
    assert "<title>Report</title>" in text_of(checkout, "results/reference/run/report.html")
    (checkout / "results" / "reference" / "run" / "report.html").write_text("<p>whole</p>")
    assert text_of(checkout, "results/reference/run/report.html") == "<p>whole</p>"


@pytest.mark.parametrize("link", ["docs/none.md", "../outside.md", "docs", "docs/a%20b.md/x"])
def test_a_link_to_what_is_not_there_is_refused(checkout, link):
    (checkout.parent / "outside.md").write_text("# Outside\n")
    (checkout / "README.md").write_text(f"# Home\n\n[a]({link})\n")
    with pytest.raises(UserError, match=r"README\.md links to .*, which is not there"):
        build(checkout, checkout.parent / "site")


def test_no_run_is_no_site(checkout):
    shutil.rmtree(checkout / "results")
    with pytest.raises(UserError, match="there is no folder"):
        build(checkout, checkout.parent / "site")


@pytest.mark.parametrize(
    ("name", "page"),
    [("README.md", "index.html"), ("results/README.md", "results/README.html"),
     ("LICENSE", "LICENSE.html"), ("a/report.html", "a/report.html")],
)  # fmt: skip
def test_every_file_has_its_place(name, page):
    assert place(name) == page
