"""Pages in one file that load nothing; needs the extra ``report``."""

import base64
import hashlib
import re
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from bench.analysis.intervals import Interval
from bench.report.base.numbers import keep_together

TEMPLATES = Path(__file__).parents[1] / "templates"


def render_page(template: str, *, scripts: Sequence[str] = (), **values: Any) -> str:
    """Fill a template that extends ``base.html.j2``; all values but scripts are escaped.

    scripts: our own, in their order, after the one that switches the colours.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {
        "prose": render_markdown,
        "blocks": partial(render_markdown, blocks=True),
        "anchor": make_anchor,
        "together": keep_together,
        "key": write_key,
    }
    style = read_part("style.css")
    scripts = [read_part("colours.js"), *scripts]
    return environment.get_template(template).render(
        policy=build_policy(scripts, [style]), style=style, scripts=scripts, **values
    )


def write_key(key: float | Interval) -> str:
    """Return what cells are sorted by; of an interval, all that relative.js computes ratios of."""
    if not isinstance(key, Interval):
        return f"{key:.6g}"
    ends = (key.mean, key.low, key.high, key.other)
    return " ".join("-" if end is None else f"{end:.7g}" for end in ends).rstrip(" -")


def read_part(name: str) -> str:
    """Return one of our style sheets or scripts."""
    return (TEMPLATES / name).read_text(encoding="utf-8")


def build_policy(scripts: Iterable[str], styles: Iterable[str]) -> str:
    """Return a content security policy: only these run, and only embedded pictures are shown."""

    def list_hashes(texts: Iterable[str]) -> str:
        digests = (hashlib.sha256(text.encode()).digest() for text in texts)
        return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)

    return (
        f"default-src 'none'; script-src {list_hashes(scripts)}; style-src {list_hashes(styles)}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def render_markdown(text: str, *, blocks: bool = False) -> Any:
    """Render Markdown as markup; HTML, links and pictures in it stay text.

    blocks: with paragraphs, lists and code, and not within a paragraph.
    """
    from markdown_it import MarkdownIt
    from markupsafe import Markup

    parser = MarkdownIt("commonmark", {"html": False}).disable(["link", "image", "autolink"])
    render = parser.render if blocks else parser.renderInline
    return Markup(render(text))  # noqa: S704 - HTML in the text stayed text


def make_anchor(title: str) -> str:
    """Return the fragment that links to a heading."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
