"""Packages from wheels, repositories and indexes: what has changed is installed anew."""

import functools
import hashlib
import http.server
import importlib.metadata
import json
import shutil
import subprocess
import threading

import pytest
from support.pretended import Pretended
from support.versions import write_project

from bench.errors import UserError
from bench.records import store
from bench.regression.programs.comparison_plan import ComparisonPlan
from bench.regression.versions import venv
from bench.regression.versions.names import parse_version
from bench.regression.versions.venv import PipOptions, ensure_environment, read_options

NUMPY = importlib.metadata.version("numpy")


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """The folder of environments, each of which is built once for all tests."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def packages(monkeypatch, wheels, cache):
    """Have a cache of one's own, and wheels of NumPy and of a tool."""
    monkeypatch.setenv("SOFTMAX_BENCH_CACHE", str(cache))
    monkeypatch.setattr(venv.machine, "list_software", lambda: {"distributions": {}})
    wheels("numpy", NUMPY)
    wheels("part", "1.0")
    wheels("tool", "1.0")


@pytest.fixture
def index(tmp_path, monkeypatch):
    """Serve the tool's wheels from a folder as an index that asks for a password."""
    folder = tmp_path / "index"
    (folder / "tool").mkdir(parents=True)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=folder)
    monkeypatch.setattr(http.server.SimpleHTTPRequestHandler, "log_message", lambda *_: None)
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://alice:secret@127.0.0.1:{server.server_port}/"
        server.shutdown()


def resolve(text, pip=PipOptions()):  # noqa: B008 - frozen
    return venv.resolve_requirements(parse_version(text).requirements, pip, lambda line: None)


def install(requirements):
    """Return the Python of an environment with these and NumPy."""
    spec = venv.specify_environment(requirements, ())
    return ensure_environment(spec, lambda line: None)


def evaluate(python, code):
    return subprocess.check_output([python, "-I", "-c", code], text=True).strip()


def test_wheel_that_was_built_again_is_installed_anew(tmp_path, wheels):
    path = tmp_path / "wheels" / "tool-1.0-py3-none-any.whl"
    find = "import importlib.util as u; print(u.find_spec('part') is not None)"
    pythons = {}
    for parts in ((), ("part",)):
        wheels("tool", "1.0", *parts)
        (requirement,) = resolve(str(path))
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        assert requirement == f"tool @ {path.as_uri()}#sha256={digest}"
        assert resolve(requirement) == (requirement,)
        pythons[install([requirement])] = parts
        assert install([requirement]) in pythons
    assert [evaluate(python, find) for python in pythons] == ["False", "True"]


def test_branch_is_installed_at_its_commit(repository):
    folder = repository.folder
    versions = {}
    for version in ("one", "two"):
        repository.git("add", *write_project(folder, f"version = {version!r}\n"))
        commit = repository.commit()
        (requirement,) = resolve(f"git+{folder.as_uri()}@main")
        assert requirement == f"tool @ git+{folder.as_uri()}@{commit}"
        versions[evaluate(install([requirement]), "import tool; print(tool.version)")] = commit
    assert [*versions] == ["one", "two"]


def test_project_in_a_subfolder_of_the_repository_keeps_its_place(repository):
    (repository.folder / "py").mkdir()
    write_project(repository.folder / "py", "version = 'one'\n")
    repository.git("add", "py")
    text = f"git+{repository.folder.as_uri()}@{repository.commit()}#subdirectory=py"
    assert resolve(text) == (f"tool @ {text}",)


def test_folder_is_refused_because_nothing_identifies_its_contents(tmp_path):
    write_project(tmp_path, "version = 'one'\n")
    with pytest.raises(UserError, match="Build a wheel"):
        resolve(tmp_path.as_uri())


