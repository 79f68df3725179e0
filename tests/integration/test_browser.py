"""The page in a real browser without a network: run by ``nox -s tests_browser``.

Needs Chromium, and axe-core from npm at the path that the variable AXE names. What is missing is
an error, not a skip: these tests are chosen by their mark, or not at all.
"""

import gzip
import json
import os
import re
import shutil
from pathlib import Path

import pytest
from support import hostile_run
from support.records import case, plan_of, run, trials, write
from support.sweeps import models

import bench
from bench.report import index
from bench.report.base.labels import label_case, select_ranked, select_softmax
from bench.report.base.load import load_run, load_runs
from bench.report.base.numbers import format_factor
from bench.report.opening import make_opening
from bench.report.sections.verdict import Timing, compare_timings
from bench.report.write import write_report

pytestmark = pytest.mark.browser

ROOT = Path(bench.__file__).parents[1]
REFERENCE = ROOT / "results" / "reference"
RUNS = ("amd-epyc-zen5-2-cores", "intel-xeon-2-cores")
LARGEST = "amd-epyc-zen4-2-cores-all"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
SCHEMES = ("light", "dark")
# Between the page's text and the edge of the screen there is this much at least, pixels.
EDGE = 12
WIDTHS = (320, 390, 838, 1400, 1920)
# Letters of charts are 10 pixels high or more, and may shrink to this share where a page is
# narrower than the chart.
SMALLEST = 0.8
# Pixels of the page at 1,400 pixels: seven and a half screens.
HIGHEST = 6_750
OPEN_ALL = "document.querySelectorAll('details').forEach((one) => { one.open = true; })"
# Bytes of the page, and of what a server sends.
HEAVIEST, HEAVIEST_ZIPPED = 1_500_000, 200_000
# On paper.
MAX_SHEETS = 10


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
    runs = [folder / "reference" / name for name in RUNS]
    for path in (runs[0], folder / "reference" / LARGEST):
        write_report([load_run(path)])
    write_report(load_runs(runs), folder / "both")
    (folder / "damaged").mkdir()
    (folder / "damaged" / "run.json").write_text("{")
    return {
        "report": runs[0] / "report.html",
        "largest": folder / "reference" / LARGEST / "report.html",
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


@pytest.mark.parametrize("width", WIDTHS)
def test_page_and_its_charts_fit(opened, reference, width):
    view = opened(reference, width)
    view.page.evaluate(OPEN_ALL)
    charts = view.page.locator(".chart")
    assert charts.count() >= 2  # a third one needs the images of the data
    for number in range(charts.count()):
        picture = charts.nth(number).locator("svg:visible")
        assert picture.count() == 1
        assert picture.locator(":is(path, image)").count() >= 10
        shown = picture.bounding_box()["width"]
        assert shown <= width - 2 * EDGE
        assert shown >= SMALLEST * float(picture.get_attribute("width"))
    assert view.sideways == 0


def test_page_of_most_programs_is_seven_and_a_half_screens_long(opened, pages):
    page = opened(pages["largest"], 1400).page
    assert page.evaluate("document.documentElement.scrollHeight") <= HIGHEST
    # A reader still finds every table: folded where it is no finding by itself.
    assert page.locator("table:visible").count() == 2
    assert page.locator("details.fold table").count() > 5


def test_one_table_at_most_scrolls_on_a_phone(opened, reference):
    wide = """[...document.querySelectorAll('.box')].filter((one) => one.checkVisibility()
        && one.scrollWidth > one.clientWidth + 1).map((one) => one.getAttribute('aria-label'))"""
    assert len(opened(reference, 390).page.evaluate(wide)) <= 1


# The pixels of each letter that is shown: on paper a page that is too wide shrinks.
LETTERS = """() => {
    const page = document.documentElement, sizes = [];
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      const one = texts.currentNode.parentElement;
      if (!texts.currentNode.textContent.trim() || one.closest("script, title, .unseen")) continue;
      if (!one.checkVisibility({ contentVisibilityAuto: true })) continue;
      const scale = one.ownerSVGElement ? one.getScreenCTM() : { a: 1, b: 0 };
      const share = Math.min(1, page.clientWidth / page.scrollWidth) * Math.hypot(scale.a, scale.b);
      sizes.push(share * parseFloat(getComputedStyle(one).fontSize));
    }
    return sizes;
}"""


def test_letters_can_be_read_on_paper_and_on_a_phone(opened, reference):
    # A4 without margins; 6 points are 8 pixels.
    for width, media, least in ((703, "print", 8), (390, "screen", 9)):
        page = opened(reference, width).page
        page.emulate_media(media=media)
        page.evaluate(OPEN_ALL)
        sizes = page.evaluate(LETTERS)
        assert len(sizes) > 1000
        assert min(sizes) >= least


def test_controls_are_as_large_as_a_finger_needs(opened, reference):
    sizes = """[...document.querySelectorAll('input, button, select, summary')]
        .filter((one) => one.checkVisibility({ contentVisibilityAuto: true }))
        .map((one) => Math.min(one.offsetWidth, one.offsetHeight))"""
    sizes = opened(reference, 390).page.evaluate(sizes)
    assert len(sizes) > 20
    assert min(sizes) >= 24


def test_page_is_light(reference):
    assert reference.stat().st_size <= HEAVIEST
    assert len(gzip.compress(reference.read_bytes())) <= HEAVIEST_ZIPPED


CUT_OFF = """[...document.querySelectorAll('svg')].filter((one) => one.checkVisibility())
    .flatMap((svg) => {
      const frame = svg.getBoundingClientRect();
      return [...svg.querySelectorAll('text')].filter((text) => {
        const { left, right } = text.getBoundingClientRect();
        return left < frame.left - 1 || right > frame.right + 1;
      }).map((text) => text.textContent);
    })"""
# A narrow and a wide one: a browser takes another font where the one that a chart names is missing.
FONTS = ("Liberation Sans", "DejaVu Sans")


@pytest.mark.parametrize("font", FONTS)
@pytest.mark.parametrize("width", [390, 1280])
def test_text_of_charts_is_not_cut_off(opened, reference, width, font):
    page = opened(reference, width, bypass_csp=True).page
    page.add_style_tag(content=f".chart text {{ font-family: '{font}' !important; }}")
    assert page.evaluate(CUT_OFF) == []


@pytest.mark.parametrize("font", FONTS)
def test_text_of_pictures_is_not_cut_off(opened, reference, font):
    page = opened(reference, bypass_csp=True).page
    pictures = [*(ROOT / "docs" / "findings").glob("*.svg"), *REFERENCE.glob("releases/*.svg")]
    assert len(pictures) > 10
    for picture in pictures:
        page.set_content(picture.read_text(encoding="utf-8"))
        page.add_style_tag(content=f"text {{ font-family: '{font}' !important; }}")
        assert (picture.name, page.evaluate(CUT_OFF)) == (picture.name, [])


def test_pictures_of_the_findings_can_be_read_on_a_phone(opened, reference):
    page = opened(reference, bypass_csp=True).page
    for picture in (ROOT / "docs" / "findings").glob("*.svg"):
        page.set_content(picture.read_text(encoding="utf-8"))
        size = page.evaluate(
            "() => Math.min(...[...document.querySelectorAll('text')].map("
            "(one) => parseFloat(getComputedStyle(one).fontSize)))"
        )
        width = page.locator("svg").bounding_box()["width"]
        assert (picture.name, size * min(1, 358 / width) >= 9) == (picture.name, True)


def test_slider_shows_who_is_first_and_the_address_keeps_it(opened, reference):
    view = opened(reference)
    page = view.page
    first = view.texts("#standings tbody th")[0]
    slider = page.get_by_label("Epochs to train")
    rule = page.locator(".broad .chosen_marks line")
    five = "From a cold start until 5 epochs are trained"
    assert re.fullmatch(rf"{five}: numpy, .* ms \[.*\]; .* times as long\.", headline(view))
    for _ in range(30):
        slider.press("ArrowRight")
    assert headline(view).startswith("From a cold start until 1,000 epochs are trained: ")
    assert view.texts("#standings tbody th")[0] != first
    assert page.url.endswith("#epochs=1000")
    end = rule.bounding_box()["x"]
    page.reload()
    assert headline(view).startswith("From a cold start until 1,000 epochs are trained: ")
    slider.press("ArrowLeft")
    assert rule.bounding_box()["x"] < end


def test_slider_of_models_shows_who_is_first_and_the_address_keeps_it(opened, tmp_path):
    together = models("together", {1: [4.0] * 3, 10: [5.0] * 3})
    records = [*together, *models("one-processes", {n: [n] * 3 for n in (1, 10)})]
    plan = plan_of(*records, rounds={"many-1": 3, "many-10": 3})
    write_report([load_run(write(tmp_path / "run", plan, *records))])
    view = opened(tmp_path / "run" / "report.html")
    assert headline(view).startswith("From a cold start until 5 epochs are trained: ")
    assert view.texts("#standings tbody th")[0].startswith("one-processes")
    view.page.get_by_label("Models at once").press("ArrowRight")
    assert view.page.url.endswith("#models=10")
    view.page.reload()
    assert "epochs are trained, 10 models at once: together, " in headline(view)
    assert view.texts("#standings tbody th")[0].startswith("together")


def test_choice_orders_the_programs_and_the_address_keeps_it(opened, reference):
    view = opened(reference)
    page = view.page
    slider, choice = page.get_by_label("Epochs to train"), page.get_by_label("Order by")
    choice.select_option("memory")
    assert not slider.is_visible()
    assert page.url.endswith("#quantity=memory")
    page.reload()
    assert view.texts("#standings thead span") == ["memory, MiB"]
    assert headline(view).startswith("Peak memory: ")
    memory = [float(text.replace(",", "")) for text in view.texts("#standings td:nth-child(2)")]
    assert memory == sorted(memory)
    choice.select_option("")
    assert slider.is_visible()
    assert view.texts("#standings thead span") == ["time, s"]


def test_choice_of_a_warm_start_changes_the_times_and_the_address_keeps_it(opened, reference):
    view = opened(reference)
    numba = view.page.locator("#standings tr[data-of=numba] td").first
    cold = numba.text_content()
    view.page.get_by_label("Order by").select_option("warm")
    warm = numba.text_content()
    assert (warm != cold, view.page.url[-14:]) == (True, "#quantity=warm")
    view.page.get_by_label("Epochs to train").press("ArrowRight")
    view.page.reload()
    assert headline(view).startswith("From a warm start until 7 epochs are trained: ")


def test_times_of_the_chooser_are_those_of_the_analysis(opened, reference):
    view, run = opened(reference), load_run(reference.parent)
    standings = {one.key: one for one in make_opening(run).standings}
    slider, choice = (view.page.get_by_label(name) for name in ("Epochs to train", "Order by"))
    for key in ("7", "10 warm", "15 each"):
        slider.press("ArrowRight")
        choice.select_option(key.partition(" ")[2])
        cells = view.texts("#standings tbody tr:not(.absent) :is(th, td:nth-child(2))")
        lines = standings[key].lines
        assert cells == [text for name, time, *_ in lines for text in (name, time)]


def test_sentences_are_those_of_the_analysis_whatever_is_chosen(opened, reference):
    """In every combination of the slider, the order and the base; with scripts and without."""
    view, opening = opened(reference), make_opening(load_run(reference.parent))
    page, standings = view.page, {one.key: one for one in opening.standings}
    select = """([name, value]) => {
        const place = document.getElementById(name);
        place.value = value;
        place.dispatchEvent(new Event(name === "relative" ? "change" : "input", { bubbles: true }));
    }"""
    seen = set()
    for base in ("", "pytorch", "numba"):
        page.evaluate(select, ["relative", base])
        for order in page.locator("#quantity option").evaluate_all(
            "(of) => of.map((o) => o.value)"
        ):
            page.evaluate(select, ["quantity", order])
            for place, epochs in enumerate(key for key in standings if key.isdecimal()):
                page.evaluate(select, ["epochs", str(place)])
                keys = order, f"{epochs} {order}".strip()
                (standing,) = {
                    standings[key].key: standings[key] for key in keys if key in standings
                }.values()
                assert headline(view) == standing.sentence.replace("\u00a0", " ")
                rows = page.locator("#standings tbody tr:not(.absent)")
                texts = [rows.nth(0).locator("th"), rows.nth(0).locator("td").first]
                name, time = (text.text_content().replace("\u00a0", " ") for text in texts)
                assert (name, time) == tuple(standing.lines[0][:2])
                seen.add(headline(view))
    assert len(seen) == sum(" b" not in key for key in standings)
    page.evaluate(select, ["relative", ""])
    plain = opened(reference, java_script_enabled=False)
    for width in (1400, 390):
        page.set_viewport_size({"width": width, "height": 900})
        for one in (view, plain):
            answers = [text.replace("\u00a0", " ") for text in one.texts(".answers li:visible")]
            assert answers == [text.replace("\u00a0", " ") for text in opening.answers]
            assert one.texts("main > p:visible")[1 : 1 + len(opening.remarks)] == opening.remarks
    assert headline(plain) == standings["5"].sentence.replace("\u00a0", " ")


@pytest.mark.parametrize(("width", "highest"), [(1400, 300), (390, 400)])
def test_answer_stands_above_everything_else(opened, pages, width, highest):
    for name in ("report", "largest"):
        page = opened(pages[name], width).page
        first = page.locator(".answers li").first
        assert first.inner_text().startswith("Five epochs from a cold start: numpy")
        assert first.bounding_box()["y"] + first.bounding_box()["height"] < highest
        picture, slider = page.locator("#order"), page.locator("#chooser")
        last = page.locator(".answers li").last.bounding_box()
        assert last["y"] < picture.bounding_box()["y"] < slider.bounding_box()["y"]


def test_row_of_the_picture_leads_to_the_file_of_its_program(opened, reference):
    page = opened(reference).page
    page.locator("#order svg:visible a").first.click()
    row = page.locator("#file-jax")
    assert page.url.endswith("#file-jax")
    assert row.is_visible()
    assert "implementations" not in row.inner_text()
    assert row.inner_text().endswith("idiomatic/softmax_jax.py")


def headline(view):
    """Return the sentence beside the slider."""
    (text,) = view.texts("#standings .headline")
    return text.replace("\u00a0", " ")


def test_phone_shows_eight_programs_until_all_are_asked_for(opened, reference):
    view = opened(reference, 390)
    assert len(view.texts("#standings tbody tr:visible")) == 8
    view.page.get_by_role("button", name="programs").click()
    assert len(view.texts("#standings tbody tr:visible")) == 27


@pytest.mark.parametrize("scheme", SCHEMES)
def test_marks_say_what_they_are(opened, reference, scheme):
    page = opened(reference, color_scheme=scheme).page
    chart = page.locator("#epoch-sgd .chart")
    chart.locator("svg:visible .role-mark :has(> title)").first.hover(force=True)
    tip = page.locator("#tip")
    hovered = tip.inner_text()
    assert re.search(r" · .*\d (ms|s|µs)", hovered)
    page.mouse.move(1, 1)
    assert tip.is_hidden()
    chart.focus()
    texts = set()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
        texts.add(tip.inner_text())
    assert len(texts) == 3
    page.keyboard.press("Escape")
    assert tip.is_hidden()


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
        "[...document.querySelectorAll('.role-axis text, .role-legend text, .role-header text')]"
        ".map((one) => getComputedStyle(one).fill)"
    )
    assert len(letters) > 100
    assert min(contrast(colour, paper) for colour in letters) >= 4.5


