"""Write down which neighbours of a published run differ, and count how many differ in another run.

``python docs/studies/replication.py FIRST`` writes FIRST/neighbours.csv, before anybody has seen a
second run. ``python docs/studies/replication.py FIRST SECOND`` judges it by that run.
"""

import csv
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path

from bench.analysis.ranking import compare_all, select_comparable
from bench.report.base.load import load_run

HEADINGS = ("faster", "slower")


def list_tables(folder):
    """Return the rows of each table of five processes or more, by workload, size and threads."""
    rows = [row for row in load_run(folder).rows if row.ranked and row.succeeded >= 5]
    groups = [select_comparable(rows, row) for row in rows]
    return [group for row, group in zip(rows, groups, strict=True) if group[0] is row]


def list_neighbours(folder):
    """Return the pairs of neighbours of which it is certain that the second takes longer."""
    pairs = []
    for group in list_tables(folder):
        table = compare_all(group)
        pairs += [
            (faster.case.slug, slower.case.slug)
            for faster, slower in pairwise(group)
            if table.is_slower(slower.case.slug, faster.case.slug)
        ]
    return pairs


def judge(folder, pairs):
    """Return how many pairs differ again, differ the other way, or are uncertain or missing."""
    found = Counter()
    tables = [
        (compare_all(group), {row.case.slug for row in group}) for group in list_tables(folder)
    ]
    for faster, slower in pairs:
        table = next((one for one, slugs in tables if {faster, slower} <= slugs), None)
        if table is None:
            found["missing"] += 1
        elif table.is_slower(slower, faster):
            found["again"] += 1
        elif table.is_slower(faster, slower):
            found["the other way"] += 1
        else:
            found["uncertain"] += 1
    return found


if __name__ == "__main__":
    first, *seconds = map(Path, sys.argv[1:])
    written = first / "neighbours.csv"
    if not seconds:
        with written.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([HEADINGS, *list_neighbours(first)])
    with written.open(encoding="utf-8", newline="") as file:
        _, *known = csv.reader(file)
    print(f"{len(known)} neighbours differ")
    for folder in seconds:
        print(folder, dict(judge(folder, known)))
