"""Going on with a run runs what its folder names: only the suite's own, or what is named again."""

import pytest
from fixtures_records import case, run

from bench import plan, trusted
from bench.error import UserError
from implementations import IMPLEMENTATIONS

OWN = {"file": "./mine.py", "module": "mine", "framework": "", "extra": "", "style": "own"}


@pytest.mark.parametrize("entry", IMPLEMENTATIONS, ids=lambda entry: entry.name)
def test_every_implementation_of_the_suite_may_run(entry):
    trusted.check(run(plan.begin(entry)), (), ())


def test_its_figures_and_probes_may_run():
    planned = run(case(), figures=plan.figures(2), ceilings=tuple(plan.probes("cpu", 1)))
    trusted.check(planned, (), ())


@pytest.mark.parametrize(
    "changed",
    [
        {"module": "os"},
        {"framework": "evil"},
        {"extra": "evil"},
        {"variables": {"LD_PRELOAD": "./evil.so"}},
        {"implementation": "evil"},
    ],
)
@pytest.mark.parametrize("where", ["cases", "sweep", "figures", "ceilings"])
def test_what_is_otherwise_than_in_the_suite_is_refused(changed, where):
    one = case(**changed)
    planned = run(one) if where == "cases" else run(case(), **{where: (one,)})
    with pytest.raises(UserError, match=r"has .* otherwise than this suite has it; measure anew"):
        trusted.check(planned, (), ())


def test_somebodys_own_file_runs_only_when_it_is_named_again():
    planned = run(case("mine", **OWN), case())
    with pytest.raises(UserError, match=r"runs the code of \./mine\.py, .* --implementation"):
        trusted.check(planned, (), ())
    with pytest.raises(UserError, match=r"does not name other\.py; leave it out"):
        trusted.check(planned, ("./mine.py", "other.py"), ())
    trusted.check(planned, ("./mine.py",), ())


def test_another_python_runs_only_when_it_is_named_again():
    planned = run(case(interpreter="env/bin/python"))
    with pytest.raises(UserError, match=r"code of env/bin/python.*--python torch=env/bin/python"):
        trusted.check(planned, (), ("torch=other/bin/python",))
    trusted.check(planned, (), ("torch=env/bin/python", "jax=other/bin/python"))


def test_what_has_to_be_named_is_told_as_it_is_typed():
    planned = run(case("mine", **OWN), case("mine", **OWN), case(interpreter="a b"))
    assert trusted.flags(planned) == ["--implementation", "./mine.py", "--python", "torch=a b"]
    assert trusted.flags(run(case())) == []