def test_switch_changes_the_colours(opened, reference):
    page = opened(reference).page
    of = "getComputedStyle([...document.querySelector('.chart svg').querySelectorAll('{}')].at(-1))"
    looks = [
        "getComputedStyle(document.body).backgroundColor",
        f"{of.format('.role-axis-label text')}.fill",
        f"{of.format('.role-mark.mark-text text')}.fill",
    ]
    before = [page.evaluate(look) for look in looks]
    page.get_by_role("button", name="Dark colours").click()
    after = [page.evaluate(look) for look in looks]
    for paper, *letters in (before, after):
        assert all(contrast(paper, colour) >= 4.5 for colour in letters)
    assert luminance(before[0]) > 0.9
    assert luminance(after[0]) < 0.1
    page.get_by_role("button", name="Light colours").click()
    assert [page.evaluate(look) for look in looks] == before


COMPARISON = "#epoch-time-workload-sgd table"


def column(view, name):
    """Return the texts of a column of the first workload, of the rows that are shown."""
    table = view.page.locator(COMPARISON)
    number = table.locator("thead th").all_inner_texts().index(name)
    return table.evaluate(
        "(table, number) => [...table.tBodies[0].rows]"
        ".filter((row) => row.offsetParent).map((row) => row.cells[number].textContent)",
        number,
    )


