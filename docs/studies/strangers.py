"""Show what gates decided of ten projects that are not ours, beside what is true of them.

``python docs/studies/strangers.py FILE`` prints the tables of docs/how-sure.md. A line of the file
is one decision about two commits of a project: ``aa`` differs in a comment, ``s5`` and ``s2``
execute some 5 and 2 % more instructions, ``s1`` 1 %, and ``real`` is a commit of the project's
history, reversed where it was a speed-up. truth_instructions, truth_cpu: percent, by Cachegrind and
by the shortest CPU time of alternating processes. estimate, low, high: percent. seconds: of a
decision without its set-up.
"""

import csv
import sys
from collections import defaultdict
from pathlib import Path
from statistics import median

PAIRS = {"aa": "equal code", "s5": "+5 %", "s2": "+2 %", "real": "a real commit"}
ALL_PAIRS = {**PAIRS, "s1": "+1 %"}  # 1 % for instructions only
Decision = dict[str, str]


def read(path: Path) -> list[Decision]:
    """Return the decisions of a file."""
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def count(made: list[Decision], pair: str) -> str:
    """Return how many decisions on a pair were *slower*, and how many there are."""
    chosen = [one for one in made if one["pair"] == pair and one["verdict"] != "failed"]
    slower = sum(one["verdict"] == "slower" for one in chosen)
    return f"{slower} of {len(chosen)}" if chosen else "-"


def show_tools(decisions: list[Decision]) -> None:
    """Print a line for each tool: how often it called which pair slower."""
    headings = [f"*slower* of {name}" for name in ALL_PAIRS.values()]
    headings += ["*faster*", "failed", "time", "set-up"]
    print(f"| tool | {' | '.join(headings)} |\n|---|{'---:|' * len(headings)}")
    by_tool = defaultdict(list)
    for one in decisions:
        by_tool[one["tool"]].append(one)
    for tool, made in by_tool.items():
        verdicts = [one["verdict"] for one in made]
        cells = [count(made, pair) for pair in ALL_PAIRS]
        cells += [str(verdicts.count("faster")), str(verdicts.count("failed"))]
        for name in ("seconds", "set_up"):
            seconds = [float(one[name]) for one in made if one[name]]
            cells.append(f"{median(seconds):.0f} s" if seconds else "-")
        print(f"| {tool} | {' | '.join(cells)} |")


def show_projects(decisions: list[Decision], tool: str) -> None:
    """Print a line for each project: its pairs, what is true of them and what a tool decided."""
    print(f"| project | {' | '.join(PAIRS.values())} |\n|---|{'---|' * len(PAIRS)}")
    by_project = defaultdict(dict)
    for one in decisions:
        if one["tool"] == tool:
            by_project[f"{one['repository']} ({one['kind']})"][one["pair"]] = one
    for project, pairs in by_project.items():
        cells = []
        for pair in PAIRS:
            one = pairs.get(pair)
            if one is None:
                cells.append("-")
                continue
            truths = [f"{float(one[name]):+.1f}" for name in ("truth_instructions", "truth_cpu")]
            numbers = [
                f"{float(one[name]):+.1f}" for name in ("estimate", "low", "high") if one[name]
            ]
            estimate = f" {numbers[0]} [{numbers[1]}, {numbers[2]}]" if len(numbers) == 3 else ""
            cells.append(f"{', '.join(truths)}: *{one['verdict']}*{estimate}")
        print(f"| {project} | {' | '.join(cells)} |")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python docs/studies/strangers.py FILE")
    table = read(Path(sys.argv[1]))
    show_tools(table)
    print()
    show_projects(table, "bench gate")
