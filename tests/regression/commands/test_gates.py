"""What gates decide of a scratch project, and the page of what they decided."""

from collections import Counter

import pytest
from studies.gates import GATES, decide, show

from bench.worker.machine import ROOT

ROUNDS = 4
OWN = [gate for gate in GATES if gate.startswith(("ab ", "gate "))]


# Counts, not times: on a busy machine a slowdown may stay undecided. Of 28 decisions without a
# difference, of which each is wrong with a probability of 2 %, four wrong ones have one of 0.2 %.
@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_verdicts_on_the_hot_loop_are_not_wrong():
    made = [(gate, slowdown) for _ in range(ROUNDS) for gate in OWN for slowdown in (5, 0)]
    verdicts = [(slowdown, decide(gate, slowdown)["verdict"]) for gate, slowdown in made]
    slower = [verdict for slowdown, verdict in verdicts if slowdown]
    same = Counter(verdict for slowdown, verdict in verdicts if not slowdown)
    print(f"\n5 % slower: {dict(Counter(slower))}; no difference: {dict(same)}")
    assert set(slower) <= {"slower", "undecided"}
    assert same["slower"] + same["faster"] < 4


def test_published_table_has_the_published_decisions(capsys):
    show(ROOT / "results" / "reference" / "gates.jsonl")
    table = (ROOT / "docs" / "gate" / "gates.csv").read_text(encoding="utf-8")
    assert capsys.readouterr().out == table
