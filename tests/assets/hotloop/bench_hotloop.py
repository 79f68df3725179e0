"""A benchmark of pytest-benchmark."""

import hotloop


def test_run(benchmark):
    assert benchmark(hotloop.run, hotloop.ROUNDS // 100) > 0
