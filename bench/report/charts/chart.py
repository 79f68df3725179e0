"""A drawn chart: the SVG of its file, and the two SVGs that the page contains."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from bench.report.base.parts import JOINED, Chart, Picture
from bench.report.charts.style import COLOURS_OF_PAGE

# All have the same widths, and almost every machine has one of them.
FONT = "Arial, Liberation Sans, Helvetica, sans-serif"
MAX_LETTERS = 100  # letters of a file's name
# How a link begins that leads to a place of the page: vl_convert gives others a host.
PAGE = "http://page"

# Pixels of a chart in the page: from a width of the page on (style.css), and on phones.
WIDE, NARROW = 760, 360
# Of a panel: its width with the labels of its axis, the labels alone, and how much wider than
# designed it may become.
_PANEL, _LABELS, _GROWTH = 160, 62, 1.5

# The empty paths by which Vega catches the pointer; a picture needs none.
_EMPTY_PATH = re.compile(
    r'<path class="(?:fore|back)ground" aria-hidden="true" d="(?:M0,0h0v0h0Z)?"[^>]*/>'
)
_MARK = re.compile(r'<(\w+) aria-label="([^"]*)" role="graphics-symbol"[^ ]* ?([^>]*?)(/?)>')
_ROLES = re.compile(r' (?:role|aria-[a-z]+|pointer-events)="[^"]*"')
# The policy of the page forbids styles; style.css has that of images.
_DEFAULTS = re.compile(
    r' (?:style="[^"]*"|font-family="[^"]*"|(?:opacity|stroke-width)="1"|display="none")'
)
_COLOUR = re.compile(r'(fill|stroke)="(#[0-9A-Fa-f]{3,6}|black|white)"')
# Hundredths of a pixel are enough.
_PLACE = re.compile(r' (?:transform|d|[xy]2?|width|height)="[^"]*"')
_LONG_NUMBER = re.compile(r"(\.\d\d)\d+")
_ID = re.compile(r'(\bid="|url\(#)')


def draw_chart(picture: Picture) -> Chart:
    """Draw a picture for its file and for the page."""
    specification = make_specification(picture.draw)
    name = name_file(picture.name)
    without_title = {key: value for key, value in specification.items() if key != "title"}
    without_title["background"] = None
    layouts = {
        layout: adapt_svg(draw_width(without_title, room), f"{name.removesuffix('.svg')}-{layout}")
        for layout, room in (("wide", WIDE), ("narrow", NARROW))
    }
    title = specification["title"]
    caption = [" ".join(title[part]) for part in ("text", "subtitle") if part in title]
    # An SVG in an <img> is one picture to a screen reader: marks need no descriptions.
    file = _ROLES.sub("", render_svg(specification))
    return Chart(name, picture.title, file, caption, **layouts)


def name_file(name: str) -> str:
    """Return the file of a chart; a record's text can neither leave the folder nor end a link."""
    return f"{re.sub(r'[^A-Za-z0-9-]', '-', name)[:MAX_LETTERS]}.svg"


def make_specification(draw: Callable[[], Any]) -> dict[str, Any]:
    """Return a chart's Vega-Lite specification.

    Its texts must be clean, as readers of records return them (``bench.errors.clean_text``):
    control characters end the process that measures their width, and Vega's expressions reject
    U+2028. Altair's validation takes longer than the drawing, so it runs in the tests instead.
    """
    from altair.utils.schemapi import debug_mode

    with debug_mode(False):
        return dict(draw().to_dict(validate=False))


def render_svg(specification: Mapping[str, Any], config: Mapping[str, Any] | None = None) -> str:
    """Render a specification, with room for wider letters than those it is laid out with."""
    import vl_convert

    padding = {"left": 20, "top": 5, "right": 24, "bottom": 5}
    axis = {"axisY": {"labelLimit": 260}}
    config = {"font": FONT, "padding": padding, **axis, **(config or {})}
    svg = str(vl_convert.vegalite_to_svg(json.dumps(specification), config=config))
    return _EMPTY_PATH.sub("", svg).replace(f'href="{PAGE}', 'href="')


def draw_width(specification: Mapping[str, Any], room: int) -> str:
    """Draw a chart of this width in pixels."""
    fitted = fit_width(specification, room)
    title = fitted["spec"]["width"] if "spec" in fitted else room
    config = {
        "padding": {"left": 18, "top": 4, "right": 14, "bottom": 4},
        "mark": {"aria": False},
        "title": {"aria": False},
        "header": {"labelFontSize": 11, "labelLimit": title},
        "axis": {
            "aria": False,
            "titleFontWeight": "normal",
            "titleFontSize": 11,
            "labelFontSize": 11,
            "labelSeparation": 5,
        },
        "axisX": {"titleAnchor": "end", "titleLimit": title},
        "axisY": {"labelLimit": 150 if room < WIDE else 260, "titlePadding": 10},
        "legend": {
            "aria": False,
            "labelFontSize": 11,
            "columns": (room - 150) // 90,
            "columnPadding": 20,
            "labelLimit": room - 60,
        },
    }
    return render_svg(fitted, config)


def fit_width(specification: Mapping[str, Any], room: int) -> dict[str, Any]:
    """Return a specification with the width, or the panels a row, that fit into this width."""
    if "facet" not in specification:
        autosize = {"type": "fit-x", "contains": "padding"}
        return {**specification, "width": room, "autosize": autosize}
    points, panel = specification["data"]["values"], specification["spec"]
    panels = len({point[specification["facet"]["field"]] for point in points})
    columns = max(1, min(panels, specification["columns"], room // _PANEL))
    widest = min(_GROWTH * panel["width"], room // columns - _LABELS)
    return {**specification, "spec": {**panel, "width": int(widest)}, "columns": columns}


def adapt_svg(svg: str, name: str) -> str:
    """Return an SVG to put into the page: scalable, in the page's colours, with tooltips.

    name: begins the ids, which must be unique in the page. What Vega describes becomes a
    ``title``, which browsers show as a tooltip, or the name of what a mark is about.
    """
    size = re.match(r'<svg[^>]* viewBox="0 0 ([0-9.]+) ([0-9.]+)">', svg)
    assert size is not None
    width, height = size.groups()
    body = svg[size.end() : -len("</svg>")]
    body = _MARK.sub(_add_tooltip, body)
    body = _DEFAULTS.sub("", _ROLES.sub("", body)).replace(" xlink:href=", " href=")
    body = _COLOUR.sub(_choose_colour, body)
    body = _PLACE.sub(lambda place: _LONG_NUMBER.sub(r"\1", place[0]), body)
    body = _ID.sub(rf"\g<1>{name}-", body)
    return f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}">{body}</svg>'


def _add_tooltip(mark: re.Match[str]) -> str:
    """Return a described mark with its description as a title, and text that stays its content.

    A description that is only a name becomes an attribute, and no tooltip.
    """
    tag, text, attributes, end = mark.groups()
    if text.endswith(JOINED):
        return f'<{tag} data-of="{text.removesuffix(JOINED)}" {attributes}{end}>'
    return f"<{tag} {attributes}><title>{text}</title>" + (f"</{tag}>" if end else "")


def _choose_colour(colour: re.Match[str]) -> str:
    """Return a colour as the variable of the style sheet, which knows its dark twin."""
    attribute, value = colour.groups()
    name = COLOURS_OF_PAGE.get(value.upper())
    return f'{attribute}="var(--{name})"' if name else colour[0]
