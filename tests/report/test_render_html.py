"""A page is one file under a policy that lets nothing else run, and text in it stays text."""

import base64
import hashlib
import re
from html import unescape

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bench.report.render import html
from bench.report.render.text import escape

# Unescaped, as no sentence of ours is: what is left when an escape was forgotten.
RAW = "a <script>x</script> [e](javascript:x) ![f](g) <b>&amp; <http://h.example>"


@pytest.fixture
def templates(tmp_path, monkeypatch):
    """Templates of the test beside those of the suite."""
    for file in html.TEMPLATES.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    text = '{% extends "base.html.j2" %}{% block main %}{{ said }}{{ note|prose }}{% endblock %}'
    (tmp_path / "own.html.j2").write_text(text)
    monkeypatch.setattr(html, "TEMPLATES", tmp_path)
    return tmp_path


def written(**values):
    return html.page("own.html.j2", **{"title": "t", "said": "s", "note": "n", **values})


def policy_of(text):
    (found,) = re.findall(r'<meta http-equiv="Content-Security-Policy" content="(.*?)">', text)
    return dict(part.split(" ", 1) for part in unescape(found).split("; "))


def hashes(texts):
    digests = [hashlib.sha256(text.encode()).digest() for text in texts]
    return [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests]


def test_what_may_run_is_named_by_its_hash_and_nothing_is_fetched(templates):
    text = written(scripts=["one()", "two('ü')"])
    found = policy_of(text)
    assert found["default-src"] == "'none'"
    assert found["img-src"] == "data:"
    assert found["base-uri"] == found["form-action"] == "'none'"
    scripts = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    assert scripts[1:] == ["one()", "two('ü')"]
    assert found["script-src"].split() == hashes(scripts)
    styles = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    assert found["style-src"].split() == hashes(styles)
    assert text.index("Content-Security-Policy") < text.index("<style>") < text.index("<script>")


def test_no_program_ends_before_its_end_or_has_other_line_ends_than_a_browser_reads(templates):
    text = written(scripts=["a = '</script><b>'\r\nb = '<!-- </SCRIPT'\rc"])
    ours = text.partition("a = ")[2]
    assert ours.startswith("'<\\/script><b>'\nb = '<\\!-- <\\/SCRIPT'\nc</script>")
    assert "\r" not in ours


def test_text_of_a_value_stays_text(templates):
    text = written(title="<i>", said="<script>x</script>", note=RAW)
    assert "<title>&lt;i&gt;</title>" in text
    assert "&lt;script&gt;x&lt;/script&gt;" in text
    main = text.partition("<main>")[2].partition("</main>")[0]
    assert re.findall("<[^>]*>", main) == []


def test_a_value_that_is_missing_is_an_error_and_not_an_empty_place(templates):
    import jinja2

    with pytest.raises(jinja2.UndefinedError, match="said"):
        html.page("own.html.j2", title="t", note="n")


def test_prose_is_rendered():
    assert html.prose("**a** of `b`, *c*") == "<strong>a</strong> of <code>b</code>, <em>c</em>"
    assert html.prose("- a\n- b\n") == "<ul>\n<li>a</li>\n<li>b</li>\n</ul>\n"


@given(st.text())
@example("a_b **c** `d` <e> &lt; [f](g) ![h](i) \\ # | ~~j~~")
@example("1. x")
@example("    x")
def test_any_text_of_a_record_is_read_back_as_it_was(text):
    found = str(html.prose(escape(text)))
    assert "<" not in found
    # A NUL is no character of a page: the standard puts U+FFFD in its place.
    assert unescape(found) == " ".join(text.split()).replace("\0", "\ufffd")


@given(st.text(alphabet="<>script/=![]()`*_&;a \\:#"))
@example(RAW)
def test_no_text_becomes_an_element_that_does_anything(text):
    found = set(re.findall(r"<\s*/?\s*([a-z]+)[^>]*>", str(html.prose(text))))
    assert found <= {"strong", "em", "code", "br"}


def test_an_anchor_is_made_of_letters_and_numbers():
    assert html.anchor("Workload sgd: SGD(rate=0.05)") == "workload-sgd-sgd-rate-0-05"
    assert html.anchor('"><script>') == "script"


def test_a_picture_is_carried_by_its_address():
    assert html.data_uri("<svg>ü</svg>") == "data:image/svg+xml;base64,PHN2Zz7DvDwvc3ZnPg=="
