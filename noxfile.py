"""Sessions: ``nox -s bench`` measures, ``nox -s tests`` tests; ``nox --list`` shows the rest."""

import hashlib
import os
import shutil
import sys
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
# One mechanism: pip takes a machine's own PyTorch build where it has one, other tools would not.
nox.options.default_venv_backend = "virtualenv"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["tests", "lint", "typecheck"]

# Browsers that tests_browser can use, and its rules of accessibility.
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
AXE = "axe-core@4.14.1"

# nox -s tests -- -m MARKER runs the others.
EVERYDAY = "not full and not browser and not soak and not overhead"

PROJECT = nox.project.load_toml("pyproject.toml")
# A release with a known flaw (CVE-2023-32681): an audit that does not find it looked nowhere.
VULNERABLE = "requests==2.30.0"
WORKFLOWS = ".github/workflows"
ACTION = "action.yml"
# Frameworks that bring a CUDA of their own: they cannot share an environment.
CUDA = ("torch", "jax", "tensorflow")


def install(session: nox.Session, *requirements: str, groups: tuple[str, ...] = ()) -> None:
    """Install once: as long as pyproject.toml is the same, a second run starts at once."""
    requirements += nox.project.dependency_groups(PROJECT, *groups)
    key = hashlib.sha256(
        Path("pyproject.toml").read_bytes() + repr(requirements).encode()
    ).hexdigest()
    stamp = Path(session.virtualenv.location) / "installed"
    if not stamp.exists() or stamp.read_text() != key:
        session.install(*requirements)
        stamp.write_text(key)


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Measure every framework and write the report: nox -s bench -- --quick."""
    names = ("layers", "publish", "share")
    layers = {"--layers", *names, *(f"--preset={name}" for name in names)}
    install(session, "-e", ".[all,layers]" if layers & {*session.posargs} else ".[all]")
    session.run("python", "-m", "bench", "run", *session.posargs)


@nox.session(default=False)
def bench_gpu(session: nox.Session) -> None:
    """Measure on CPU and GPU, each framework with its own CUDA: nox -s bench_gpu -- --quick.

    With --here, frameworks are those of the Python that runs nox; --python names other ones.
    """
    install(session, "-e", ".[sklearn,numba,report,gpu]")
    given = {word.removeprefix("--python=").partition("=")[0] for word in session.posargs}
    here = "--here" in session.posargs
    pythons = [
        f"--python={framework}={sys.executable if here else with_cuda(session, framework)}"
        for framework in CUDA
        if framework not in given
    ]
    # First, so that a --device of the user overrides it. A resumed plan has its own devices.
    devices = [] if "--resume" in session.posargs else ["--device", "cpu,gpu"]
    words = [word for word in session.posargs if word != "--here"]
    session.run("python", "-m", "bench", "run", *devices, *pythons, *words)


def with_cuda(session: nox.Session, framework: str) -> str:
    """Install a framework with its CUDA, once for as long as its requirements stay the same."""
    # Relative, because the records name it.
    place = Path(os.path.relpath(session.virtualenv.location)) / "cuda" / framework
    python, stamp = str(place / "bin" / "python"), place / "installed"
    requirements = PROJECT["project"]["optional-dependencies"][f"cuda-{framework}"]
    if not stamp.exists() or stamp.read_text() != repr(requirements):
        session.run(sys.executable, "-m", "virtualenv", str(place), external=True)
        session.run(python, "-m", "pip", "install", *requirements, external=True)
        stamp.write_text(repr(requirements))
    return python


@nox.session(default=False)
def ab(session: nox.Session) -> None:
    """Measure two versions against each other: nox -s ab -- --base main."""
    install(session, "-e", ".[all]")
    session.run("python", "-m", "bench", "ab", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """Run the everyday tests, with their coverage (-- --coverage), or others: -- -m full."""
    install(session, "-e", ".[all,layers]", groups=("tests",))
    # One process per core. Neighbours share what is costly to set up, and no core is left idle.
    workers = ["-n", "auto", "--dist", "worksteal"]
    if session.posargs != ["--coverage"]:
        session.run("pytest", *workers, *(session.posargs or ["-m", EVERYDAY]))
        return
    session.run("coverage", "erase")
    session.run("coverage", "run", "-m", "pytest", *workers, "-m", EVERYDAY)
    session.run("coverage", "combine", "--quiet")
    session.run("coverage", "report", "--include=bench/*", "--skip-covered", "--fail-under=90")


@nox.session(default=False)
def perf(session: nox.Session) -> None:
    """Time an epoch of each implementation with pytest-benchmark: nox -s perf -- -k numpy."""
    install(session, "-e", ".[all]", groups=("tests",))
    # The tests' conftest.py has a lock of its own. That saved times are of another machine is no
    # error: the plugin warns of it.
    options = [
        "--confcutdir=tests/performance",
        "-Wdefault::pytest_benchmark.logger.PytestBenchmarkWarning",
        "--benchmark-columns=min,median,rounds",
    ]
    session.run("pytest", "tests/performance/benchmarks.py", *options, *session.posargs)


@nox.session(default=False)
def tests_browser(session: nox.Session) -> None:
    """Look at the report's page in Chromium, without a network; axe-core comes from npm."""
    install(session, "-e", ".[report]", groups=("tests", "browser"))
    if not any(map(shutil.which, BROWSERS)):
        chromium(session)
    axe = npm_install(session, AXE) / "axe-core" / "axe.min.js"
    command = ["pytest", "-m", "browser", "-s", "tests/integration/test_browser.py"]
    session.run(*command, *session.posargs, env={"AXE": str(axe)})