def test_newest_release_of_an_index_is_looked_up_each_time(index, tmp_path, wheels, monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", index)
    release = read_options()
    monkeypatch.setenv("PIP_PRE", "1")
    pre = read_options()
    monkeypatch.delenv("PIP_PRE")
    for version in ("2.0.dev1", "2.0.dev2"):
        wheels("tool", version)
        for wheel in (tmp_path / "wheels").glob(f"tool-{version}-*"):
            shutil.move(wheel, tmp_path / "index" / "tool")
        assert resolve("tool>0.5", release) == ("tool==1.0",)
        assert resolve("tool>0.5", pre) == (f"tool=={version}",)
    assert resolve("tool==2.0.dev1", release) == ("tool==2.0.dev1",)


def test_range_fits_what_the_other_requirements_need(wheels):
    wheels("part", "2.0")
    wheels("tool", "1.0", "part<2")
    assert resolve("tool==1.0 part>=1", read_options()) == ("part==1.0", "tool==1.0")


def test_failure_names_no_index(index, tmp_path, monkeypatch):
    page = '<a href="tool-8.0-py3-none-any.whl">tool-8.0-py3-none-any.whl</a>'  # is not there
    (tmp_path / "index" / "tool" / "index.html").write_text(page)
    lines = []
    monkeypatch.setenv("PIP_INDEX_URL", index)
    options = read_options()
    with pytest.raises(UserError) as error:
        venv.resolve_requirements(("tool>7",), options, lines.append)
    text = "\n".join([*lines, str(error.value)])
    assert "HTTP error 404" in text
    assert "<index>" in text
    assert not {word for word in ("secret", "alice", "127.0.0.1") if word in text}


def test_constraints_replace_the_installed_releases(tmp_path, monkeypatch):
    installed = {"numpy": "2.3.0", "part": "1.0", "keras": "3.9"}
    monkeypatch.setattr(venv.machine, "list_software", lambda: {"distributions": installed})
    file = tmp_path / "constraints.txt"
    file.write_text("# of alice\n\nNumPy<2.4  # not the newest\n")
    monkeypatch.setenv("PIP_CONSTRAINT", str(file))
    options = read_options()
    spec = venv.specify_environment(["keras==3.8"], (), options)
    assert spec.constraints == ("NumPy<2.4", "part==1.0")


@pytest.mark.parametrize("content", [None, "-c more.txt\n", "numpy<\n"])
def test_file_without_constraints_is_refused(tmp_path, monkeypatch, content):
    file = tmp_path / "constraints.txt"
    if content:
        file.write_text(content)
    monkeypatch.setenv("PIP_CONSTRAINT", str(file))
    with pytest.raises(UserError, match="constraint in each line") as error:
        read_options()
    assert "\n" not in str(error.value)


def test_options_of_pip_build_another_environment():
    options = [{}, {"PIP_PRE": "1"}, {"PIP_INDEX_URL": "x"}, {"PIP_INDEX_URL": "y"}]
    specs = [venv.specify_environment((), (), PipOptions(variables=one)) for one in options]
    keys = {venv.machine.fingerprint(venv.asdict(spec)) for spec in specs}
    assert len(keys) == len(options)


def test_plan_has_hashes_and_neither_paths_nor_indexes(
    index, called, tmp_path, wheels, monkeypatch
):
    Pretended().install(monkeypatch)
    (tmp_path / "elsewhere").mkdir()
    for release in ("1.0", "2.0"):
        wheels("tool", release)
        shutil.move(
            tmp_path / "wheels" / f"tool-{release}-py3-none-any.whl", tmp_path / "elsewhere"
        )
    first, second = sorted((tmp_path / "elsewhere").iterdir())
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    arguments = (f"--base={first}", "--candidate", second, "--implementation=numpy")
    for name, value in {"INDEX_URL": index, "EXTRA_INDEX_URL": index, "PRE": "1"}.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    status, out, err = called("ab", *arguments, "--data=digits", "--format=json", "--output=out")
    assert status == 0
    assert json.loads(out)["candidate"]["name"] == f"<path>/{second.name}"
    plan = store.read_plan(here / "out" / "comparison.json", ComparisonPlan)
    assert plan.baseline.requirements == (
        f"tool @ file://<path>/{first.name}#sha256={hashlib.sha256(first.read_bytes()).hexdigest()}",
    )
    files = [path for path in (here / "out").rglob("*") if path.is_file()]
    text = "\n".join([out, err, *(path.read_text() for path in files)])
    assert not {word for word in ("secret", "alice", "127.0.0.1") if word in text}
    assert "elsewhere" not in out + "".join(path.read_text() for path in files)
