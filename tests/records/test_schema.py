"""Records are immutable and strict, and different cases have different slugs."""

import msgspec
import pytest
from support.comparisons import comparison
from support.records import bare, case, environment, run

from bench.records.schema import Parity, Trial


@pytest.mark.parametrize(
    "struct",
    [
        case(),
        Trial("r1-x", "trial", 1, case()),
        Parity(0.0, 1e-5, passed=True),
        bare(case()),
        environment(),
        run(),
    ],
    ids=lambda struct: type(struct).__name__,
)
def test_structs_are_immutable_and_strict(struct):
    for name in struct.__struct_fields__:
        with pytest.raises(AttributeError, match="immutable"):
            setattr(struct, name, None)
    assert msgspec.convert(msgspec.to_builtins(struct), type(struct)) == struct
    if type(struct) is not Trial:  # it is never written to a file
        with pytest.raises(msgspec.ValidationError, match="unknown field `speed`"):
            msgspec.convert({**msgspec.to_builtins(struct), "speed": 1}, type(struct))


def test_renamed_fields_keep_their_names_on_disk():
    probes = {"textbook": (case("textbook-keras"),), "rooflines": (case("numpy"),)}
    plan = msgspec.to_builtins(run(case(), data_source="digits", **probes))
    assert {"figures", "ceilings"} <= plan.keys()
    assert (plan["data"], plan["cases"][0]["data"]) == ("digits", "resident")
    assert msgspec.to_builtins(comparison(data_source="digits"))["data"] == "digits"


def test_other_variables_of_the_user_make_another_case():
    envs = [{}, {"A": "1"}, {"A": "2"}, {"B": "1"}, {"A": "1", "B": "1"}]
    cases = [case(env=env, threads=threads) for env in envs for threads in (1, 2)]
    assert (len({one.slug for one in cases}), len({one.base_slug for one in cases})) == (10, 5)
    assert case(env={"A": "1", "B": "2"}).slug == case(env={"B": "2", "A": "1"}).slug


def test_variables_of_the_user_override_those_of_the_registry():
    of = case(variables={"A": "1", "B": "1"}, env={"A": "2", "C": "2"})
    assert of.worker_variables == {"A": "2", "B": "1", "C": "2"}