def read_features(view):
    """Return by what programs and machines can be chosen, by name."""
    return json.loads(view.page.locator("form.filters script.programs").text_content())


def chosen(view, feature):
    """Return a feature of what the shown rows of the first workload are about."""
    features = read_features(view)
    names = view.page.locator(COMPARISON).evaluate(
        "(table) => [...table.tBodies[0].rows]"
        ".filter((row) => row.offsetParent).flatMap((row) => row.dataset.of.split(' · '))",
    )
    return [features[name][feature] for name in names if feature in features[name]]


def number(text):
    return float(text.split()[0].replace(",", ""))


def heading(view, name):
    return view.page.locator(COMPARISON).get_by_role("columnheader", name=name, exact=True)


def test_table_is_sorted_by_value(opened, reference):
    view = opened(reference)
    first = heading(view, "epoch, ms")
    before = column(view, "epoch, ms")
    first.get_by_role("button").click()
    assert first.get_attribute("aria-sort") == "ascending"
    rising = [number(text) for text in column(view, "epoch, ms")]
    assert rising == sorted(number(text) for text in before)
    assert column(view, "epoch, ms") != sorted(column(view, "epoch, ms"))
    first.get_by_role("button").click()
    view.page.reload()  # the address keeps the order
    assert first.get_attribute("aria-sort") == "descending"
    assert [number(text) for text in column(view, "epoch, ms")] == rising[::-1]
    heading(view, "program").get_by_role("button").click()
    assert first.get_attribute("aria-sort") is None
    names = column(view, "program")
    assert names == sorted(names)
    assert view.page.locator("[aria-sort]").count() == 1


