"""Pages that are one file each and ask no address for anything; needs the extra ``report``."""

import base64
import hashlib
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

TEMPLATES = Path(__file__).parents[1] / "templates"


def page(template: str, *, scripts: Sequence[str] = (), **values: Any) -> str:
    """Fill a template that extends ``base.html.j2``; whatever a value holds is text.

    scripts: programs of ours, in their order, after the one that switches the colours.
    """
    import jinja2
    from markupsafe import Markup

    loaded = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True,
        lstrip_blocks=True, keep_trailing_newline=True, undefined=jinja2.StrictUndefined,
    )  # fmt: skip
    loaded.filters |= {"prose": prose, "anchor": anchor, "data_uri": data_uri}
    style = part("style.css")
    programs = [_enclosed(script) for script in (part("colours.js"), *scripts)]
    return loaded.get_template(template).render(
        policy=policy(programs, [style]), style=Markup(style),  # noqa: S704 - our own files
        scripts=[Markup(script) for script in programs], **values,  # noqa: S704 - our own files
    )  # fmt: skip


def part(name: str) -> str:
    """Return a style sheet or a program of ours."""
    return (TEMPLATES / name).read_text(encoding="utf-8")


def _enclosed(script: str) -> str:
    """Make a program one that no text in it can end, with the line ends that a browser reads."""
    script = script.replace("\r\n", "\n").replace("\r", "\n")
    return re.sub("<(/script|!--)", r"<\\\1", script, flags=re.IGNORECASE)


def policy(scripts: Iterable[str], styles: Iterable[str]) -> str:
    """Return the policy under which nothing runs but these, and nothing is fetched at all.

    Pictures may be those that the page carries itself.
    """
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src {_hashes(scripts)}",
            f"style-src {_hashes(styles)}",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )


def _hashes(texts: Iterable[str]) -> str:
    digests = (hashlib.sha256(text.encode()).digest() for text in texts)
    return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)


def prose(text: str) -> Any:
    """Render a sentence or a list in Markdown, as markup.

    HTML in it stays text, and there are neither links nor pictures: it may hold names of records.
    """
    from markdown_it import MarkdownIt
    from markupsafe import Markup

    reader = MarkdownIt("commonmark", {"html": False}).disable(["link", "image", "autolink"])
    inline = "\n" not in text
    rendered = reader.renderInline(text) if inline else reader.render(text)
    return Markup(rendered)  # noqa: S704 - HTML in the text stayed text


def anchor(title: str) -> str:
    """Return what a link names a part of a page by."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def data_uri(svg: str) -> str:
    """Return a picture as an address that carries it."""
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"
