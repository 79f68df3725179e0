"""Names of versions: every kind, in order, and names that are refused."""

import hashlib

import pytest

from bench.errors import UserError
from bench.regression.versions.names import Version, find_incompatibility, parse_version

NUMPY = "numpy: say which release"


def refuse(text):
    """Return the error message for a text that names no version."""
    with pytest.raises(UserError) as error:
        parse_version(text)
    assert "\n" not in str(error.value)
    assert "secret" not in str(error.value)
    return str(error.value).replace("NumPy", "numpy")


def test_file_is_identified_by_its_hash(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    source = b"# \xe4 in Latin-1\n# -*- coding: latin-1 -*-\npattern = '\\d'\n"
    (tmp_path / "a.py").write_bytes(source)
    expected = hashlib.sha256(source).hexdigest()
    assert parse_version("./a.py") == Version("./a.py", "file", sha256=expected, path="./a.py")


def test_packages_are_wheels_addresses_and_releases(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("dist/x-1-py3-none-any.whl", "of alice/y-1-py3-none-any.whl"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch(mode=0o755)  # it is no Python for all that
    wheel = (tmp_path / "dist" / "x-1-py3-none-any.whl").as_uri()
    git = "git+https://host/x.git@main#subdirectory=x"
    for text, requirements in {
        "./dist/x-1-py3-none-any.whl": (wheel,),
        "of alice/y-1-py3-none-any.whl": (wheel.replace("dist/x", "of%20alice/y"),),
        "https://host/y.whl  dist/x-1-py3-none-any.whl": (wheel, "https://host/y.whl"),
        git: (git,),
        f"x[a] @ {git} z==2": (f"x[a] @ {git}", "z==2"),
        "git+ssh://git@host/x": ("git+ssh://git@host/x",),
    }.items():
        version = parse_version(text)
        assert (version.kind, version.requirements) == ("packages", requirements)
    assert (
        parse_version(f"{tmp_path}/dist/x-1-py3-none-any.whl z==2").name
        == "./dist/x-1-py3-none-any.whl z==2"
    )


def test_missing_file_is_refused(tmp_path):
    assert "No such file" in refuse(str(tmp_path / "a.py"))
    (tmp_path / "b.py").mkdir()
    assert "Name an existing .py file" in refuse(str(tmp_path / "b.py"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("keras==", "Write it as in scikit-learn==1.8.0"),
        ("keras==3.9 torch==x!", "Write it as in scikit-learn==1.8.0"),
        ("scikit-learn=1.8.0", "Write it as in scikit-learn==1.8.0"),
        ("keras==3.9 Keras==3.10", "each name once"),
        ('keras==3.9;python_version<"4"', "give only a name and a release"),
        ("./x.whl", "there is no wheel ./x.whl"),
        ("https://alice:secret@host/x.whl", "~/.netrc"),
        ("x @ git+https://secret@host/x", "~/.netrc"),
        ("https://host/x.whl?key=secret", "~/.netrc"),
        ("numpy", NUMPY),
        ("NumPy", NUMPY),
        ("keras==3.9 numpy", NUMPY),
        ("numpy == 2.0", NUMPY),
        ("/nowhere/python", "/nowhere/python is no executable"),
        ("~/nowhere/bin/python", "~/nowhere/bin/python is no executable"),
        ("mian", "Did you mean main?"),
        ("zzz", "git branch --all"),
        ("main~1", "main has no parent main~1 here. It is among the first"),
        ("HEAD^", "HEAD has no parent HEAD^ here. It is among the first"),
        ("HEAD^{tree}", "unknown revision 'HEAD^{tree}'"),
        ("--all", "unknown revision '--all'"),
        ("  ", "unknown revision ''"),
    ],
)
def test_name_of_no_version_is_refused_with_a_hint(text, words, repository):
    assert words in refuse(text)


def test_revision_is_identified_by_its_commit(repository, tmp_path, monkeypatch):
    first = repository.git("rev-parse", "HEAD")
    second = repository.commit(softmax_numpy="two = 2")
    repository.git("tag", "--annotate", "v1", "--message", "one", first)
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "nowhere"))  # as a git hook sets it
    commits = {"main": second, "HEAD~1": first, first[:8]: first, "v1": first}
    for text, commit in {**commits, "HEAD^{/as a test}": second, "heads/main": second}.items():
        assert parse_version(text) == Version(text, "revision", commit=commit)


def test_shallow_clone_suggests_unshallow(repository, tmp_path, monkeypatch):
    first = repository.git("rev-parse", "HEAD")
    repository.commit(softmax_numpy="two = 2")
    shallow = tmp_path / "shallow"
    repository.git("clone", "--quiet", "--depth=1", f"file://{repository.folder}", shallow)
    monkeypatch.chdir(shallow)
    assert "git fetch --unshallow" in refuse(first)
    assert "fetch-depth: 2" in refuse("HEAD~1")


def test_revision_without_a_usable_repository_is_refused(repository, monkeypatch):
    (repository.folder / ".git" / "config").write_text("[core\n")
    assert "git says: fatal: bad config" in refuse("main")
    monkeypatch.setenv("PATH", "/nowhere")
    assert "git, which is not installed" in refuse("main")


def test_revision_outside_of_any_repository_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "in no git repository" in refuse("main")


COMPARABLE = {
    "revision": {"revision", "tree", "folder"},
    "tree": {"tree", "revision", "folder", "packages", "interpreter"},
    "folder": {"revision", "tree", "folder"},
    "packages": {"packages", "tree"},
    "interpreter": {"interpreter", "tree"},
    "file": {"file"},
}


@pytest.mark.parametrize("baseline", COMPARABLE)
@pytest.mark.parametrize("candidate", COMPARABLE)
def test_only_some_kinds_are_comparable(baseline, candidate):
    fault = find_incompatibility(Version("a", baseline), Version("b", candidate))
    assert (fault is None) == (candidate in COMPARABLE[baseline])
