"""A Markdown file of ours as the body of a page; needs the extra ``report``."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from markdown_it.token import Token

# What stands for a token of the Markdown: no HTML for HTML, and a box that a wide table moves in.
_INSTEAD = {
    "html_block": "", "html_inline": "", "table_close": "</table></div>\n",
    "table_open": '<div class="box" tabindex="0" role="group" aria-label="Table"><table>\n',
}  # fmt: skip


class Document(NamedTuple):
    """A title, plain text, and the markup that follows it."""

    title: str
    body: Any


def document(text: str, link: Callable[[str], str], picture: Callable[[str], str]) -> Document:
    """Render a file whose first line is its title.

    link, picture: where a link leads to, and what is shown, from what the file says. HTML in it is
    left out: nothing of a record that a report holds can be any.
    """
    from markdown_it import MarkdownIt
    from markupsafe import Markup

    reader = MarkdownIt("commonmark").enable("table")
    tokens = reader.parse(text)
    for token in _every(tokens):
        for kind, name, leads in (("link_open", "href", link), ("image", "src", picture)):
            if token.type == kind:
                token.attrSet(name, leads(str(token.attrGet(name))))
        if token.attrs.pop("style", None) == "text-align:right":  # no page has styles but its own
            token.attrSet("class", "n")
    title = _name_headings(tokens)
    for name, said in _INSTEAD.items():
        reader.add_render_rule(name, lambda *_, said=said: said)
    rendered = reader.renderer.render(tokens, reader.options, {})
    return Document(title, Markup(rendered))  # noqa: S704 - HTML in the text was left out


def _every(tokens: Sequence["Token"]) -> Iterator["Token"]:
    for token in tokens:
        yield token
        yield from _every(token.children or ())


def _name_headings(tokens: list["Token"]) -> str:
    """Give each heading the name that GitHub gives it; take out the first, and return it."""
    used: dict[str, int] = {}
    title, first = "", None
    for number, token in enumerate(tokens):
        if token.type != "heading_open":
            continue
        said = "".join(each.content for each in tokens[number + 1].children or ()
                       if each.type in {"text", "code_inline"})  # fmt: skip
        if token.tag == "h1" and first is None:
            title, first = said, number
        name = anchor(said)
        used[name] = used.get(name, -1) + 1
        token.attrSet("id", f"{name}-{used[name]}" if used[name] else name)
    if first is not None:
        del tokens[first : first + 3]
    return title


def anchor(heading: str) -> str:
    """Return the name of a heading's place in a page, as GitHub makes it.

    >>> anchor("Slower, or not?")
    'slower-or-not'
    """
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