def test_missing_values_are_sorted_last(opened, absent):
    view = opened(absent)
    button = heading(view, "peak memory, MiB").get_by_role("button")
    ends = []
    for _ in range(2):
        button.click()
        ends.append(column(view, "peak memory, MiB"))
    assert ends == [["1.00", "2.00", "—"], ["2.00", "1.00", "—"]]


def test_filters_are_combined(opened, reference):
    view = opened(reference)
    whole = len(column(view, "style"))
    form = view.page.locator("form.filters")
    assert form.locator("output").inner_text() == f"{whole} of {whole} programs"
    form.get_by_label("style", exact=True).select_option("idiomatic")
    form.get_by_label("objective", exact=True).select_option("softmax")
    shown = column(view, "program")
    assert 0 < len(shown) < whole
    assert set(chosen(view, "style")) == {"idiomatic"}
    assert set(chosen(view, "objective")) == {"softmax"}
    said = f"{len(shown)} of {whole} programs; sentences are about all"
    assert form.locator("output").inner_text() == said


def ratios(view, selector):
    """Return the shown ratios of a table by the program, in its order."""
    return view.page.locator(f"{selector}:has-text('×') >> nth=0").evaluate(
        """(table) => {
          const headings = [...table.tHead.rows[0].cells];
          const place = headings.findIndex((one) => one.textContent.startsWith("×"));
          const shown = [...table.tBodies[0].rows].filter((row) => row.checkVisibility());
          const texts = shown.map((row) => [row.dataset.of, row.cells[place].textContent]);
          return Object.fromEntries(texts);
        }"""
    )


