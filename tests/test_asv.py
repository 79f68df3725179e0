"""What is exported for asv, read by asv."""

import json
import subprocess
from statistics import quantiles

import pytest
from fixtures_exports import (
    ABSENT,
    ALONE,
    COMMIT,
    FAILED,
    GOOD,
    NEVER,
    PART,
    REFERENCE,
    WRONG,
    figures,
    loaded,
    measured,
    python,
    surroundings,
)
from fixtures_records import bare, case, environment, ok, run, trials, write

from bench import store
from bench.error import UserError
from bench.formats import asv
from bench.report.loaded import load

LOADED = """
import json, sys
from asv import util
from asv.benchmarks import Benchmarks
from asv.config import Config
from asv.machine import iter_machine_files
from asv.results import iter_results

conf = Config()
conf.results_dir = sys.argv[1]
found = {"machines": [util.load_json(one, 1) for one in iter_machine_files(conf.results_dir)],
         "benchmarks": dict(Benchmarks.load(conf)), "results": []}
for one in iter_results(conf.results_dir):
    values = {}
    for key in one.get_all_result_keys():
        params = one.get_result_params(key)
        values[key] = [one.get_result_value(key, params), one.get_result_stats(key, params),
                       one.get_result_samples(key, params), one.benchmark_version[key]]
    found["results"].append({"commit": one.commit_hash, "date": one.date, "values": values,
                             "machine": one.params, "environment": one.env_name})
print(json.dumps(found))
"""


def read(folder):
    """Return what asv's own loaders read of a results folder."""
    return json.loads(python(folder, "-c", LOADED, folder))


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mixed")
    asv.save(loaded(folder / "run"), folder / "results")
    return read(folder / "results")


def repository(folder):
    """Make a repository of two commits with asv's configuration; return the older and the newer."""

    def git(*arguments):
        done = subprocess.run(
            ["git", "-c", "user.name=a", "-c", "user.email=a", *arguments],
            cwd=folder, capture_output=True, text=True, check=True,
        )  # fmt: skip
        return done.stdout.split()

    git("init", "--quiet", "--initial-branch=main")
    for message in ("older", "newer"):
        git("commit", "--quiet", "--allow-empty", f"--message={message}")
    conf = {
        "version": 1, "project": "softmax", "repo": ".", "branches": ["main"],
        "results_dir": "results", "html_dir": "html", "environment_type": "existing",
    }  # fmt: skip
    (folder / "asv.conf.json").write_text(json.dumps(conf))
    return git("log", "--reverse", "--format=%H")


def test_asv_compares_and_publishes_the_runs_of_two_commits(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))  # it would write a file there
    project = tmp_path / "project"
    project.mkdir()
    older, newer = repository(project)
    for commit, factor in ((older, 1), (newer, 2)):
        records = [
            *trials(GOOD, *(factor * (0.5 + step / 1000) for step in range(8))),
            *trials(PART, 0.25, 0.26), ok(ALONE, 1, 2.0 * factor),
            ok(FAILED) if commit == older else bare(FAILED, reason="killed"),
        ]  # fmt: skip
        folder = write(tmp_path / commit, run(GOOD, PART, ALONE, FAILED), *records,
                       **surroundings(commit=commit))  # fmt: skip
        asv.save(load(folder), project / "results")
    shown = python(project, "-m", "asv", "compare", older, newer)
    lines = {line.split("|")[-2].strip(): line for line in shown.splitlines() if "cpu-b32" in line}
    marks = {name: line.split("|")[1].strip() for name, line in lines.items()}
    assert marks == {GOOD.slug: "+", PART.slug: "", ALONE.slug: "+", FAILED.slug: "!"}
    assert "2.00" in lines[GOOD.slug]
    python(project, "-m", "asv", "publish")
    index = json.loads((project / "html" / "index.json").read_text())
    assert index["benchmarks"].keys() == marks.keys()
    assert sorted(index["revision_to_hash"].values()) == sorted([older, newer])


def test_results_are_the_figures_of_the_report_and_samples_a_median_a_process(tmp_path):
    medians = (0.5, 0.25, 1.0, 0.75)
    folder = write(tmp_path / "run", run(GOOD), *trials(GOOD, *medians), **surroundings())
    asv.save(load(folder), tmp_path / "results")
    (results,) = read(tmp_path / "results")["results"]
    (value,), (stats,), (samples,), _ = results["values"][GOOD.slug]
    mean, low, high = figures(folder, 0.99)[GOOD.slug]
    assert (value, samples) == (pytest.approx(mean, rel=1e-12), list(medians))
    lower, _, upper = quantiles(medians, n=4, method="inclusive")
    assert stats == pytest.approx({"ci_99_a": low, "ci_99_b": high, "q_25": lower, "q_75": upper,
                                   "number": 1, "repeat": 4}, rel=1e-9)  # fmt: skip


def test_the_published_run_gives_every_figure_of_its_report():
    found = json.loads(asv.write(load(REFERENCE)))
    expected, epochs = figures(REFERENCE, 0.99), measured(REFERENCE)
    columns = found["result_columns"]
    good = {name: dict(zip(columns, values, strict=False))
            for name, values in found["results"].items() if values[0]}  # fmt: skip
    assert good.keys() == expected.keys()
    for name, result in good.items():
        mean, low, high = expected[name]
        assert result["result"] == [pytest.approx(mean, rel=1e-12)]
        assert result["stats_ci_99_a"] == (low and [pytest.approx(low, rel=1e-9)])
        assert result["stats_ci_99_b"] == (high and [pytest.approx(high, rel=1e-9)])
        assert len(result["samples"][0]) == len(epochs[name])


