"""The page has what report.md has, in one file; test_browser.py looks at it."""

import json
import re
from html.parser import HTMLParser

import pytest
from support.hostile_run import HOSTILE, line
from support.records import HERE, bare, case, run, trials, write

from bench.analysis.summary import summarize
from bench.report.base.labels import list_features
from bench.report.base.load import load_run
from bench.report.base.parts import Section, Table
from bench.report.sections.costs.workload import NOTHING_WELL, tabulate_comparison
from bench.report.write import render_html, write_report

VOID = {"meta", "link", "img", "br", "hr", "input"}


class Reader(HTMLParser):
    """A page as a browser reads it: its elements with their attributes and their text."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.elements = [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        element = {"tag": tag, "text": "", **dict(attrs)}
        self.elements.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag):
        assert self.open.pop()["tag"] == tag

    def handle_data(self, data):
        for element in self.open:
            element["text"] += data

    def all(self, tag, **attributes):
        wanted = {"tag": tag, **{key.strip("_"): value for key, value in attributes.items()}}
        return [element for element in self.elements if wanted.items() <= element.items()]

    def texts(self, tag, **attributes):
        return [line(element["text"]) for element in self.all(tag, **attributes)]


def render(sections, **more):
    return Reader(render_html("t", [], sections=sections, charts={}, **more))


def read(folder):
    write_report([load_run(folder)])
    return Reader((folder / "report.html").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """The page of a run of both workloads, one of which nothing went well in, and a failure."""
    cases = [case("fast", framework="jax", style="tuned"), case("slow"), case("wrong")]
    other = case("ovr", objective="one-vs-rest", framework="scikit-learn")
    textbook = case("fast", workload="textbook")
    records = [
        *trials(cases[0], 0.09, 0.09, phase_rss_bytes={"import": 2**20, "start": 2**21}),
        *trials(cases[1], 1.0, 1.0, peak_rss_bytes=None),
        bare(cases[2], status="failed", reason="it lied"),
        *trials(other, 0.2, 0.2),
        bare(textbook, status="timeout", reason="more than 600 s"),
    ]
    folder = tmp_path_factory.mktemp("small") / "run"
    planned = run(*cases, other, textbook, rounds={"sgd": 3, "textbook": 1})
    return read(write(folder, planned, *records))


def test_page_has_the_findings_before_the_sections(small):
    title = "One softmax classifier, 3 frameworks: which one should train it?"
    assert small.texts("h1") == [title]
    assert small.texts("title")[0] == f"2-core Test CPU, 8 GiB · 2 Jan 2025 · {title}"
    (description,) = small.all("meta", name="description")
    assert description["content"].startswith("Five epochs from a cold start: fast")
    sentences = small.texts("li")
    assert [text.split(",")[0] for text in sentences[:3]] == [
        "Five epochs from a cold start: fast",
        "Many epochs: fast",
        "An epoch in PyTorch: 1.00 s in slow.",
    ]
    headings = small.texts("h2")
    (finding,) = (text for text in headings if text.startswith("An epoch, once running: "))
    assert f"Many epochs: {finding.removeprefix('An epoch, once running: ')}" in sentences
    assert headings[-2:] == ["Machine and software", "Check and repeat"]
    assert f"Epoch time, workload textbook {NOTHING_WELL}" in small.texts("p")


def test_finding_is_the_heading_and_groups_are_the_contents():
    sections = [
        Section("a", finding="one <b>", group="first", text="*x*"),
        Section("b", group="first", text="*x*"),
        Section("c", empty="nothing"),
    ]
    view = render(sections)
    assert view.texts("h2") == ["one <b>", "b"]
    assert view.texts("p", class_="subtitle") == ["a"]
    assert view.texts("p", id="c") == ["c nothing"]
    links = [(link["text"], link["href"]) for link in view.all("a")]
    assert links[1:] == [("first", "#a"), ("c", "#c")]


def test_comparison_has_sort_keys_and_filters():
    cases = [case("b"), case("a", device="gpu", style="tuned"), case("c", objective="one-vs-rest")]
    records = [*trials(cases[0], 0.0012, 0.0012), *trials(cases[1], 1.2, 1.2)]
    records += trials(cases[2], 0.2, 0.2, peak_rss_bytes=None)
    rows = summarize(records, HERE)
    sections = [Section("epochs", [tabulate_comparison(rows, rows)])]
    view = render(sections, features=list_features(rows))
    choices = [select["name"] for select in view.all("select")]
    assert choices == ["style", "objective", "device", "relative"]
    assert view.texts("th", scope="row") == ["b", "c (one-vs-rest)", "a"]
    headings, cells = view.texts("th", scope="col"), view.all("td")
    width = len(headings) - 1
    lines = [
        dict(zip(headings[1:], cells[start : start + width], strict=True))
        for start in range(0, len(cells), width)
    ]
    assert lines[2]["epoch, ms"]["text"] == "1,200 [1,200, 1,200]"
    keys = [float(line["epoch, ms"]["data-key"]) for line in lines]
    assert keys == pytest.approx([0.0012, 0.2, 1.2])
    assert float(lines[0]["peak memory, MiB"]["data-key"]) == pytest.approx(2**29)
    assert lines[1]["peak memory, MiB"]["text"] == "—"
    assert "data-key" not in lines[1]["peak memory, MiB"]
    programs = [line.get("data-of") for line in view.all("tr")[1:]]
    assert programs == ["b", "c (one-vs-rest)", "a (gpu)"]
    (script,) = view.all("script", type="application/json")
    features = {"family": "PyTorch", "style": "tuned", "objective": "softmax", "device": "gpu"}
    assert json.loads(script["text"])["a (gpu)"] == features


def test_every_part_of_a_section_is_there_and_escaped():
    table = Table(f"t {HOSTILE}", ("name", f"h {HOSTILE}"), [[HOSTILE, "1"], ["b", HOSTILE]], 1)
    section = Section(f"s {HOSTILE}", [table], text="*x*", remarks=[f"r {HOSTILE}"])
    view = render([section, Section("e", empty="*nothing*")])
    text = line(HOSTILE)
    assert view.texts("h2") == [f"s {text}"]
    assert view.texts("h3") == [f"t {text}"]
    assert view.texts("th") == ["name", f"h {text}", text, "b"]
    cells = [(cell["text"], cell["class"]) for cell in view.all("td")]
    assert cells == [("1", "n"), (HOSTILE, "n")]
    assert f"r {text}" in view.texts("li")
    assert view.texts("em") == ["x", "nothing"]
    assert len(view.all("script")) == 7


def test_chart_is_drawn_twice_with_tooltips(small):
    assert len(small.all("figure")) == 2
    (_, first) = small.all("div", role="img")
    assert first["tabindex"] == "0"
    assert len(small.all("svg")) == 2 * 2
    epochs = "Epoch time, workload sgd bars: 95 % intervals; rings: processes"
    assert small.texts("figcaption")[1] == epochs
    tips = small.texts("title")
    for tip in ("process of round 2 · 1.00 s", "idiomatic · epoch 1.00 s [1.00, 1.00] · 2 proc"):
        assert sum(text.startswith(f"slow · 2 threads · {tip}") for text in tips) == 2
    ids = [element["id"] for element in small.elements if "id" in element]
    assert len(ids) == len(set(ids))


def test_hostile_text_becomes_no_element_or_attribute(small, hostile):
    view = Reader((hostile / "report.html").read_text(encoding="utf-8"))
    assert {of["tag"] for of in view.elements} <= {of["tag"] for of in small.elements}
    theirs, ours = ({name for of in page.elements for name in of} for page in (view, small))
    assert theirs <= ours
    data = view.all("script", type="application/json")
    assert len(view.all("script")) - len(data) == 7
    assert not any(re.search("[<>&\u2028\u2029]", script["text"]) for script in data)
    text = line(HOSTILE)
    assert {text, f"second {text}"} <= set(view.texts("th", scope="row"))
    assert view.texts("pre") == [f'python -m bench run {text}"', "softmax-bench report run"]
    assert view.texts("p", class_="opening")[0].startswith(f"{text} · ")
    assert view.texts("title")[0].startswith(f"{text} · ")


def test_run_without_a_trial_has_a_page(tmp_path):
    view = read(write(tmp_path / "run", run(case())))
    assert not view.all("figure")
    assert not view.all("form")


@pytest.mark.parametrize(
    ("heading", "cell", "count", "widths"),
    [
        *(("b", "x" * 38, 1, ["wide"]), ("b", "x", 1, []), ("b" * 38, "x", 1, ["wide"])),
        *(("b " * 19, "x", 1, []), ("b", "x" * 38, 3, ["wide", "vast"])),
    ],
)
def test_table_with_long_lines_is_wide(heading, cell, count, widths):
    table = Table("t", ("a", *[heading] * count), [["x" * 200, *[cell] * count]], 2)
    assert table.widths == widths
    box = f'class="{" ".join(["box", *widths])}"'
    assert box in render_html("t", [], sections=[Section("s", [table])], charts={})
