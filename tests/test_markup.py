"""A Markdown file becomes markup that leads where it is told to, and holds no HTML of its own."""

import pytest

from bench.report.markup import anchor, document


def rendered(text, link=str, picture=str):
    return document(text, link, picture)


def test_the_first_line_is_the_title_and_no_part_of_the_body():
    found = rendered("# A *title* of `two`\n\nText.\n\n## Next\n")
    assert found.title == "A title of two"
    assert str(found.body) == '<p>Text.</p>\n<h2 id="next">Next</h2>\n'


def test_a_file_without_a_title_has_none():
    assert rendered("Text.\n") == ("", "<p>Text.</p>\n")
    assert rendered("## Later\n").title == ""


@pytest.mark.parametrize(
    ("heading", "name"),
    [
        ("Slower, or not?", "slower-or-not"),
        ("The JSON of `bench compare`", "the-json-of-bench-compare"),
        ("What is wrong cannot pass", "what-is-wrong-cannot-pass"),
        ("Über 2_3 & 4", "über-2_3--4"),
    ],
)
def test_a_heading_has_the_name_that_github_gives_it(heading, name):
    assert f'<h2 id="{name}">' in rendered(f"# Title\n\n## {heading}\n").body
    assert anchor(heading.replace("`", "")) == name


def test_headings_of_one_name_are_told_apart():
    body = rendered("# T\n\n## Same\n\n## Same\n\n### Same\n").body
    assert [f'id="{name}"' in body for name in ("same", "same-1", "same-2")] == [True] * 3


def test_links_and_pictures_lead_where_they_are_told_to_wherever_they_stand():
    text = "- [a](one.md)\n\n| [b](two.md) |\n|---|\n| **[c](three.md#x)** ![d](four.svg) |\n"
    body = rendered(text, lambda href: f"to/{href}", lambda source: f"data:{source}").body
    for href in ("one.md", "two.md", "three.md#x"):
        assert f'href="to/{href}"' in body
    assert '<img src="data:four.svg" alt="d"' in body


def test_html_is_left_out_and_what_is_escaped_stays_text():
    text = "# T\n\n<!-- mark -->\nOne <b>two</b> &lt;script&gt; \\<i>.\n\n<script>x</script>\n"
    body = rendered(text).body
    assert "mark" not in body
    assert "<script" not in body
    assert "<b>" not in body
    assert "&lt;script&gt; &lt;i&gt;" in body


def test_a_link_that_would_run_is_no_link():
    assert "href" not in rendered("[x](javascript:alert(1)) [y](data:text/html,z)\n").body


def test_a_wide_table_moves_in_its_own_box():
    body = rendered("| a | b |\n|---|--:|\n| 1 | 2 |\n").body
    assert body.startswith('<div class="box" tabindex="0" role="group" aria-label="Table"><table>')
    assert body.rstrip().endswith("</table></div>")
    assert '<td class="n">2</td>' in body
    assert "style=" not in rendered("| a | b | c |\n|:--|--:|:-:|\n| 1 | 2 | 3 |\n").body
