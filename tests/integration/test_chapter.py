"""The chapter's notebook: its source, its outputs, and what it says about the printed log."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import bench
from bench.cli.app import load_verb
from bench.data import dataset
from bench.errors import DataError

NOTEBOOKS = Path(bench.__file__).parents[1] / "notebooks"
NOTEBOOK = NOTEBOOKS / "chapter.ipynb"


@pytest.fixture(scope="module")
def keras_seeds():
    sys.path.insert(0, str(NOTEBOOKS))
    import keras_seeds

    yield keras_seeds
    sys.path.remove(str(NOTEBOOKS))


def list_cells():
    return json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]


def read_text(cells):
    """Return what the cells printed, and their tables and numbers as text."""
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    parts = [part.get("text") or part.get("data", {}).get("text/plain", "") for part in outputs]
    return "\n".join("".join(part) for part in parts)


def assert_chapter(text):
    assert "(60000, 28, 28) (60000,)\n(10000, 28, 28) (10000,)" in text
    assert "[9 0 0 3 0 2 7 2 5 5]" in text
    assert "6000, " * 9 + "6000]" in text
    assert "(48000, 784) (12000, 784)\n[7 3 5 8 6 9 3 3 9 9]" in text
    assert "7,850 parameters" in text
    ((_, accuracy),) = re.findall(r"ours ([\d.]+) and ([\d.]+), the chapter 0.4530", text)
    assert float(accuracy) == pytest.approx(0.8463, abs=0.01)


def test_notebook_has_the_cells_of_its_source():
    jupytext = pytest.importorskip("jupytext")
    source = jupytext.read(NOTEBOOKS / "chapter.py")["cells"]
    cells = list_cells()
    pairs = [
        [(cell["cell_type"], "".join(cell["source"])) for cell in part] for part in (source, cells)
    ]
    assert pairs[0] == pairs[1], "renew chapter.ipynb: docs/chapter.md has the command"


def run_cell(number, **names):
    """Run a cell of code, by its place among these."""
    cells = list_cells()
    sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    exec(sources[number], names)


def test_first_cell_unpacks_and_installs_the_suite_on_colab(tmp_path, monkeypatch):
    commands = []
    monkeypatch.setattr(subprocess, "run", lambda command, **_: commands.append(command))
    monkeypatch.setattr(sys, "path", sys.path.copy())
    suite = tmp_path / "suite"
    (suite / "notebooks").mkdir(parents=True)
    shutil.make_archive(str(tmp_path / "softmax-bench"), "zip", suite)
    monkeypatch.chdir(tmp_path)
    run_cell(0)
    assert (Path.cwd(), commands) == (tmp_path, [])
    monkeypatch.setitem(sys.modules, "google.colab", sys)
    for _ in range(2):  # once more, as in a notebook
        run_cell(0)
        assert Path.cwd() == tmp_path / "softmax-bench" / "notebooks"
        assert sys.path[:2] == [str(Path.cwd()), str(Path.cwd().parent)]
    ((*_, requirement),) = commands
    assert requirement == "./softmax-bench[report,gpu]"


def test_last_cell_measures_on_both_devices_on_colab(monkeypatch, tmp_path, capfd):
    names = {"os": os, "sys": sys, "subprocess": subprocess}
    run_cell(-1, **names)
    assert capfd.readouterr().out == ""
    monkeypatch.setitem(sys.modules, "google.colab", sys)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")  # as the second cell leaves it
    (tmp_path / "bench.py").write_text(
        "import os, sys\nprint(os.getcwd(), os.environ.get('CUDA_VISIBLE_DEVICES'), *sys.argv[1:])"
    )
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path / "notebooks")
    run_cell(-1, **names)
    folder, visible, verb, *arguments = capfd.readouterr().out.split()
    assert (folder, visible) == (str(tmp_path), "None")
    command = load_verb(verb)
    options = command.make_context(verb, arguments).params
    assert options["device"] == ("cpu", "gpu")
    assert options["quick"]


def test_stored_outputs_are_the_chapters():
    cells = list_cells()
    text = read_text(cells)
    assert_chapter(text)
    (crossed,) = re.findall(r"ours ([\d.]+), the chapter 0.8196", text)
    assert float(crossed) == pytest.approx(0.8196, abs=0.003)
    pictures = [
        kind
        for cell in cells
        for output in cell.get("outputs", [])
        for kind in output.get("data", {})
        if kind.startswith("image/")
    ]
    assert pictures == ["image/png", "image/svg+xml", "image/png", "image/png"]


def test_stored_tables_are_of_todays_published_run(monkeypatch):
    pytest.importorskip("pandas")
    monkeypatch.chdir(NOTEBOOKS)
    names = {"bench": bench}
    cells = list_cells()
    tables = [cell for cell in cells if "trials" in "".join(cell["source"]) and "outputs" in cell]
    assert len(tables) == 2
    for cell in tables:
        exec("".join(cell["source"]), names)
        table = eval(cell["source"][-1], names)
        assert read_text([cell]) == repr(table), "renew it: CONTRIBUTING.md, Published runs"


def test_page_has_the_accuracies_of_the_notebook():
    page = (NOTEBOOKS.parent / "docs" / "chapter.md").read_text(encoding="utf-8")
    text = read_text(list_cells())
    lines = re.findall(r"average=(?:True|False): (.+)", text)
    assert len(lines) == 2
    for line in lines:
        assert f"| {', '.join(line.split())} |" in page


def test_stored_notebook_has_no_errors_and_no_machine():
    text = NOTEBOOK.read_text(encoding="utf-8")
    for output in ('"stderr"', '"error"', "iopub", "/home/", "/tmp/", str(NOTEBOOKS.parent)):
        assert output not in text


@pytest.mark.full
def test_notebook_runs(monkeypatch):
    for package in ("ipykernel", "jupytext", "nbclient", "tensorflow", "sklearn", "altair"):
        pytest.importorskip(package)
    try:
        dataset.find()
    except DataError as error:
        pytest.skip(str(error))
    monkeypatch.syspath_prepend(NOTEBOOKS)
    import execute

    assert_chapter(read_text(execute.execute(skip="slow").cells))


def test_printed_epochs_are_the_second_to_the_sixth(keras_seeds):
    pd = pytest.importorskip("pandas")
    seeds = pd.read_csv(keras_seeds.SEEDS)
    then = seeds[seeds["program"] == "then"]
    assert (then.groupby("epoch")["seed"].nunique() >= 10).all()
    # Ten numbers are tested, so each at 0.01 / 10.
    assert keras_seeds.compare(then, before=1)["p"].min() > 0.001
    for before in (0, 2):
        assert keras_seeds.compare(then, before=before)["p"].min() < 1e-6


def test_page_has_the_means_and_the_comparison_of_the_seeds(keras_seeds):
    import pandas as pd

    page = (NOTEBOOKS.parent / "docs" / "chapter.md").read_text(encoding="utf-8")
    seeds = pd.read_csv(keras_seeds.SEEDS)
    now = seeds[seeds["program"] == "now"].groupby("epoch")
    for quantity in ("loss", "accuracy"):
        means = [f"{now[quantity].mean()[epoch]:.4f}" for epoch in range(1, 6)]
        assert re.findall(rf"^\| {quantity} in five .*\| {' '.join(means)} \|$", page, re.MULTILINE)
    then = seeds[seeds["program"] == "then"]
    tables = [keras_seeds.compare(then, before) for before in (0, 1, 2)]
    first, second, third = (f"{table['t'].abs().max():.1f}" for table in tables)
    text = " ".join(page.split())
    assert f"(largest |t| {second}, least p {tables[1]['p'].min():.2g})" in text
    assert f"(|t| up to {first} and {third})" in text


def test_comparison_by_hand(keras_seeds):
    # Three seeds with loss 1, 2 and 3 in each epoch: mean 2, sd 1, and a factor sqrt(4 / 3).
    import pandas as pd

    rows = [
        {"seed": seed, "epoch": epoch, "loss": seed, "accuracy": seed}
        for seed in (1.0, 2.0, 3.0)
        for epoch in range(1, 8)
    ]
    table = keras_seeds.compare(pd.DataFrame(rows), before=1).loc[("loss", 1)]
    assert (table["our epoch"], table["mean"], table["sd"]) == (2, 2, 1)
    assert table["t"] == pytest.approx((0.4782 - 2) / (4 / 3) ** 0.5)
    # Student's t with two degrees of freedom: p = 1 - |t| / sqrt(2 + t**2).
    assert table["p"] == pytest.approx(1 - 1.3179 / (2 + 1.3179**2) ** 0.5, abs=1e-4)
