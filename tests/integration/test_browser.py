"""The page in a real browser without a network: run by ``nox -s tests_browser``.

Needs Chromium, and axe-core from npm at the path that the variable AXE names. What is missing is
an error, not a skip: these tests are chosen by their mark, or not at all.
"""

import os
import re
import shutil
from pathlib import Path

import pytest
from support import hostile_run
from support.records import case, run, trials, write

import bench
from bench.report import index
from bench.report.load import load_run, load_runs
from bench.report.write import write_report

pytestmark = pytest.mark.browser

REFERENCE = Path(bench.__file__).parents[1] / "results" / "reference"
RUNS = ("amd-epyc-2-cores", "intel-xeon-2-cores")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
SCHEMES = ("light", "dark")
DRAWN = "html[data-charts=drawn]"
# Between the page's text and the edge of the screen there is this much at least, pixels.
EDGE = 12
# How small a chart's letters may become where its legend does not fit otherwise.
SMALLEST = 0.85


@pytest.fixture(scope="module")
def chromium():
    from playwright.sync_api import sync_playwright

    executable = next(filter(None, map(shutil.which, BROWSERS)), None)
    assert executable, f"none of {', '.join(BROWSERS)} is installed"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The report of a published run, a report of two, and an index, as today's code writes them."""
    folder = tmp_path_factory.mktemp("pages")
    shutil.copytree(REFERENCE, folder / "reference")
    loaded = load_runs([folder / "reference" / name for name in RUNS])
    write_report(loaded[:1])
    write_report(loaded, folder / "both")
    (folder / "damaged").mkdir()
    (folder / "damaged" / "run.json").write_text("{")
    return {
        "report": loaded[0].folder / "report.html",
        "several": folder / "both" / "report.html",
        "index": index.write_index(folder),
    }


@pytest.fixture(scope="module")
def reference(pages):
    return pages["report"]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    folder = hostile_run.write(tmp_path_factory.mktemp("hostile") / "run")
    write_report([load_run(folder)])
    return folder / "report.html"


@pytest.fixture(scope="module")
def absent(tmp_path_factory):
    """The page of three rows, the memory of the second of which is not known."""
    folder, cases = tmp_path_factory.mktemp("absent") / "run", [case("a"), case("b"), case("c")]
    records = [
        record
        for of, peak in zip(cases, (2 * 2**20, None, 2**20), strict=True)
        for record in trials(of, 0.5, 0.5, peak_rss_bytes=peak)
    ]
    write_report([load_run(write(folder, run(*cases), *records))])
    return folder / "report.html"


class View:
    """A page in a browser without a network; the errors and requests of the browser."""

    def __init__(self, browser, file, width, **options):
        size = {"width": width, "height": 800}
        self.context = browser.new_context(viewport=size, offline=True, **options)
        self.page = self.context.new_page()
        self.errors, self.requests = [], []
        self.page.on("console", self.hear)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(file.as_uri())
        if options.get("java_script_enabled", True) and self.page.locator("figure").count():
            self.page.wait_for_selector(DRAWN, state="attached")

    def hear(self, message):
        if message.type == "error":
            self.errors.append(message.text)

    def texts(self, selector):
        return [text.strip() for text in self.page.locator(selector).all_inner_texts()]

    @property
    def sideways(self):
        return self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )


@pytest.fixture
def opened(chromium):
    """Open files as a reader does; an error on the console or a request fails the test."""
    views = []

    def start(file, width=1280, **options):
        views.append(View(chromium, file, width, **options))
        return views[-1]

    yield start
    for view in views:
        remote = [url for url in view.requests if not url.startswith(("file:", "data:"))]
        errors = list(view.errors)
        view.context.close()
        assert errors == []
        assert remote == []


@pytest.mark.parametrize(("width", "scheme"), [(320, "light"), (1280, "dark")])
def test_every_chart_is_drawn_and_the_page_fits(opened, reference, scheme, width):
    view = opened(reference, width, color_scheme=scheme)
    charts = view.page.locator("figure")
    assert charts.count() >= 7
    for number in range(charts.count()):
        chart = charts.nth(number)
        assert chart.locator(".live svg :is(path, image)").count() >= 10
        assert chart.locator(".still").is_hidden()
        picture = chart.locator(".live svg")
        shown = picture.bounding_box()["width"]
        assert shown <= width - 2 * EDGE
        # Only what is counted in pixels becomes much smaller as a whole, its letters too.
        if picture.locator("image").count() == 0:
            assert shown >= SMALLEST * float(picture.get_attribute("width"))
    assert view.sideways == 0
    assert reference.stat().st_size < 4e6


