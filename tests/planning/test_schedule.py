"""What a run has at any moment is worth most, on machines whose recorded times are played."""

import pytest
from studies import schedule


@pytest.mark.parametrize("machine", schedule.MACHINES)
def test_both_workloads_are_whole_before_any_row_has_its_second_or_third_process(machine):
    ended = schedule.play(*schedule.MACHINES[machine])
    single = [trial for _, trial in ended if trial.kind == "trial" and trial.case.threads == 1]
    rounds = [trial.round for trial in single]
    assert rounds[:60] == ([1] * 30 + [2] * 30)[: len(rounds)]
    assert len(rounds) > 30
    assert [trial.case.workload for trial in single[:30]] == ["sgd"] * 16 + ["textbook"] * 14
    kinds = [trial.kind for _, trial in ended]
    assert "textbook" not in kinds[:60]
    if "roofline" in kinds:  # the programs of the chapter come before the probes
        assert kinds.index("textbook") < kinds.index("roofline")
