"""The chart of a case over several runs, as an Altair specification; needs the extra ``report``."""

import math
from collections.abc import Iterator, Sequence
from statistics import geometric_mean
from typing import Any

from bench.history import Course, Entry, Past
from bench.report import tables
from bench.report.charts import COLOURS

SUBTITLE = (
    "a line joins neighbouring runs; a gap is a run without a time; each panel has its own scale, "
    "of a factor of 1.5 at least"
)
# What a panel spans at least, as shares of the mean: noise is not blown up to its whole height.
SPAN = (0.82, 1.23)
KINDS = {"measured": "circle", "measured, with other versions than before": "triangle-up"}
# So many runs can be named below a panel, and so many dots stand side by side in it.
NAMED, BESIDE = 10, 30
_WIDTH, _HEIGHT = 190, 130
_COLUMNS = 3
Points = list[dict[str, object]]


def when(past: Past) -> str:
    """Show when a run was created, UTC, to the minute."""
    return f"{past.created:%Y-%m-%d %H:%M}"


def over_runs(courses: Sequence[Course], title: str) -> Any:
    """Epoch time over the runs of one machine, a small chart a case.

    Runs stand in the order of their creation, by their numbers in the table.
    """
    import altair as alt

    points = [point for course in courses for point in _points(course)]
    runs = sorted({entry.past.number for course in courses for entry in course.entries})
    names = list(dict.fromkeys(str(point["name"]) for point in points))
    layers = alt.layer(*_layers(runs)).properties(width=_WIDTH, height=_HEIGHT)
    return (
        layers.facet(facet=alt.Facet("name:N", sort=names, title=None), columns=_COLUMNS,
                     data=alt.Data(values=points))
        .resolve_scale(y="independent")
        .properties(title=alt.TitleParams(title, subtitle=SUBTITLE), background="white")
        .configure_title(anchor="start", fontSize=14, subtitleFontSize=11, offset=12)
        .configure_axis(gridOpacity=0.5)
    )  # fmt: skip


def _layers(runs: Sequence[int]) -> list[Any]:
    import altair as alt

    y = alt.Scale(type="log", nice=False, padding=8)
    axis = alt.Axis(tickCount=4, format="~r")
    below = alt.Axis(labelAngle=0, values=runs[:: math.ceil(len(runs) / NAMED)])
    base = alt.Chart().encode(
        x=alt.X("run:O", scale=alt.Scale(domain=runs), title="run", axis=below)
    )
    colour = alt.value(COLOURS["idiomatic"])
    shape = alt.Scale(domain=list(KINDS), range=list(KINDS.values()))
    legend = alt.Legend(orient="top", labelLimit=300)
    line = base.mark_line(strokeWidth=1).encode(
        y=alt.Y("ms:Q", scale=y, title="epoch, ms (log scale)", axis=axis),
        detail="segment:N", color=colour,
    )  # fmt: skip
    bar = base.mark_rule(strokeWidth=2).encode(y=alt.Y("low:Q", scale=y), y2="high:Q", color=colour)
    size = 45 if len(runs) <= BESIDE else 8
    dot = base.mark_point(size=size, filled=True, opacity=1).encode(
        y=alt.Y("ms:Q", scale=y), color=colour,
        shape=alt.Shape("what:N", scale=shape, title=None, legend=legend),
        tooltip=["name:N", "run:O", "created:N", "ms:Q", "low:Q", "high:Q", "changed:N"],
    )  # fmt: skip
    return [_span(base, y, "least"), _span(base, y, "most"), bar, line, dot]


def _span(base: Any, scale: Any, end: str) -> Any:
    """Return what is not seen, and keeps a panel from spanning less than ``SPAN``."""
    import altair as alt

    return base.mark_point(opacity=0).encode(y=alt.Y(f"{end}:Q", scale=scale))


def _points(course: Course) -> Iterator[dict[str, object]]:
    """Yield a point for each run with a time; those between two gaps are one segment.

    The first has the ends of what the panel spans.
    """
    times = [entry.row.epoch.mean for entry in course.entries
             if entry.timed and entry.row and entry.row.epoch]  # fmt: skip
    segment, mean = 0, 1e3 * geometric_mean(times or (1,))
    ends = {"least": mean * SPAN[0], "most": mean * SPAN[1]}
    for entry in course.entries:
        segment += not entry.timed
        if entry.timed:
            yield {"name": tables.name(course.case), "segment": segment, **_point(entry), **ends}
            ends = {}


def _point(entry: Entry) -> dict[str, object]:
    assert entry.row is not None
    assert entry.row.epoch is not None  # it is timed
    found, changed = entry.row.epoch, entry.changed or ()
    # The suite is another commit every night: marked for that, no run would stand out.
    others = [each for each in changed if not each.startswith("suite ")]
    return {
        "run": entry.past.number, "created": when(entry.past), "ms": found.mean * 1e3,
        "low": (found.low or found.mean) * 1e3, "high": (found.high or found.mean) * 1e3,
        "changed": "; ".join(changed) or "nothing", "what": list(KINDS)[bool(others)],
    }  # fmt: skip
