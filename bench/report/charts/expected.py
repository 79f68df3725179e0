"""The picture of what an epoch of each framework takes, in multiples of NumPy's."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from bench.analysis.expected import Expected, list_ratios, read_expected
from bench.report.base.load import LoadedRun
from bench.report.base.numbers import format_number
from bench.report.base.parts import JOINED, Picture
from bench.report.charts.chart import PAGE
from bench.report.charts.style import PALETTE, alt, set_title

# One step a call, its step in a loop that the compiler sees, and tuned ones: by framework.
DOCUMENTED, LOOP, TUNED = "As documented", "Loop compiled", "Tuned"
FORMS = {
    DOCUMENTED: {
        "JAX": "jax",
        "Keras on JAX": "keras-jax",
        "PyTorch": "pytorch",
        "TensorFlow": "tensorflow",
        "scikit-learn's SGD": "sklearn-sgd",
        "Keras on TensorFlow": "keras-tensorflow",
        "Keras on PyTorch": "keras-torch",
    },
    LOOP: {
        "JAX": "jax-plain-scan",
        "TensorFlow": "tensorflow-plain-loop",
        "PyTorch": "pytorch-ten-steps",
    },
    TUNED: {
        "NumPy, by Numba": "numba",
        "JAX": "jax-scan",
        "TensorFlow": "tensorflow-loop",
        "Keras on JAX": "keras-jax-scan",
        "PyTorch": "pytorch-compiled",
    },
}
# The programs that a chart of all of them names.
USUAL = {"numpy", *FORMS[DOCUMENTED].values()}
TICKS = (0.2, 0.5, 1, 2, 5, 10, 20)
ROW_HEIGHT, LETTERS = 22, 12
# How the places of a page begin that name the files of programs.
FILE_ANCHOR = "file-"
_WIDTH = 480
_INSIDE, _OUTSIDE, *_ = PALETTE
_APART = "|"  # between the heading and the name in what the axis tells rows apart by


def picture_expected(runs: Sequence[LoadedRun]) -> list[Picture]:
    """Return the picture of a run, or of several with a colour a machine; none if it is empty."""
    expected = read_expected()
    known = expected.keys() & {program for own in FORMS.values() for program in own.values()}
    ratios = {run.name: own for run in runs if known & (own := list_ratios(run.rows)).keys()}
    if not ratios:
        return []
    title, dots = "An epoch in multiples of NumPy's, the line", "a dot a run"
    address, several = "", len(runs) > 1
    if not several:
        address, dots = f"{PAGE}#{FILE_ANCHOR}", "dots: this run"
    published = max(one.runs for one in expected.values())
    subtitle = (
        f"{dots}; grey: where nine of ten new runs are expected, by {published} published runs"
    )
    draw = partial(chart_expected, expected, ratios, title, subtitle, _WIDTH)
    return [Picture("order", title, partial(draw, address=address, by_machine=several))]


def chart_expected(
    expected: Mapping[str, Expected],
    ratios: Mapping[str, Mapping[str, float]],
    title: str,
    subtitle: str,
    width: int,
    *,
    address: str = "",
    by_machine: bool = False,
) -> Any:
    """Draw a row for each program that was measured, under the heading of its form.

    expected: by program, where nine of ten new runs lie: a grey bar. ratios: by run, then by
    program: dots. One run has its numbers on the right, several have the bounds of the bar. width:
    of the plot in pixels. address: how that of a program begins. by_machine: with a colour for what
    the names of runs begin with.
    """
    rows, bars, dots, texts = list[str](), list[Any](), list[Any](), list[Any]()
    for heading, own in FORMS.items():
        measured = {
            label: name
            for label, name in own.items()
            if name in expected and any(name in run for run in ratios.values())
        }
        rows += [heading] if measured else []
        for label, program in measured.items():
            row, one = f"{heading}{_APART}{label}", expected[program]
            rows.append(row)
            bars.append({"row": row, "low": one.low, "high": one.high})
            found = {run: of[program] for run, of in ratios.items() if program in of}
            text = format_number(min(found.values()), 2) if len(ratios) == 1 else str(one)
            texts.append({"row": row, "text": text, "address": f"{address}{program}"})
            for run, ratio in found.items():
                tip = [program, run, f"{format_number(ratio, 2)} × NumPy"]
                tip.append(f"nine of ten new runs: {one}")
                colour = _INSIDE if one.holds(ratio) else _OUTSIDE
                colour = run.partition(",")[0] if by_machine else colour
                dot = {"row": row, "ratio": ratio, "tip": JOINED.join(tip), "colour": colour}
                dots.append(dot)
    bounds = [float(bar[end]) for bar in bars for end in ("low", "high")]
    bounds += [float(dot["ratio"]) for dot in dots]
    scale = alt.Scale(type="log", domain=[min(bounds) / 1.15, max(bounds) * 1.15], nice=False)
    axis = alt.Axis(values=TICKS, format="~g", grid=True)
    is_heading = f"indexof(datum.value, '{_APART}') < 0"
    y = alt.Y(
        "row:N",
        sort=rows,
        title=None,
        scale=alt.Scale(domain=rows),
        axis=alt.Axis(
            ticks=False,
            domain=False,
            labelLimit=200,
            labelExpr=f"{is_heading} ? datum.value : split(datum.value, '{_APART}')[1]",
            labelFontWeight=alt.expr(f"{is_heading} ? 'bold' : 'normal'"),
        ),
    )

    def place(values: list[Any]) -> Any:
        return alt.Chart(alt.Data(values=values)).encode(y=y)

    def across(field: str) -> Any:
        return alt.X(f"{field}:Q", scale=scale, title=None, axis=axis)

    colour = alt.Color("colour:N", scale=None)
    if by_machine:
        names = list(dict.fromkeys(run.partition(",")[0] for run in ratios))
        palette = alt.Scale(domain=names, range=list(PALETTE))
        colour = alt.Color("colour:N", title=None, scale=palette, legend=alt.Legend(orient="top"))
    chart = alt.layer(
        place(bars).mark_bar(height=14, color="#DDD").encode(x=across("low"), x2="high:Q"),
        alt.Chart(alt.Data(values=[{"ratio": 1}]))
        .mark_rule(color="black")
        .encode(x=across("ratio")),
        place(dots)
        .mark_point(filled=True, size=60, opacity=0.6 if len(ratios) > 1 else 1, aria=True)
        .encode(x=across("ratio"), color=colour, description="tip:N"),
        place(texts)
        .mark_text(align="left", dx=6, fontSize=LETTERS)
        .encode(x=alt.value("width"), text="text:N", **({"href": "address:N"} if address else {})),
    )
    chart = chart.properties(width=width, height=ROW_HEIGHT * len(rows))
    return set_title(chart, title, subtitle, width + 170).configure_view(stroke=None)
