"""Count what the last lines of runs say that have few processes: python docs/studies/sentences.py.

Of each published run with five processes of a row, the first workload is read again with two or
three of them, which are drawn for each row. Prints how often a line names another leader than that
of all five processes as certain, how often a line has a doubt, and how many different lines there
are. Of 320 lines about five and many epochs, of two runs read 40 times each with two and with three
processes, none names another leader, three have a doubt, and the others are the same each time.
"""

import sys
from collections import Counter
from pathlib import Path

import numpy as np
from msgspec.structs import replace

from bench.analysis.summary import summarize
from bench.records import store
from bench.records.schema import Record, TrialRecord
from bench.report.base.labels import select_ranked
from bench.report.sections.verdict import list_answers, time_cold_starts, time_epochs

REFERENCE = Path(__file__).parents[2] / "results" / "reference"
RUNS = ("amd-epyc-zen5-2-cores-second", "amd-epyc-2-cores")
REPEATS = 40
DOUBTS = (" may be as fast", " or ")


def draw(records: list[TrialRecord], count: int, random: np.random.Generator) -> list[Record]:
    """Return some processes of each row, drawn; they count as its first rounds."""
    rows: dict[str, list[TrialRecord]] = {}
    for record in records:
        rows.setdefault(record.case.slug, []).append(record)
    return [
        replace(own[place], round=number)
        for own in rows.values()
        for number, place in enumerate(random.permutation(len(own))[:count].tolist(), 1)
    ]


def main(repeats: int = REPEATS) -> None:
    """Print a line for each run, question and number of processes."""
    print("run, processes: question: wrong, doubts, lines; the most frequent leader")
    for name in RUNS:
        folder = REFERENCE / name
        environments = store.read_environments(folder)
        records = [
            record
            for record in store.read_records(folder)
            if isinstance(record, TrialRecord)
            and (record.case.workload, record.case.batch_size) == ("sgd", 32)
            and (record.case.threads, record.case.samples) == (1, 48_000)
        ]
        rows = select_ranked(summarize(records, environments), "sgd")
        fastest = [timings[0].name for timings in (time_cold_starts(rows), time_epochs(rows))]
        for count in (2, 3):
            random = np.random.default_rng(count)
            answers: list[Counter[str]] = [Counter(), Counter()]
            for _ in range(repeats):
                drawn = draw(records, count, random)
                ranked = select_ranked(summarize(drawn, environments), "sgd")
                for counter, (_, first, more) in zip(answers, list_answers(ranked), strict=False):
                    counter[first.partition(",")[0] + doubt_of(first + more)] += 1
            for question, first, counter in zip(("five", "many"), fastest, answers, strict=True):
                doubts = sum(n for text, n in counter.items() if doubt_of(text))
                wrong = sum(
                    n for text, n in counter.items() if not doubt_of(text) and text != first
                )
                (leader, often), *_ = counter.most_common(1)
                lines = f"{wrong}, {doubts}, {len(counter)}; {leader} {often} of {repeats}"
                print(f"{name}, {count}: {question}: {lines}", flush=True)


def doubt_of(answer: str) -> str:
    """Return the words by which an answer says that it is not certain, or none."""
    return next((words for words in DOUBTS if words in answer), "")


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else REPEATS)
