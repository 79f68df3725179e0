"""What can be measured of a project, by the texts of its files."""

from bench.regression.commands.workflow import choose_packages, has_benchmark


def test_benchmark_is_a_test_with_the_fixture_or_the_marker():
    test = "def test_a(): ..."
    assert has_benchmark("class TestIt:\n def test_a(self, benchmark): ...")
    assert has_benchmark("def test_a(*, codspeed_benchmark): ...")
    assert has_benchmark(f"@pytest.mark.benchmark\n{test}")
    assert has_benchmark(f"pytestmark = [mark.benchmark(group='a')]\n{test}")
    assert not has_benchmark("def run(benchmark): ...\npytestmark = pytest.mark.benchmark")
    assert not has_benchmark(f"{test} # pytest.mark.benchmark")
    assert not has_benchmark("def test_a(benchmark): print 1")


def test_packages_are_of_the_shortest_group_or_of_a_requirements_file():
    groups = {"all": ["a", "b", "pytest-benchmark"], "perf": [{"include-group": "a"}]}
    extras = {"b": ["pytest-benchmark-tools"], "perf": ["pytest_benchmark >= 5"]}
    project = {"project": {"optional-dependencies": extras}, "dependency-groups": groups}
    texts = {
        "a.txt": "a",
        "b.txt": "-r a\n# b\npytest-codspeed==5; c == 'd' \\\n  --hash=e\n\nf # g",
    }
    assert choose_packages(project, texts) == ["extra:perf"]
    assert choose_packages({"dependency-groups": groups}, texts) == ["group:all"]
    assert choose_packages({}, texts) == ["pytest-codspeed==5; c == 'd'", "f"]