def npm_install(session: nox.Session, package: str) -> Path:
    """Install an npm package into the session's environment, once; return its node_modules."""
    modules = Path(session.virtualenv.location) / "node_modules"
    if not (modules / package.rpartition("@")[0]).exists():
        prefix = f"--prefix={session.virtualenv.location}"
        session.run("npm", "install", "--ignore-scripts", prefix, package, external=True)
    return modules


def chromium(session: nox.Session) -> None:
    """Install Debian's Chromium, where that can be done."""
    if os.getuid() != 0 or not shutil.which("apt-get"):
        session.error("these tests need Chromium: apt-get install chromium")
    session.run("apt-get", "update", "-q", external=True)
    session.run("apt-get", "install", "-qy", "--no-install-recommends", "chromium", external=True)


@nox.session(default=False)
def watch(session: nox.Session) -> None:
    """Measure new releases and write this month's edition: nox -s watch -- jax."""
    install(session, "-e", ".[all]")
    session.run("python", "docs/releases.py", "watch", *session.posargs)
    session.run("python", "docs/findings.py", "write")


@nox.session(default=False)
def docs(session: nox.Session) -> None:
    """Build the documentation and the published reports in site/; a broken link is an error."""
    install(session, "-e", ".[report]", groups=("docs",))
    shutil.rmtree("site", ignore_errors=True)
    strict = ("--nitpicky", "--fail-on-warning", "--keep-going")
    doctrees = f"--doctree-dir={session.create_tmp()}"
    session.run("sphinx-build", *strict, "--fresh-env", doctrees, "--conf-dir=docs", ".", "site")
    shutil.copy("site/README.html", "site/index.html")
    session.run("python", "docs/findings.py", "live", "site/live")
    # Where a run has its page with charts, publish that instead of the page made of report.md.
    for report in Path("results/reference").glob("*/report.html"):
        shutil.copy(report, "site" / report)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, import rules, what GitHub reads, and the Dockerfile."""
    install(session, groups=("lint",))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("zizmor", "--offline", "--no-progress", "--persona=pedantic", ".github", ACTION)
    session.run("hadolint", "Dockerfile")
    schema = "--builtin-schema=vendor.github-workflows"
    session.run("check-jsonschema", schema, *map(str, Path(WORKFLOWS).glob("*.yml")))
    session.run("check-jsonschema", "--builtin-schema=vendor.github-actions", ACTION)
    session.run("check-jsonschema", "--builtin-schema=vendor.dependabot", ".github/dependabot.yml")


@nox.session(default=False)
def audit(session: nox.Session) -> None:
    """Look up known vulnerabilities of all dependencies, in the versions that pip chooses now.

    Fails where the database does not answer, and where a dependency has no wheel: pip would run the
    program that builds it.
    """
    install(session, groups=("audit",))
    listed = Path(session.create_tmp(), "requirements.txt")
    listed.write_text(VULNERABLE)
    pip_audit = ("pip-audit", "--progress-spinner=off", "--requirement", str(listed))
    session.log(f"The database must report a flaw of {VULNERABLE}; if not, it did not answer.")
    session.run(*pip_audit, "--no-deps", "--disable-pip", success_codes=[1])
    requirements = nox.project.dependency_groups(PROJECT, *PROJECT["dependency-groups"])
    requirements += tuple(PROJECT["project"]["dependencies"])
    for extra, texts in PROJECT["project"]["optional-dependencies"].items():
        # "all" only names other extras; those for CUDA cannot be installed together.
        if extra != "all" and not extra.startswith("cuda-"):
            # Not the suite itself, of which an extra names another one.
            requirements += tuple(text for text in texts if not text.startswith("softmax-bench"))
    listed.write_text("\n".join(requirements))
    session.run(*pip_audit, env={"PIP_ONLY_BINARY": ":all:"})


@nox.session
def typecheck(session: nox.Session) -> None:
    """Check the types of bench/, implementations/ and softmax_bench/, strictly."""
    install(session, "-e", ".", groups=("typecheck",))
    session.run("mypy")