def luminance(colour):
    """Return how light a colour is, from 0 to 1, as the standard on contrast defines it.

    https://www.w3.org/TR/WCAG21/#dfn-relative-luminance
    """
    shares = [int(value) / 255 for value in re.findall(r"\d+", colour)[:3]]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in shares]
    return sum(weight * one for weight, one in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_chart_text_has_contrast(opened, reference, scheme):
    page = opened(reference, color_scheme=scheme).page
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (luminance(paper) < 0.5) == (scheme == "dark")
    letters = page.evaluate(
        "[...document.querySelectorAll('.live svg .role-axis text, .live svg .role-legend text,"
        " .live svg .role-header text')].map((one) => getComputedStyle(one).fill)"
    )
    assert len(letters) > 100
    assert min(contrast(colour, paper) for colour in letters) >= 4.5


def test_switch_changes_the_colours(opened, reference):
    page = opened(reference).page
    of = "getComputedStyle([...document.querySelector('.live svg').querySelectorAll('{}')].at(-1))"
    looks = [
        "getComputedStyle(document.body).backgroundColor",
        f"{of.format('.role-axis-label text')}.fill",
        f"{of.format('.role-mark.mark-text text')}.fill",
    ]
    before = [page.evaluate(look) for look in looks]
    page.get_by_role("button", name="Dark colours").click()
    page.wait_for_selector(DRAWN, state="attached")
    after = [page.evaluate(look) for look in looks]
    for paper, *letters in (before, after):
        assert all(contrast(paper, colour) >= 4.5 for colour in letters)
    assert luminance(before[0]) > 0.9
    assert luminance(after[0]) < 0.1
    page.get_by_role("button", name="Light colours").click()
    page.wait_for_selector(DRAWN, state="attached")
    assert [page.evaluate(look) for look in looks] == before


def column(view, name):
    """Return the texts of a column of the comparison, of the rows that are shown."""
    number = view.texts("#comparison thead th").index(name)
    return view.page.evaluate(
        "(number) => [...document.querySelectorAll('#comparison tbody tr')]"
        ".filter((row) => row.offsetParent).map((row) => row.cells[number].textContent)",
        number,
    )


def seconds(text):
    amount, unit = text.split()[:2]
    return float(amount.replace(",", "")) * {"s": 1, "ms": 1e-3, "µs": 1e-6}[unit]


def heading(view, name):
    table = view.page.locator("#comparison")
    return table.get_by_role("columnheader", name=name, exact=True)


def test_table_is_sorted_by_value(opened, reference):
    view = opened(reference)
    first = heading(view, "first epoch")
    before = column(view, "first epoch")
    first.get_by_role("button").click()
    assert first.get_attribute("aria-sort") == "ascending"
    rising = [seconds(text) for text in column(view, "first epoch")]
    assert rising == sorted(seconds(text) for text in before)
    assert column(view, "first epoch") != sorted(column(view, "first epoch"))
    first.get_by_role("button").click()
    assert first.get_attribute("aria-sort") == "descending"
    assert [seconds(text) for text in column(view, "first epoch")] == rising[::-1]
    heading(view, "implementation").get_by_role("button").click()
    assert first.get_attribute("aria-sort") is None
    names = column(view, "implementation")
    assert names == sorted(names)
    assert view.page.locator("[aria-sort]").count() == 1


def test_missing_values_are_sorted_last(opened, absent):
    view = opened(absent)
    button = heading(view, "peak memory").get_by_role("button")
    ends = []
    for _ in range(2):
        button.click()
        ends.append(column(view, "peak memory"))
    assert ends == [["1.00 MiB", "2.00 MiB", "—"], ["2.00 MiB", "1.00 MiB", "—"]]


@pytest.mark.parametrize(
    ("page", "names"),
    [("report", ("objective", "style", "device", "workload")), ("several", ("machine",))],
)
def test_table_is_filtered_by_every_choice(opened, pages, page, names):
    view = opened(pages[page])
    whole = view.page.locator("#comparison tbody tr").count()
    assert view.texts("output") == [f"{whole} of {whole} rows"]
    for name in names:
        choice = view.page.get_by_label(name, exact=True)
        options = choice.locator("option").all_inner_texts()[1:]
        assert len(options) >= 1
        for option in options:
            choice.select_option(option)
            assert set(column(view, name)) == {option}
        choice.select_option("")
        assert len(column(view, name)) == whole


def test_filters_are_combined(opened, reference):
    view = opened(reference)
    whole = len(column(view, "style"))
    view.page.get_by_label("style", exact=True).select_option("tuned")
    view.page.get_by_label("workload", exact=True).select_option("textbook")
    shown = column(view, "implementation")
    assert 0 < len(shown) < whole
    assert set(column(view, "style")) == {"tuned"}
    assert set(column(view, "workload")) == {"textbook"}
    assert view.texts("output") == [f"{len(shown)} of {whole} rows"]


def test_keyboard_sorts_and_opens(opened, reference):
    view = opened(reference)
    page = view.page
    heading(view, "epoch").get_by_role("button").focus()
    page.keyboard.press("Enter")
    assert page.locator("[aria-sort=ascending]").inner_text().startswith("epoch")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    details = page.locator("details").first
    details.locator("summary").focus()
    page.keyboard.press("Enter")
    assert details.locator("table").first.is_visible()


def serious(page):
    """Return what axe finds that keeps people from reading a page, each with where it is."""
    page.evaluate(Path(os.environ["AXE"]).read_text(encoding="utf-8"))
    results = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    assert len(results["passes"]) > 10
    return [
        (violation["id"], violation["nodes"][0]["html"][:200])
        for violation in results["violations"]
        if violation["impact"] in {"serious", "critical"}
    ]


def test_page_is_readable_without_javascript(opened, reference):
    page = opened(reference, java_script_enabled=False).page
    assert page.locator(".still:visible").count() == page.locator("figure").count()
    assert page.locator(".live:visible").count() == 0
    assert page.locator(".scripted:visible, th button").count() == 0
    assert page.locator("#comparison tbody tr:visible").count() > 20


def test_print_has_dark_text_and_pictures(opened, reference):
    page = opened(reference, color_scheme="dark").page
    page.emulate_media(media="print")
    assert luminance(page.evaluate("getComputedStyle(document.body).backgroundColor")) > 0.9
    assert page.locator(".still:visible").count() == page.locator("figure").count()
    assert page.locator(".live:visible, .scripted:visible, nav:visible").count() == 0
    assert page.pdf(format="A4").startswith(b"%PDF")
    widths = "[...document.querySelectorAll('.still')].map((one) => one.naturalWidth)"
    assert min(page.evaluate(widths)) > 100


def test_hostile_text_of_a_record_is_inert(opened, hostile):
    view = opened(hostile)
    assert view.page.locator("img:not(.still)").count() == 0
    assert hostile_run.line(hostile_run.HOSTILE) in [
        hostile_run.line(text) for text in view.page.locator("th").all_text_contents()
    ]
    chart = view.page.locator("figure").filter(has_text="Epoch time, workload sgd")
    chart.locator(".live svg .mark-symbol path").first.hover(force=True)  # one lies on it
    view.page.wait_for_selector("#vg-tooltip-element.visible")
    assert "<script>window.broken" in view.page.locator("#vg-tooltip-element").inner_text()
    assert view.page.evaluate("window.broken") is None
    assert view.sideways == 0


@pytest.mark.parametrize("name", ["index", "several"])
def test_other_pages_fit_small_screens(opened, pages, name):
    assert opened(pages[name], 320).sideways == 0


@pytest.mark.parametrize(
    ("name", "scheme"),
    [("report", "light"), ("report", "dark"), ("index", "light"), ("several", "dark")],
)
def test_axe_finds_nothing_serious(opened, pages, name, scheme):
    page = opened(pages[name], color_scheme=scheme).page
    page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    assert serious(page) == []
