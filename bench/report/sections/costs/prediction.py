"""How long each program takes to label the test images."""

from collections.abc import Sequence
from dataclasses import replace

from bench.analysis.ranking import compare_to_fastest
from bench.analysis.summary import Row
from bench.report.base import numbers, tables
from bench.report.base.labels import quote_known, select_ranked, tabulate_programs
from bench.report.base.load import LoadedRun
from bench.report.base.parts import Section, Table

TITLE = "Predicting"
NO_PREDICTIONS = "No record has the time of a prediction."
NO_SINGLE = (
    "Not in these records: the time of a single image. Newer versions of the suite measure it."
)
NOTE = (
    "The labels of all test images in one call, from the host's memory and back to it, after "
    "training. The value is the typical process; in brackets, its 95 % interval. × fastest: "
    "intervals that hold with 95 % certainty for all pairs of the table at once."
)
SINGLE_NOTE = (
    "One image: a call with another image each time, after a first one that is not timed because "
    "it may compile."
)
BY_PREDICT = " Keras's programs label by predict, which is not made for single images."


def describe_predictions(run: LoadedRun) -> Section:
    """Return the predictions of the ranked rows of the first workload at its first size."""
    rows = [row for row in select_ranked(run.rows, run.workload) if row.prediction.by_round]
    if not rows:
        return Section(TITLE, empty=NO_PREDICTIONS)
    return Section(TITLE, [tabulate_predictions(rows)], finding=describe_singles(rows))


def describe_singles(rows: Sequence[Row]) -> str:
    """Say what the label of one image takes; empty if no row has it."""
    times = {row.case.slug: row.prediction.single for row in rows if row.prediction.single}
    timed = [row for row in rows if row.case.slug in times]
    timed.sort(key=lambda row: times[row.case.slug].mean)
    if not timed:
        return ""
    quoted = quote_known(timed, lambda row: numbers.format_typical(times[row.case.slug]))
    keras = BY_PREDICT if any(row.case.framework == "keras" for row in timed) else ""
    return f"The label of one image: {quoted}.{keras}"


def tabulate_predictions(rows: list[Row]) -> Table:
    """Return a line for each row, the fastest first."""
    rows = sorted(
        rows, key=lambda row: row.prediction.typical.mean if row.prediction.typical else 0.0
    )
    images = max(row.prediction.images or 0 for row in rows)
    devices = [row.case.device for row in rows]

    compared = compare_to_fastest(rows, lambda row: row.prediction.by_round)
    pairs = [compared.get((row.machine, row.case.slug), (None, None)) for row in rows]
    columns = [
        *([tables.list_words("device", devices)] if len(set(devices)) > 1 else []),
        tables.list_times(
            f"{images:,} images" if images else "all test images",
            [row.prediction.typical for row in rows],
        ),
        replace(
            tables.list_factors("× fastest", [ratio for ratio, _ in pairs]),
            keys=[typical for _, typical in pairs],
        ),
        tables.list_numbers("images/s", [row.prediction.per_second for row in rows]),
        tables.list_times("one image", [row.prediction.single for row in rows]),
    ]
    note = SINGLE_NOTE if any(row.prediction.single for row in rows) else NO_SINGLE
    return tabulate_programs("Labelling the test images", columns, f"{NOTE} {note}", rows)
