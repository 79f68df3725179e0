"""The workflows are valid and ask for little; what they and docs/ci.md run is there to be run."""

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from ruamel.yaml import YAML

import bench

ROOT = Path(bench.__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PAGES = [*WORKFLOWS, ROOT / "docs" / "ci.md", ROOT / "docs" / "gpu.md", ROOT / "CONTRIBUTING.md"]
# Permissions that a job may ask for; every other one is a reason to look twice.
ENOUGH = {"contents": "read"}
# What it takes to publish a site: only of a job that does nothing else.
PUBLISHING = {"pages": "write", "id-token": "write"}
PINNED = re.compile(r"uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
# What somebody else wrote: never in a script, where it would be run.
FOREIGN = re.compile(r"\$\{\{.*?\}\}", re.DOTALL)
# A session of nox and what is given to it, up to the end of the command.
SESSIONS = re.compile(r"nox -s ((?:[a-z_]+ ?)+)((?:-- [^\n`|;>&]*)?)")
VERBS = re.compile(r"-m bench ([a-z]+)([^\n`|;>&]*)")
# Verbs whose sessions take their flags.
TAKES_FLAGS = {"bench": "run", "bench_gpu": "run", "ab": "ab"}


def name(path):
    return path.name


def text(path):
    """Return a file's text, its continued lines joined as a shell would."""
    found = path.read_text(encoding="utf-8").replace("\\\n", " ")
    return re.sub(r"run: >-\n((?: {10,}.*\n)+)", lambda one: folded(one[1]), found)


def folded(lines):
    return f"run: {' '.join(lines.split())}\n"


def jobs(workflow):
    return YAML(typ="safe").load(workflow)["jobs"]


def scripts(workflow):
    return [step["run"] for job in jobs(workflow).values() for step in job["steps"]
            if "run" in step]  # fmt: skip


def unpinned(workflow):
    """Return the lines that use what is not pinned to a commit beside its version."""
    lines = [line.strip().removeprefix("- ") for line in workflow.splitlines()]
    return [line for line in lines if line.startswith("uses:") and not PINNED.fullmatch(line)]


def greedy(workflow):
    """Return the jobs that take more than they may, and the workflow that gives to all."""
    found = YAML(typ="safe").load(workflow)
    given = [] if found.get("permissions") == {} else ["workflow"]
    return given + [
        job for job, its in found["jobs"].items()
        if its.get("permissions", {"all": "write"}).items() - allowed(its).items()
    ]  # fmt: skip


def allowed(job):
    """Return the permissions that a job may ask for."""
    alone = all(step.get("uses", "").startswith("actions/deploy-pages@") for step in job["steps"])
    return PUBLISHING if alone else ENOUGH


def careless(workflow):
    """Return the jobs that may run for hours, or leave a token on the disk."""
    return [
        job for job, its in jobs(workflow).items()
        if "timeout-minutes" not in its
        or any("actions/checkout@" in step.get("uses", "")
               and step.get("with", {}).get("persist-credentials") is not False
               for step in its["steps"])
    ]  # fmt: skip


def spliced(workflow):
    return [one for script in scripts(workflow) for one in FOREIGN.findall(script)]


GOOD = """\
on: push
permissions: {}
jobs:
  one:
    timeout-minutes: 5
    permissions:
      contents: read
    steps:
      - uses: actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683 # v4.2.2
        with:
          persist-credentials: false
      - run: echo "$TITLE"
"""


@pytest.mark.parametrize(
    ("seen", "before", "after"),
    [
        (unpinned, "11bd71901bbe5b1630ceea73d27597364c9af683 # v4.2.2", "v4"),
        (unpinned, " # v4.2.2", ""),
        (unpinned, "af683 ", "af68 "),
        (greedy, "permissions: {}", "permissions: read-all"),
        (greedy, "permissions: {}\n", ""),
        (greedy, "contents: read", "contents: write"),
        (greedy, "contents: read", "contents: read\n      packages: write"),
        (greedy, "    permissions:\n      contents: read\n", ""),
        (greedy, "contents: read", "pages: write"),
        (careless, "    timeout-minutes: 5\n", ""),
        (careless, "persist-credentials: false", "persist-credentials: true"),
        (careless, "        with:\n          persist-credentials: false\n", ""),
        (spliced, "$TITLE", "${{ github.event.pull_request.title }}"),
    ],
)
def test_what_is_wrong_in_a_workflow_is_seen(seen, before, after):
    assert not seen(GOOD)
    assert before in GOOD
    assert seen(GOOD.replace(before, after))


def test_a_job_that_only_publishes_may_publish_and_no_more():
    before = GOOD[: GOOD.index("    permissions:\n      contents")]
    publishes = "    steps:\n      - uses: actions/deploy-pages@d6db90164ac5 # v4.0.5\n"
    given = "    permissions:\n      pages: write\n      id-token: write\n"
    assert not greedy(before + given + publishes)
    assert greedy(before + given + "      contents: read\n" + publishes)
    assert greedy(before + given + publishes + "      - run: make\n")


def test_there_are_the_tests_the_gate_the_night_and_the_site():
    assert [path.stem for path in WORKFLOWS] == ["gate", "nightly", "pages", "tests"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=name)
@pytest.mark.parametrize("seen", [unpinned, greedy, careless, spliced])
def test_a_workflow_is_pinned_and_asks_for_little(path, seen):
    assert not seen(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", WORKFLOWS, ids=name)
def test_a_workflow_runs_once_at_a_time(path):
    found = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    assert found["concurrency"].keys() == {"group", "cancel-in-progress"}


def valid(*paths):
    command = ["-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows"]
    return subprocess.run([sys.executable, *command, *paths], capture_output=True, check=False)


def audited(*paths):
    # Without the network: nothing of what it would ask for is needed to see what is wrong here.
    command = [
        Path(sys.executable).with_name("zizmor"),
        "--offline",
        "--no-config",
        "--no-progress",
    ]
    return subprocess.run([*command, "--persona", "pedantic", *paths], capture_output=True,
                          check=False)  # fmt: skip


@pytest.mark.parametrize(
    ("check", "wrong"), [(valid, "jobs: {}"), (audited, "on: pull_request_target\njobs: {}")]
)
def test_the_workflows_satisfy_the_schema_and_the_audit_which_see_what_is_wrong(
    check, wrong, tmp_path
):
    (tmp_path / "wrong.yml").write_text(GOOD.replace("on: push", wrong))
    assert check(tmp_path / "wrong.yml").returncode != 0
    done = check(*WORKFLOWS)
    assert done.returncode == 0, (done.stdout + done.stderr).decode()


@cache
def sessions():
    """Return the names of the functions that the noxfile makes sessions."""
    tree = ast.parse((ROOT / "noxfile.py").read_text(encoding="utf-8"))
    return {
        node.name for node in tree.body if isinstance(node, ast.FunctionDef)
        and any("nox.session" in ast.unparse(one) for one in node.decorator_list)
    }  # fmt: skip


@cache
def flags(verb):
    """Return the flags of a verb, as its help names them; there must be such a verb."""
    command = [sys.executable, "-m", "bench", verb, "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"there is no verb {verb}"
    return set(re.findall(r"--[a-z-]+", done.stdout))


def used_sessions(page):
    found = [one for line in SESSIONS.finditer(page) for one in line[1].split()]
    for line in re.findall(r"session: \[(.*)\]", page):
        found += line.split(", ")
    return found


def used_flags(page):
    """Yield each verb that is run with the flags that it gets."""
    for named, given in VERBS.findall(page):
        yield named, re.findall(r"--[a-z-]+", given)
    for named, given in SESSIONS.findall(page):
        if given:
            yield TAKES_FLAGS[named.strip()], re.findall(r"--[a-z-]+", given[2:])


def test_sessions_and_flags_are_found_in_a_page():
    page = "`nox -s ab -- --base main` and python -m nox -s lint tests\nsession: [perf, ab]\n"
    page += "python -m bench compare A B --format github --tolerance 2% | less --chop\n"
    assert used_sessions(page) == ["ab", "lint", "tests", "perf", "ab"]
    assert list(used_flags(page)) == [("compare", ["--format", "--tolerance"]), ("ab", ["--base"])]


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_every_session_that_is_run_is_in_the_noxfile(path):
    used = used_sessions(text(path))
    assert used
    assert set(used) <= sessions()


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_every_verb_that_is_run_has_the_flags_that_it_gets(path):
    for verb, given in used_flags(text(path)):
        assert set(given) <= flags(verb), verb


@pytest.mark.parametrize("path", [ROOT / "docs" / "ci.md", *WORKFLOWS], ids=name)
def test_no_address_of_a_registry_is_written_down(path):
    assert not re.search(r"https?://|\.pytorch\.org|pypi\.org", path.read_text(encoding="utf-8"))
