"""Publish where new runs are expected, and count how often that was true.

``python docs/expected.py write`` writes docs/findings/expected.csv from the published runs.
``python docs/expected.py count`` prints how many ratios of a run that was left out lay inside.
``python docs/expected.py test FOLDER`` adds a line about a new run to docs/findings/predicted.csv.
"""

import csv
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import spans

from bench.analysis.expected import PUBLISHED, Expected, expect, list_ratios, read_expected
from bench.report.base.load import LoadedRun, load_run
from bench.report.base.numbers import format_number
from bench.report.sections.setting.machines import refuse_column

PREDICTED = PUBLISHED.with_name("predicted.csv")
# Runs whose records do not name the family of the processor: by their times.
OLDER = {
    "amd-epyc-2-cores": "Zen 4",
    "amd-epyc-2-cores-judged": "Zen 5",
    "amd-epyc-zen5-2-cores": "Zen 5",
    "amd-epyc-zen5-2-cores-second": "Zen 5",
}
FAMILIES = {"AMD EPYC family 25 model 17": "Zen 4", "AMD EPYC family 26 model 2": "Zen 5"}

Ratios = Mapping[str, float]


def name_processor(run: LoadedRun) -> str:
    """Return the name that people use, or family and model."""
    name = str(run.machine.get("cpu"))
    return OLDER.get(run.folder.name) or FAMILIES.get(name, name)


def read_ratios() -> dict[str, dict[str, Ratios]]:
    """Return the ratios of all published runs that nothing disturbed, by processor and folder."""
    runs: dict[str, dict[str, Ratios]] = {}
    for path in sorted(spans.REFERENCE.glob("*/run.json")):
        run = load_run(path.parent)
        if not refuse_column(run) and (ratios := list_ratios(run.rows)):
            runs.setdefault(name_processor(run), {})[path.parent.name] = ratios
    return runs


def predict(
    runs: Mapping[str, Mapping[str, Ratios]], out: Callable[[str, str], bool]
) -> dict[str, Expected]:
    """Return what is expected without the runs that are left out."""
    kept = {
        processor: [own for folder, own in by_folder.items() if not out(processor, folder)]
        for processor, by_folder in runs.items()
    }
    return expect({processor: own for processor, own in kept.items() if own})


def list_counts() -> Iterator[str]:
    """Yield how many ratios lay inside, of what was left out, and in the range of three runs."""
    runs = read_ratios()
    first = {source.folder for source in spans.RUNS.values()}
    three = [
        own for by_folder in runs.values() for folder, own in by_folder.items() if folder in first
    ]
    counts: dict[str, list[bool]] = {}
    for processor, by_folder in runs.items():
        for folder, ratios in by_folder.items():
            without = {
                "a run": predict(runs, lambda _, other, folder=folder: other == folder),
                "a processor": predict(
                    runs, lambda other, _, processor=processor: other == processor
                ),
            }
            for name, ratio in ratios.items():
                for what, intervals in without.items():
                    if name in intervals:
                        counts.setdefault(f"leaving out {what}", []).append(
                            intervals[name].holds(ratio)
                        )
                ends = [own[name] for own in three if name in own]
                if folder not in first and len(ends) == len(first):
                    inside = min(ends) <= ratio <= max(ends)
                    counts.setdefault("range of three runs, others", []).append(inside)
    for what, inside in counts.items():
        share = sum(inside) / len(inside)
        yield f"{what}: {sum(inside)} of {len(inside)} ratios inside, {share:.0%}"


def write() -> None:
    """Write the intervals of the published runs."""
    runs = read_ratios()
    lines = [["program", *Expected._fields]]
    for name, one in predict(runs, lambda *_: False).items():
        ends = (format_number(end) for end in (one.low, one.typical, one.high))
        lines.append([name, *ends, str(one.runs), str(one.processors)])
    with PUBLISHED.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows(lines)


def judge(folder: Path) -> None:
    """Add how a run that came after its intervals fell; nothing is taken out."""
    run, intervals = load_run(folder), read_expected()
    ratios = {name: one for name, one in list_ratios(run.rows).items() if name in intervals}
    missed = [
        f"{name} {format_number(one, 2)}"
        for name, one in ratios.items()
        if not intervals[name].holds(one)
    ]
    line = [
        folder.name,
        run.plan.created,
        name_processor(run),
        len(ratios) - len(missed),
        len(ratios),
        "; ".join(missed),
    ]
    with PREDICTED.open("a", encoding="utf-8", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerow(line)


def main(words: Sequence[str]) -> None:
    """Do what the words say."""
    match list(words):
        case ["write"]:
            write()
        case ["count"]:
            sys.stdout.writelines(f"{line}\n" for line in list_counts())
        case ["test", folder]:
            judge(Path(folder))
        case _:
            raise SystemExit("python docs/expected.py write | count | test FOLDER")


if __name__ == "__main__":
    main(sys.argv[1:])
