"""Names of versions: every kind, in order, and names that are refused."""

import hashlib
import importlib.metadata
import sys

import pytest

from bench.errors import UserError
from bench.regression.versions.names import Version, find_incompatibility, parse_version
from bench.runner.process import interpreters
from bench.worker import machine


def refused(text):
    """Return the error message for a text that names no version."""
    with pytest.raises(UserError) as error:
        parse_version(text)
    assert len(str(error.value).splitlines()) == 1
    return str(error.value)


def test_dot_is_the_working_tree():
    assert parse_version(".") == Version(".", "tree")


def test_file_is_identified_by_its_hash(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    source = b"# \xe4 in Latin-1\n# -*- coding: latin-1 -*-\npattern = '\\d'\n"
    (tmp_path / "a.py").write_bytes(source)
    expected = hashlib.sha256(source).hexdigest()
    assert parse_version("./a.py") == Version("./a.py", "file", sha256=expected, path="./a.py")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"def f(:\n", "invalid syntax, line 1"),
        (b"one = 1\n\xff\n", "not Python"),
        (b"one = '\0'\n", "null bytes"),
        (b"-" * 100_000 + b"1", "is not Python: "),
        (b"1" + b"+1" * 100_000, "is not Python: "),
    ],
)
def test_file_that_is_not_python_is_refused(tmp_path, content, reason):
    (tmp_path / "a.py").write_bytes(content)
    assert reason in refused(str(tmp_path / "a.py"))


def test_missing_file_is_refused(tmp_path):
    assert "No such file" in refused(str(tmp_path / "a.py"))
    (tmp_path / "b.py").mkdir()
    assert "regular file" in refused(str(tmp_path / "b.py"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("scikit-learn==1.8.0", ("scikit-learn==1.8.0",)),
        ("Scikit_Learn==1.8.0", ("scikit-learn==1.8.0",)),
        ("tensorflow==2.18 keras==3.9", ("keras==3.9", "tensorflow==2.18")),
        ("torch>=2.9,<2.10 jax~=0.6", ("jax~=0.6", "torch<2.10,>=2.9")),
        ("jax[cuda12,b]==0.6 numpy!=2.0", ("jax[b,cuda12]==0.6", "numpy!=2.0")),
        ("numpy==2.4.*", ("numpy==2.4.*",)),
    ],
)
def test_requirements_are_normalized_and_sorted(text, expected):
    assert parse_version(text) == Version(text, "packages", requirements=expected)


@pytest.mark.parametrize(
    "text", ["keras==", "keras==3.9 torch==x!", "scikit-learn=1.8.0", "keras==3.9; python<'4'"]
)
def test_malformed_requirement_is_refused(text):
    assert refused(text).endswith("Write it as in scikit-learn==1.8.0")


def test_repeated_or_marked_requirement_is_refused():
    assert "keras is named twice" in refused("keras==3.9 Keras==3.10")
    assert "give only a name and a release" in refused('keras==3.9;python_version<"4"')


@pytest.mark.parametrize("text", ["numpy", "NumPy", "keras==3.9 numpy", "numpy == 2.0"])
def test_package_without_a_release_is_refused(text, repository):
    installed = importlib.metadata.version("numpy")
    assert f"say which release, e.g. numpy=={installed}" in refused(text).lower()


def test_missing_framework_without_a_release_is_refused(repository, monkeypatch):
    def absent(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", absent)
    assert refused("torch") == "torch: say which release, as in scikit-learn==1.8.0"


def test_python_path_is_an_interpreter(repository):
    assert parse_version(sys.executable) == Version(
        sys.executable, "interpreter", path=sys.executable
    )


def test_python_is_searched_on_path(program, monkeypatch, tmp_path):
    program("python-of-mine", f'exec {sys.executable} "$@"')
    monkeypatch.setenv("PATH", str(tmp_path))
    assert parse_version("python-of-mine").kind == "interpreter"


@pytest.mark.parametrize("text", ["/nowhere/python", "./python", "../x", "~/nowhere/bin/python"])
def test_path_without_an_executable_is_refused(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert refused(text).startswith(f"{text} is no executable")


def test_revision_is_identified_by_its_commit(repository):
    first = repository.git("rev-parse", "HEAD")
    second = repository.commit(softmax_numpy="two = 2")
    repository.git("tag", "--annotate", "v1", "--message", "one", first)
    for text, commit in {"main": second, "HEAD~1": first, first[:8]: first, "v1": first}.items():
        assert parse_version(text) == Version(text, "revision", commit=commit)


def test_branch_precedes_package_and_follows_executable(repository, monkeypatch):
    repository.git("branch", "numpy")
    repository.git("branch", "python")
    assert parse_version("numpy").kind == "revision"
    monkeypatch.setattr(
        interpreters, "find_executable", lambda name: name == "python" and sys.executable
    )
    assert parse_version("python").kind == "interpreter"


@pytest.mark.parametrize("text", ["HEAD@{1}", "HEAD^{/as a test}", "heads/main"])
def test_git_revision_syntax_is_understood(text, repository):
    repository.commit(softmax_numpy="two = 2")
    assert parse_version(text).kind == "revision"


def test_unknown_revision_suggests_similar_names(repository):
    repository.git("branch", "faster-numpy")
    assert "did you mean main?" in refused("mian")
    assert "did you mean faster-numpy?" in refused("fast-numpy")
    assert "git branch --all" in refused("zzz")
    assert "unknown revision 'HEAD^{tree}'" in refused("HEAD^{tree}")
    assert "unknown revision '--all'" in refused("--all")
    assert "unknown revision ''" in refused("  ")


def test_shallow_clone_suggests_unshallow(repository, tmp_path, monkeypatch):
    first = repository.git("rev-parse", "HEAD")
    repository.commit(softmax_numpy="two = 2")
    shallow = tmp_path / "shallow"
    repository.git("clone", "--quiet", "--depth=1", f"file://{repository.folder}", shallow)
    monkeypatch.setattr(machine, "ROOT", shallow)
    assert "git fetch --unshallow" in refused(first)


def test_revision_outside_a_checkout_is_refused(repository, tmp_path, monkeypatch):
    within = repository.folder / "site-packages"  # the repository of another project
    within.mkdir()
    monkeypatch.setattr(machine, "ROOT", within)
    assert "outside its git checkout" in refused("main")


def test_revision_without_git_is_refused(repository, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    assert "git, which is not installed" in refused("main")


def test_git_error_is_quoted(repository):
    (repository.folder / ".git" / "config").write_text("[core\n")
    assert "git says: fatal: bad config" in refused("main")


def test_git_hook_variables_are_ignored(repository, tmp_path, monkeypatch):
    commit = repository.git("rev-parse", "HEAD")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "nowhere"))
    assert parse_version("main").commit == commit


SIDES = {
    "revision": Version("main", "revision", commit="c"),
    "tree": Version(".", "tree"),
    "packages": Version("keras==3", "packages", requirements=("keras==3",)),
    "interpreter": Version("./python", "interpreter", path="./python"),
    "file": Version("a.py", "file", path="a.py", sha256="0"),
}
COMPARABLE = [
    {"revision"},
    {"revision", "tree"},
    {"tree"},
    {"packages"},
    {"packages", "tree"},
    {"interpreter"},
    {"interpreter", "tree"},
    {"file"},
]


@pytest.mark.parametrize("base", SIDES)
@pytest.mark.parametrize("candidate", SIDES)
def test_comparable_kinds(base, candidate):
    fault = find_incompatibility(SIDES[base], SIDES[candidate])
    assert (fault is None) == ({base, candidate} in COMPARABLE)
