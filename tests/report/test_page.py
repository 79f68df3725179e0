"""The page has what report.md has, in one file; test_browser.py looks at it."""

import json
import re
from html.parser import HTMLParser

import pytest
from support import hostile_run
from support.hostile_run import HOSTILE, line
from support.records import bare, case, run, trials, write

from bench.report.charts.chart import find_data_sets
from bench.report.load import load_run
from bench.report.render import page
from bench.report.write import write_report

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
        return [line(one["text"]) for one in self.all(tag, **attributes)]


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
        *trials(cases[0], 0.09, 0.09),
        *trials(cases[1], 1.0, 1.0, peak_rss_bytes=None),
        bare(cases[2], status="failed", reason="it lied"),
        *trials(other, 0.2, 0.2),
        bare(textbook, status="timeout", reason="more than 600 s"),
    ]
    folder = tmp_path_factory.mktemp("small") / "run"
    planned = run(*cases, other, textbook, rounds={"sgd": 3, "textbook": 1})
    return read(write(folder, planned, *records))


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    return read(hostile_run.write(tmp_path_factory.mktemp("hostile") / "run"))


def test_page_has_the_findings_before_the_sections(small):
    assert small.texts("h1") == ["Softmax classifier: the frameworks compared"]
    headings = small.texts("h2")
    assert headings[:2] == ["The frameworks compared", "Workload sgd: SGD(learning_rate=0.05)"]
    assert headings[-1] == "Machine and software"
    assert len(headings) == 16
    finding = small.texts("p", class_="finding")
    assert finding[0].startswith(
        "Workload sgd: On this 2-core Test CPU, 8 GiB, fast trains fastest: 90.0 ms"
    )
    assert any(text.startswith("5 planned trials are missing") for text in small.texts("p"))
    assert "No trial of this workload succeeded; see below." in small.texts("p")


def test_links_of_the_contents_lead_to_headings(small):
    (contents,) = small.all("nav")
    links = [one["href"] for one in small.all("a")]
    assert links == [f"#{one['id']}" for one in small.all("section")]
    assert line(contents["text"]) == " ".join(small.texts("h2"))
    assert len(set(links)) == len(links)


def rows(found):
    table = found.partition('id="comparison"')[2].partition("</table>")[0]
    return Reader(f"<table{table}</table>")


def test_comparison_has_sort_keys_and_filters(tmp_path):
    cases = [case("b"), case("a", device="gpu", style="tuned"), case("c", objective="one-vs-rest")]
    odd = trials(cases[2], 0.2, 0.2, peak_rss_bytes=None)
    records = [*trials(cases[0], 0.0012, 0.0012), *trials(cases[1], 1.2, 1.2), *odd]
    write_report([load_run(write(tmp_path / "run", run(*cases), *records))])
    found = rows((tmp_path / "run" / "report.html").read_text(encoding="utf-8"))
    headings = found.texts("th", scope="col")
    assert headings[:4] == ["implementation", "workload", "device", "epoch"]
    assert headings[-1] == "data"
    assert found.texts("th", scope="row") == ["b", "c", "a"]
    cells = found.all("td")
    width = len(headings) - 1
    epoch, memory = headings.index("epoch") - 1, headings.index("peak memory") - 1
    epochs = [cells[epoch + width * number] for number in range(3)]
    assert [one["text"] for one in epochs] == [
        "1.20 ms [1.20, 1.20]",
        "200 ms [200, 200]",
        "1.20 s [1.20, 1.20]",
    ]
    assert [float(one["data-key"]) for one in epochs] == pytest.approx([0.0012, 0.2, 1.2])
    absent = cells[memory + width]
    assert (absent["text"], "data-key" in absent) == ("—", False)
    assert float(cells[memory]["data-key"]) == 2**29
    chosen = [{key: one[f"data-{key}"] for key in page.FILTERS} for one in found.all("tr")[1:]]
    assert chosen[2] == {
        "objective": "softmax",
        "style": "tuned",
        "device": "gpu",
        "workload": "sgd",
    }


def test_chart_has_text_picture_numbers_and_specification(small):
    figures = small.all("figure")
    assert len(figures) == 4
    assert all(int(one["width"]) > int(one["height"]) > 50 for one in small.all("img"))
    titles = [one["aria-label"] for one in small.all("div", role="img")]
    assert titles == [one["alt"] for one in small.all("img")]
    assert titles[0] == "Epoch time of each implementation, workload sgd"
    assert all(one["src"].startswith("data:image/svg+xml;base64,") for one in small.all("img"))
    captions = small.texts("figcaption")
    assert captions[:2] == ["Epoch time, workload sgd", "Cold start, workload sgd"]
    assert small.texts("summary") == ["The numbers behind this chart"] * 4
    assert "slowidiomaticsoftmax1,0001,0001,0001,000" in small.texts("details")[0]
    specifications = small.all("script", type="application/json")
    first, second, *_ = (json.loads(one["text"]) for one in specifications)
    names = [point["name"] for point in first["data"]["values"]]
    assert names == ["fast", "ovr (one-vs-rest)", "slow"]
    assert "title" not in first
    assert second["mark"]["type"] == "bar"


def test_page_loads_nothing(small):
    addresses = [
        one[key]
        for one in small.elements
        for key in ("href", "src", "action", "data")
        if key in one
    ]
    assert addresses
    assert all(address.startswith(("#", "data:")) for address in addresses)


def test_hostile_text_becomes_no_element(small, hostile):
    assert {one["tag"] for one in hostile.elements} == {one["tag"] for one in small.elements}
    assert len(hostile.all("script")) - len(hostile.all("figure")) == 4
    assert len(small.all("script")) - len(small.all("figure")) == 4
    allowed = {
        "tag",
        "text",
        "class",
        "id",
        "href",
        "src",
        "alt",
        "role",
        "aria-label",
        "tabindex",
        "scope",
        "name",
        "for",
        "value",
        "type",
        "hidden",
        "content",
        "charset",
        "http-equiv",
        "loading",
        "width",
        "height",
        "rel",
        "lang",
        "data-key",
    }
    allowed |= {f"data-{name}" for name in page.FILTERS}
    assert {key for one in hostile.elements for key in one} <= allowed


def test_hostile_text_is_still_readable(hostile):
    said = line(HOSTILE)
    names = hostile.texts("th", scope="row")
    assert {said, f"second {said}"} <= set(names)
    failed = [text for text in hostile.texts("tr") if f"failed {said}" in text]
    assert [text for text in failed if text.endswith(said)]
    assert hostile.texts("pre") == [f'python -m bench run {said}"']
    (opening,) = hostile.texts("p", class_="opening")
    assert opening.startswith(f"Measured on {said}, started")
    assert any(said in text for text in hostile.texts("p", class_="finding"))


def test_specification_cannot_end_its_element(hostile):
    for one in hostile.all("script", type="application/json"):
        assert not re.search("[<>&\u2028\u2029]", one["text"])
    texts = [one["text"] for one in hostile.all("script", type="application/json")]
    sets = [each for text in texts for each in find_data_sets(json.loads(text))]
    points = [point for each in sets for point in each]
    assert line(HOSTILE) in {line(point["name"]) for point in points if "name" in point}


def test_run_without_a_trial_has_a_page(tmp_path):
    found = read(write(tmp_path / "run", run(case())))
    assert not found.all("figure")
    assert not found.all("form")