def compare_by(rows, list_times):
    return compare_timings([Timing(row, list_times(row)) for row in rows])


def test_ratios_to_any_program_are_those_of_the_analysis(opened, reference):
    view, run = opened(reference), load_run(reference.parent)
    view.page.evaluate(OPEN_ALL)
    view.page.get_by_role("button", name="All programs").click()
    view.page.get_by_label("Epochs to train").press("ArrowRight")
    rows = select_softmax(select_ranked(run.rows, run.workload))
    tables = {
        "#standings table": compare_by(rows, lambda row: row.sum_epochs(7)),
        COMPARISON: compare_by(rows, lambda row: row.epochs_by_round),
        "#predicting table": compare_by(rows, lambda row: row.prediction.by_round),
    }
    for base in ("", *(label_case(row.case) for row in rows)):
        view.page.get_by_label("relative to").select_option(base)
        for selector, table in tables.items():
            shown = {name: text for name, text in ratios(view, selector).items() if text != "—"}
            assert shown == {
                name: format_factor(table.estimate(name, base or table.fastest)) for name in shown
            }
            assert len(shown) == len(rows)


def test_nothing_is_relative_to_a_row_that_is_not_shown(opened, reference):
    view = opened(reference)
    page = view.page
    page.evaluate(OPEN_ALL)
    tables = ("#standings table", COMPARISON, "#epoch-time-workload-textbook table")
    before = [ratios(view, one) for one in tables]
    families = {name: of["family"] for name, of in read_features(view).items() if "family" in of}
    for family in ("PyTorch", "JAX"):
        page.get_by_label(family, exact=True).check()
    for one in tables:
        (first, *others) = ratios(view, one).values()
        assert (first, "1" in others) == ("1", False)
        assert {families[name] for name in ratios(view, one)} == {"PyTorch", "JAX"}
    # What is chosen stays, and the address keeps it.
    page.get_by_label("relative to").select_option("numba")
    page.reload()
    page.evaluate(OPEN_ALL)
    assert [ratios(view, one)["numba"] for one in tables] == ["1"] * 3
    page.get_by_label("relative to").select_option("")
    for family in ("PyTorch", "JAX"):
        page.get_by_label(family, exact=True).uncheck()
    assert [ratios(view, one) for one in tables] == before


