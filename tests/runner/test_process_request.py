"""What a child is asked is all it needs, in words that JSON has."""

import json

from bench.runner.process import request


def test_a_case_is_asked_for_with_all_that_decides_what_is_trained(make_case, digits):
    asked = request.build_training("trial", make_case(batch_size=8, epochs=3), digits, 7)
    assert json.loads(json.dumps(asked)) == {
        "mode": "trial", "module": "idiomatic.softmax_numpy", "file": None, "extra": "",
        "data": str(digits.folder), "classes": 10, "workload": "sgd", "device": "cpu",
        "batch_size": 8, "samples": 1440, "epochs": 3, "seed": 7,
    }  # fmt: skip


def test_somebodys_own_file_is_named_wherever_the_child_stands(make_case, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert request.describe_source(make_case(file="own.py"))["file"] == str(tmp_path / "own.py")


def test_a_ceiling_is_asked_for_at_every_number_of_samples_once_the_fewest_first(make_case):
    asked = request.build_roofline(
        make_case(module="roofline.roofline_numpy"), 64, [1440, 96, 1440]
    )
    assert asked == {
        "mode": "ceiling", "module": "roofline.roofline_numpy", "file": None, "extra": "",
        "device": "cpu",
        "features": 64, "samples": [96, 1440],
    }  # fmt: skip