def test_a_case_that_failed_is_a_failure_and_what_was_unavailable_or_not_tried_has_no_result(mixed):
    (results,) = mixed["results"]
    values = results["values"]
    assert values.keys() == {each.slug for each in (GOOD, PART, WRONG, ALONE, FAILED)}
    assert values[FAILED.slug][0] == [None]
    assert mixed["benchmarks"].keys() == values.keys() | {ABSENT.slug}
    assert NEVER.slug not in mixed["benchmarks"]


def test_one_process_has_no_interval(mixed):
    (results,) = mixed["results"]
    value, (stats,), samples, _ = results["values"][ALONE.slug]
    assert (value, samples) == ([2.0], [[2.0]])
    assert stats == {"q_25": 2.0, "q_75": 2.0, "number": 1, "repeat": 1}


def test_machine_commit_and_environment_are_those_of_the_records(mixed):
    (results,), (machine,) = mixed["results"], mixed["machines"]
    known = {"machine": "0123456789ab", "os": "Linux 6.1", "arch": "x86_64", "cpu": "Test CPU",
             "num_cpu": "4", "ram": "8 GiB"}  # fmt: skip
    assert {name: machine[name] for name in known} == known
    assert results["machine"] == {**known, "python": "3.11"}
    assert results["commit"] == COMMIT
    assert results["environment"] == "existing-py3.11"
    assert results["date"] == 1735787045000


def test_the_requirements_are_the_frameworks_of_the_cases(tmp_path):
    one, other = case(), case("jax", framework="jax")
    folder = write(tmp_path / "run", run(one, other), ok(one), ok(other), **surroundings())
    found = json.loads(asv.write(load(folder)))
    assert found["requirements"] == {"jax": "0.8", "torch": "2.9.1"}


def test_results_on_other_data_are_of_another_version_of_the_benchmark(tmp_path):
    versions = []
    for sha256 in ({"train": "a"}, {"train": "b"}, {"train": "a"}):
        folder = write(tmp_path / str(len(versions)), run(GOOD), ok(GOOD),
                       **surroundings(data={"name": "x", "sha256": sha256}))  # fmt: skip
        (columns,) = json.loads(asv.write(load(folder)))["results"].values()
        versions.append(columns[2])
    assert versions[0] == versions[2] != versions[1]


def test_benchmarks_that_are_there_stay_and_results_of_the_same_commit_are_replaced(tmp_path):
    for name, one in (("first", GOOD), ("second", PART)):
        folder = write(tmp_path / name, run(one), ok(one), **surroundings())
        written = asv.save(load(folder), tmp_path / "results")
    found = read(tmp_path / "results")
    assert found["benchmarks"].keys() == {GOOD.slug, PART.slug}
    assert [results["values"].keys() for results in found["results"]] == [{PART.slug}]
    assert [path.name for path in written] == [
        "benchmarks.json", "machine.json", "01234567-existing-py3.11.json",
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["", "{", "[1]", "\udcff"])
def test_a_list_of_benchmarks_that_is_none_is_not_written_over(tmp_path, text):
    content = text.encode("utf-8", "surrogateescape")
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "benchmarks.json").write_bytes(content)
    with pytest.raises(UserError, match=r"benchmarks\.json"):
        asv.save(loaded(tmp_path / "run"), tmp_path / "results")
    assert (tmp_path / "results" / "benchmarks.json").read_bytes() == content


@pytest.mark.parametrize("commit", [None, "", "not a commit", "../x"])
def test_a_run_of_no_commit_has_no_place_in_a_results_folder(tmp_path, commit):
    folder = write(tmp_path / "run", run(GOOD), ok(GOOD), **surroundings(commit=commit))
    with pytest.raises(UserError, match="no commit; choose another format"):
        asv.write(load(folder))


@pytest.mark.parametrize("moment", ["yesterday", "0001-01-01T00:00:00+14:00"])
def test_nor_has_a_run_that_was_at_no_time(tmp_path, moment):
    folder = write(tmp_path / "run", run(GOOD, created=moment), ok(GOOD), **surroundings())
    with pytest.raises(UserError, match="no time in ISO 8601"):
        asv.write(load(folder))


def test_no_id_of_a_machine_leads_out_of_the_results_folder(tmp_path):
    machine = {**surroundings()["machine"], "id": "../../x"}
    folder = write(tmp_path / "run", run(GOOD), ok(GOOD), **surroundings(machine=machine))
    for path in asv.save(load(folder), tmp_path / "results"):
        assert path.resolve().is_relative_to(tmp_path / "results")


def test_nor_has_a_run_of_two_commits(tmp_path):
    folder = write(tmp_path / "run", run(GOOD, PART), ok(GOOD), ok(PART, environment="later"),
                   **surroundings())  # fmt: skip
    later = surroundings(commit="f" * 40)
    store.add_environment(folder, environment(**{**later, "id": "later"}))
    with pytest.raises(UserError, match="2 commits"):
        asv.write(load(folder))


def test_a_machine_without_an_id_is_named_by_what_is_known_of_it(tmp_path):
    names = []
    for machine in ({"id": "../up", "cpu": "a"}, {"cpu": "a"}, {"cpu": "b"}):
        folder = write(tmp_path / str(len(names)), run(GOOD), ok(GOOD),
                       **surroundings(machine=machine))  # fmt: skip
        names.append(json.loads(asv.write(load(folder)))["params"]["machine"])
    assert len(set(names)) == 3
    assert all(name.isalnum() for name in names)