def test_columns_of_machines_are_relative_to_any_row(opened, pages):
    page = opened(pages["several"]).page
    table = page.locator(".sections table.sortable").first
    heading, cells = table.locator("thead th").last, table.locator("tr[data-of=jax] td")
    choice = page.get_by_label("relative to", exact=True)
    before, base = cells.all_inner_texts(), heading.inner_text().split("× ")[1].split()[0]
    choice.select_option("jax")
    assert heading.inner_text().startswith("range, × jax")
    assert page.locator("h3").first.inner_text().startswith("An epoch, × jax, sgd")
    assert (len(before), set(cells.all_inner_texts())) == (3, {"1.0"})
    ratio = table.locator(f"tr[data-of={base}] td").first.inner_text()
    assert float(ratio) == pytest.approx(1 / float(before[0]), rel=0.05)
    page.reload()
    assert set(cells.all_inner_texts()) == {"1.0"}
    choice.select_option("")
    assert cells.all_inner_texts() == before


# What a page shows of programs: rows, and the marks and labels of charts that did not fade.
VIEW = """() => ({
    rows: [...document.querySelectorAll("tr[data-of]")].filter((row) => row.checkVisibility())
        .map((row) => row.textContent),
    faded: [...document.querySelectorAll(".chart .faded")].length,
    epochs: document.querySelector("#epochs").value,
})"""
# The programs of the marks and labels of a chart of epochs: those that are shown, and the others.
MARKS = """(chart) => {
    const names = { true: new Set(), false: new Set() };
    for (const part of chart.querySelectorAll("[data-of], :has(> title), .role-axis-label text")) {
        const name = part.dataset.of ?? part.textContent.split(" · ")[0];
        names[Number(getComputedStyle(part).opacity) > 0.5].add(name);
    }
    return [[...names.true], [...names.false]];
}"""


def test_filter_fades_what_is_not_chosen_in_charts(opened, reference):
    view = opened(reference)
    styles = {name: of["style"] for name, of in read_features(view).items() if "style" in of}
    chart = view.page.locator("#epoch-sgd svg:visible")
    # A bar, a tick and a number of each.
    assert chart.locator("[data-of]").count() == 3 * len(styles)
    for style in ("tuned", "idiomatic"):
        view.page.get_by_label("style", exact=True).select_option(style)
        shown, faded = chart.evaluate(MARKS)
        assert {name for name in shown if name in styles} == {
            name for name, of in styles.items() if of == style
        }
        assert {*faded} == {name for name, of in styles.items() if of != style}
        assert view.page.locator("#cold-epochs svg:visible .faded").count() > 4
    view.page.get_by_label("style", exact=True).select_option("")
    assert view.page.locator(".faded, tr[data-of][hidden]").count() == 0


