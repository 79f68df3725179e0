"""How a comparison ends: every outcome has its exit status, and nothing unknown passes."""

import pytest
from support.sides import RULE, series, side

from bench.regression.calibration.spread import Spread
from bench.regression.stored.result import Terms, judged

STILL = Spread(epochs=0.5, processes=0.0005, blocks=0.0005, count=50)
NEVER = {"faults": ("failed: no",)}
ABSENT = {"processes": (), "tried": 1, "faults": ("unavailable: none",), "unavailable": True}
# A case of each outcome: the baseline's, the candidate's. Only n, f, s and t were calibrated.
CASES = {
    "n": ({}, {}),
    "f": ({}, {"processes": ((0.9,), (0.9,))}),
    "s": ({}, {"processes": ((1.1,), (1.1,))}),
    "t": ({}, {"processes": ((1.5,), (1.5,))}),
    "u": ({}, {}),
    "w": ({"accuracy": 0.9}, {"accuracy": 0.8}),
    "x": ({}, NEVER),
    "b": (None, {}),
    "c": ({}, None),
    "-": (ABSENT, ABSENT),
}
CALIBRATED = "nfst"


def ended(cases, *, undecided_fails=False, across_machines=False, base=None, candidate=None):
    """Judge these cases of ``CASES``; base and candidate are what else the sides have."""
    sides = [
        side(
            *(series(name, **CASES[name][of]) for name in cases if CASES[name][of] is not None),
            **(what or {}),
        )
        for of, what in enumerate((base, candidate))
    ]
    terms = Terms(RULE, 0.2, across_machines, undecided_fails)
    return judged(*sides, lambda name: STILL if name in CALIBRATED else None, terms)


def test_the_cases_of_the_table_are_what_they_are_called():
    assert {each.name: each.outcome for each in ended("nfsuwxbc-").cases} == {
        "n": "no change",
        "f": "faster",
        "s": "slower",
        "u": "undecided",
        "w": "wrong",
        "x": "failed",
        "b": "missing in baseline",
        "c": "missing in candidate",
        "-": "unavailable",
    }


@pytest.mark.parametrize(
    ("cases", "status", "strict"),
    [
        # each alone
        ("n", 0, 0),
        ("f", 0, 0),
        ("u", 0, 1),
        ("s", 1, 1),
        ("t", 1, 1),
        ("w", 1, 1),
        ("x", 3, 3),
        ("b", 4, 4),
        ("c", 4, 4),
        ("-", 4, 4),
        ("", 4, 4),
        # beside what is well
        ("nfu", 0, 1),
        ("ns", 1, 1),
        ("nw", 1, 1),
        ("nx", 3, 3),
        ("nb", 4, 4),
        ("nc", 4, 4),
        ("n-", 0, 0),
        ("u-", 0, 1),
        ("nf-", 0, 0),
        ("fs", 1, 1),
        # the lesser number first, as the docstring says
        ("sx", 1, 1),
        ("sb", 1, 1),
        ("wc", 1, 1),
        ("wx", 1, 1),
        ("xb", 3, 3),
        ("xc", 3, 3),
        ("x-", 3, 3),
        ("ux", 3, 1),
        ("ub", 4, 1),
        ("uc", 4, 1),
        ("bc", 4, 4),
        ("b-", 4, 4),
        ("nfuswxbc-", 1, 1),
        ("nfuxbc-", 3, 1),
        ("nfubc-", 4, 1),
        ("nfxbc-", 3, 3),
    ],
)
def test_every_mixture_of_outcomes_has_its_exit_status(cases, status, strict):
    assert ended(cases).status == status
    assert ended(cases, undecided_fails=True).status == strict


@pytest.mark.parametrize(
    ("base", "candidate", "words"),
    [
        ("here", "there", "different machines"),
        ("here", None, "nothing tells whether"),
        (None, "here", "nothing tells whether"),
        (None, None, "nothing tells whether"),
    ],
)
def test_what_is_not_known_to_be_of_one_machine_is_not_compared(base, candidate, words):
    sides = {"base": {"machine": base}, "candidate": {"machine": candidate}}
    found = ended("nf", **sides)
    assert (found.status, found.cases) == (4, ())
    assert words in found.refusal
    assert "--across-machines" in found.refusal
    assert found.across
    anyway = ended("nf", across_machines=True, **sides)
    assert (anyway.refusal, len(anyway.cases), anyway.across) == (None, 2, True)


def test_across_machines_no_calibration_is_asked():
    sides = {"base": {"machine": "here"}, "candidate": {"machine": "there"}}
    found = ended("nst", across_machines=True, **sides)
    assert [each.outcome for each in found.cases] == ["undecided", "undecided", "slower"]
    assert {each.spread for each in found.cases} == {None}
    same = ended("nst", across_machines=True)
    assert [each.outcome for each in same.cases] == ["no change", "slower", "slower"]
    assert not same.across


def test_different_data_are_not_compared_whatever_is_said_of_machines():
    for across in (False, True):
        found = ended("n", across_machines=across, base={"data": "a"}, candidate={"data": "b"})
        assert (found.status, found.cases) == (4, ())
        assert "different data" in found.refusal
    for base, candidate in (("a", "a"), (None, "a"), ("a", None), (None, None)):
        found = ended("n", base={"data": base}, candidate={"data": candidate})
        assert (found.status, found.refusal) == (0, None)


def test_a_refusal_stays_one_where_undecided_fails():
    sides = {"base": {"machine": "here"}, "candidate": {"machine": "there"}}
    assert ended("s", undecided_fails=True, **sides).status == 4