def test_link_shows_the_same_view(opened, reference):
    from playwright.sync_api import expect

    view = opened(reference)
    page = view.page
    whole = page.evaluate(VIEW)
    page.get_by_label("Epochs to train").press("ArrowRight")
    page.get_by_label("style", exact=True).select_option("tuned")
    page.get_by_role("link", name="Which one should I use?").click()
    expect(page).to_have_url(re.compile("#epochs=7&style=tuned&at="))
    link, before = page.url, page.evaluate(VIEW)
    assert len(before["rows"]) < len(whole["rows"])
    assert before["faded"] > 100
    page.goto("about:blank")
    page.goto(link)
    assert page.evaluate(VIEW) == before
    place = page.locator(f"[id='{link.partition('&at=')[2]}']")
    assert -10 < place.bounding_box()["y"] < 200


def test_keyboard_sorts(opened, reference):
    view = opened(reference)
    page = view.page
    heading(view, "epoch, ms").get_by_role("button").focus()
    page.keyboard.press("Enter")
    assert page.locator("[aria-sort=ascending]").inner_text().startswith("epoch")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


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
    for fold in page.locator("details.fold > summary").all():
        fold.click()
    assert page.locator(".chart svg:visible").count() == page.locator("figure").count()
    assert page.locator(".scripted:visible, th button").count() == 0
    assert page.locator("table.sortable tbody tr:visible").count() > 20


def test_print_has_dark_text_and_pictures(opened, reference):
    page = opened(reference, color_scheme="dark").page
    page.emulate_media(media="print")
    assert luminance(page.evaluate("getComputedStyle(document.body).backgroundColor")) > 0.9
    assert page.locator(".chart svg:visible").count() == page.locator("figure").count()
    assert page.locator(".scripted:visible, nav:visible").count() == 0
    # A folded table that is wider than a sheet is none of them.
    hidden = page.locator("details .vast > table")
    assert (hidden.count(), hidden.locator("visible=true").count()) == (2, 0)
    assert page.locator("table:visible").count() == page.locator("table").count() - 2
    sheets = re.findall(rb"/Type /Page\b", page.pdf(format="A4"))
    assert 2 <= len(sheets) <= MAX_SHEETS


def test_first_sheet_has_the_opening_with_its_chart(opened, reference):
    page = opened(reference).page
    page.emulate_media(media="print")
    page.evaluate("document.querySelectorAll('.sections, .pair').forEach((one) => one.remove())")
    chart = page.locator("#order .chart svg:visible")
    assert chart.count() == 1
    assert len(re.findall(rb"/Type /Page\b", page.pdf(format="A4"))) == 1


def test_table_that_is_cut_off_has_a_shadow_at_its_edge(opened, reference):
    cut = """[...document.querySelectorAll('.box')]
        .filter((one) => one.scrollWidth > one.clientWidth)
        .map((one) => getComputedStyle(one).backgroundImage.split('linear-gradient').length - 1)"""
    shadows = opened(reference, 390).page.evaluate(cut)
    assert shadows
    assert set(shadows) == {2}


def test_tables_have_captions(opened, pages):
    for page in pages.values():
        tables = opened(page).page.locator("table:visible")
        captions = tables.locator("caption").all_text_contents()
        assert len(captions) == tables.count()
        assert all(text.strip() for text in captions)


def test_hostile_text_of_a_record_is_inert(opened, hostile):
    view = opened(hostile)
    assert view.page.locator("img").count() == 0
    assert hostile_run.line(hostile_run.HOSTILE) in [
        hostile_run.line(text) for text in view.page.locator("th").all_text_contents()
    ]
    chart = view.page.locator("figure").filter(has_text="Epoch time, workload sgd")
    chart.locator("svg:visible .mark-symbol :has(> title)").first.hover(force=True)
    assert "<script>window.broken" in view.page.locator("#tip").inner_text()
    assert view.page.evaluate("window.broken") is None
    assert view.sideways == 0


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["index", "several"])
def test_other_pages_fit(opened, pages, name, width):
    assert opened(pages[name], width).sideways == 0


@pytest.mark.parametrize(
    ("name", "scheme"),
    [("report", "light"), ("report", "dark"), ("index", "light"), ("several", "dark")],
)
def test_axe_finds_nothing_serious(opened, pages, name, scheme):
    page = opened(pages[name], color_scheme=scheme).page
    page.evaluate(OPEN_ALL)
    assert serious(page) == []
