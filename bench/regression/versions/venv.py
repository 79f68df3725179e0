"""Build virtual environments for sets of packages; each is built once and kept in the cache.

An environment is the folder ``environments/<key>`` of the user's cache, with pip's output in
``<key>.log``. It is built where it stays, because its programs name their Python by its path.
"""

import importlib.metadata
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from bench.data import cache
from bench.errors import UserError
from bench.regression.result import Reporter
from bench.regression.versions import git, names
from bench.runner.process.scratch import MARK, make_folder
from bench.runner.process.session import Session
from bench.worker import machine
from bench.worker.measure import now

if TYPE_CHECKING:
    from implementations import Implementation


_REASON_LINES = 10  # of pip's output, at most
_BUILD_SECONDS = 1800.0  # for one step of pip
_SOURCES = "sources"  # in the folder of an environment that is being built
# With these pip finds other packages.
PIP_VARIABLES = ("PIP_PRE", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS")
# A commit of a repository on this machine.
_COMMIT = re.compile(r"git\+(file://[^@#]+)@([0-9a-f]{40})")


@dataclass(frozen=True, slots=True)
class PipOptions:
    """How pip looks for the packages of both sides."""

    constraints: tuple[str, ...] = ()  # of the files of PIP_CONSTRAINT
    # The other variables of pip by name. They may hold passwords, so that no record has them.
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EnvironmentSpec:
    """What an environment is built from; equal specifications share one environment."""

    named: tuple[str, ...]  # the user's requirements
    requirements: tuple[str, ...]  # all that pip installs, the named ones included
    constraints: tuple[str, ...]  # the user's, and pins of everything else
    python: str  # version of the interpreter
    base: str  # its location
    variables: Mapping[str, str] = field(default_factory=dict)  # see ``PipOptions``


def read_options() -> PipOptions:
    """Return the options that pip finds in its variables. Raises UserError for a bad constraint.

    Source: https://pip.pypa.io/en/stable/topics/configuration/#environment-variables
    """
    constraints = []
    for file in map(Path, os.environ.get("PIP_CONSTRAINT", "").split()):
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
            lines = list(filter(None, (re.sub(r"(^|\s)#.*", "", line).strip() for line in lines)))
            constraints += [str(Requirement(line)) for line in lines]
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise UserError(
                f"PIP_CONSTRAINT: {file}: {reason}. Give a file with a constraint in each line, "
                "such as numpy<2.4"
            ) from error
    given = {name: os.environ[name] for name in PIP_VARIABLES if os.environ.get(name)}
    return PipOptions(tuple(constraints), given)


def resolve_requirements(
    requirements: Sequence[str], pip: PipOptions, progress: Reporter
) -> tuple[str, ...]:
    """Return requirements by which a plan and an environment are identified. Raises UserError.

    pip hashes a wheel, asks git for the commit of a branch and, where it has options, takes the
    newest release of a range: what has changed since the last time is installed anew.
    """
    exact = r"[^@]+==[^*,]+|[^@]+ @ .*(@[0-9a-f]{40}|#sha256=[0-9a-f]{64})"
    changing = [text for text in requirements if not re.fullmatch(exact, text)]
    if not changing or not (pip.variables or any("://" in text for text in changing)):
        return tuple(requirements)
    python = ensure_environment(specify_environment((), None), progress)
    log = Path(python).parents[1].with_suffix(".log")
    with make_folder() as folder:
        spec = specify_environment(requirements, None, pip)
        command, commits = _write_command(Path(python), folder, spec)
        # With what the others need: the newest release of a range may fit none of them.
        command += ["--dry-run", "--ignore-installed", "--report", f"{folder}/report"]
        _run(command, log, spec, progress)
        items = json.loads((folder / "report").read_bytes())["install"]
    return tuple(sorted(_name_source(item, commits) for item in items if item["requested"]))


def resolve_versions(
    versions: Iterable[names.Version],
    pip: PipOptions,
    progress: Reporter,
    *,
    install: bool,
    additions: Sequence[str] = (),
) -> list[names.Version]:
    """Return versions with what their environments require. Raises UserError.

    install: whether each revision is built. additions: what both environments get besides:
    packages, and ``extra:NAME`` and ``group:NAME`` of a revision that is built.
    """
    extras, groups = (
        [text.removeprefix(kind) for text in additions if text.startswith(kind)]
        for kind in ("extra:", "group:")
    )
    if not install and (extras or groups):
        raise UserError("extra:NAME and group:NAME need --install. Add it, or name packages")
    others = [text for text in additions if not text.startswith(("extra:", "group:"))]
    try:
        packages = [str(Requirement(text)) for text in others]
    except InvalidRequirement as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"--with: {reason}. Name a package as pip takes it") from error
    resolved = []
    for version in versions:
        requirements = version.requirements
        if install:
            top = git.find_repository()
            project = git.find_project().relative_to(top).as_posix()
            place = f"#subdirectory={quote(project)}" if project != "." else ""
            requirements = (f"git+{top.as_uri()}@{version.commit}{place}",)
        requirements = resolve_requirements(requirements, pip, progress)
        if install:
            source = Requirement(requirements[0])
            marks = f"[{','.join(sorted(extras))}]" if extras else ""
            requirements = (f"{source.name}{marks} @ {source.url}",)
            requirements += git.read_groups(str(version.commit), groups)
        requirements = tuple(dict.fromkeys((*requirements, *packages)))
        resolved.append(msgspec.structs.replace(version, requirements=requirements))
    return resolved


def _name_source(item: Mapping[str, Any], commits: Mapping[str, str]) -> str:
    """Return the requirement that installs an item of pip's report again. Raises UserError.

    commits: see ``_write_command``. Source: https://pip.pypa.io/en/stable/reference/installation-report/
    """
    extras = f"[{','.join(item['requested_extras'])}]" if item.get("requested_extras") else ""
    name = canonicalize_name(item["metadata"]["name"]) + extras
    if not item["is_direct"]:
        return f"{name}=={item['metadata']['version']}"
    source = item["download_info"]
    url, fragments = source["url"], []
    if "subdirectory" in source:
        fragments.append(f"subdirectory={source['subdirectory']}")
    if url in commits:
        url = commits[url]
    elif vcs := source.get("vcs_info"):
        url = f"{vcs['vcs']}+{url}@{vcs['commit_id']}"
    elif digest := source.get("archive_info", {}).get("hashes", {}).get("sha256"):
        fragments.append(f"sha256={digest}")
    else:
        raise UserError(
            f"{name} is a folder, or its URL has another hash than sha256. Build a wheel and "
            "name that, or name a repository with git+file://"
        )
    return f"{name} @ {url}#{'&'.join(fragments)}" if fragments else f"{name} @ {url}"


def specify_environment(
    requirements: Sequence[str],
    chosen: "Iterable[Implementation] | None",
    pip: PipOptions = PipOptions(),
) -> EnvironmentSpec:
    """Return the environment that runs the chosen implementations with these requirements.

    All other packages are constrained to the versions that are installed here, unless pip's
    options constrain them. chosen: None for a command of any project, which may need others.
    """
    needed: list[str] = []
    constraints: list[str | None] = []
    if chosen is not None:
        named = {_package_name(text) for text in requirements}
        constrained = {_package_name(text) for text in pip.constraints}
        by_name = {_package_name(text): text for text in _list_requirements(chosen)}
        needed = sorted(text for name, text in by_name.items() if name not in named)
        constraints = [
            pin_version(name, version)
            for name, version in machine.list_software()["distributions"].items()
            if canonicalize_name(name) not in {*named, *constrained, "softmax-bench"}
        ]
    return EnvironmentSpec(
        named=tuple(requirements),
        requirements=(*requirements, *needed),
        constraints=(*pip.constraints, *filter(None, constraints)),
        python=f"{platform.python_implementation()} {platform.python_version()}",
        base=sys.base_prefix,
        variables=pip.variables,
    )


def ensure_environment(spec: EnvironmentSpec, progress: Reporter) -> str:
    """Return the Python of an environment, built if necessary; raise UserError if that fails."""
    folder = cache.root() / "environments" / machine.fingerprint(asdict(spec))
    python, stamp = folder / "bin" / "python", folder / "built-in"

    def build(_: Path) -> None:
        progress(f"building an environment with {' '.join(spec.named) or 'pip'}, once")
        log, uv = folder.with_suffix(".log"), None
        # uv builds faster. It reads no variable of pip's.
        if spec.requirements and not (spec.constraints or spec.variables):
            uv = shutil.which("uv")
        if uv:
            make = [uv, "venv", "--seed", f"--python={sys.executable}", str(folder)]
        else:
            make = [sys.executable, "-P", "-m", "virtualenv", str(folder)]
        _run(make, log, spec, progress)
        if spec.requirements:
            _run(_write_command(python, folder, spec, uv)[0], log, spec, progress)
            shutil.rmtree(folder / _SOURCES, ignore_errors=True)
        stamp.write_bytes(os.fsencode(folder))  # last: it is whole, and was not moved

    def is_built() -> bool:
        # Its Python is a link, which an upgrade of the interpreter may have broken.
        return python.exists() and stamp.is_file() and stamp.read_bytes() == os.fsencode(folder)

    cache.build_once(folder, build, is_built)
    return str(python)


def pin_version(name: str, version: str) -> str | None:
    """Return pip's constraint to a version; None for a version that pip cannot parse.

    A local build ("2.9.1+cpu") is constrained to a range that only 2.9.1 and its builds satisfy,
    because the index may not offer the same build.
    """
    try:
        parsed = Version(version)
    except InvalidVersion:
        return None
    if parsed.local is None:
        return f"{canonicalize_name(name)}=={parsed}"
    return f"{canonicalize_name(name)}>={parsed.public},<={parsed.public}"


def _package_name(requirement: str) -> str:
    return canonicalize_name(Requirement(requirement).name)


def _list_requirements(chosen: "Iterable[Implementation]") -> Iterator[str]:
    """Yield NumPy, the frameworks of the implementations, and the requirements of their extras."""
    from bench.planning.cases import list_distributions

    yield "numpy"
    requirements = [
        Requirement(text) for text in importlib.metadata.requires("softmax-bench") or []
    ]

    def list_extra(extra: str) -> Iterator[str]:
        for requirement in requirements:
            if requirement.marker and requirement.marker.evaluate({"extra": extra}):
                yield f"{requirement.name}{requirement.specifier}"

    # Every framework's extra brings what the suite itself needs, and a worker does not.
    suite = {*list_extra("measure"), "softmax-bench"}
    for entry in chosen:
        yield from list_distributions(entry)
        for extra in entry.extra.split(","):
            yield from (text for text in list_extra(extra) if text not in suite)


def _write_command(
    python: Path, folder: Path, spec: EnvironmentSpec, uv: str | None = None
) -> tuple[list[str], dict[str, str]]:
    """Return the command that installs what an environment consists of, with its files written.

    Commits of the current repository are checked out below the folder, and pip builds that: of a
    shallow clone it would ask git for what the clone lacks, again and again. Also returned: the URL
    of each of these commits, by that of its checkout.
    """
    pip = [str(python), "-I", "-m", "pip", "install", "--no-input"]
    pip += ["--disable-pip-version-check", "--progress-bar=off"]
    if uv:
        pip = [uv, "pip", "install", "--no-progress", f"--python={python}"]
    commits: dict[str, str] = {}
    requirements: list[str] = []
    for text in spec.requirements:
        match = _COMMIT.search(text)
        if match and match[1] == git.find_top(Path.cwd()).as_uri():
            checkout = folder / _SOURCES / str(len(commits))
            checkout.parent.mkdir(exist_ok=True)
            git.check_out(match[2], checkout)
            commits[checkout.as_uri()] = match[0]
            text = text.replace(match[0], checkout.as_uri())  # noqa: PLW2901
        requirements.append(text)
    for name, lines in (("requirement", requirements), ("constraint", spec.constraints)):
        (folder / f"{name}s.txt").write_text("\n".join(lines), encoding="utf-8")
        pip += [f"-{name[0]}", str(folder / f"{name}s.txt")]
    return pip, commits


def _run(command: list[str], log: Path, spec: EnvironmentSpec, progress: Reporter) -> None:
    """Run a step of the build; if it fails, report its error lines and raise UserError.

    Nothing of it is left, also after an interrupt: what it has started, and its temporary files.
    """
    with make_folder() as folder, log.open("wb") as stream:
        process = subprocess.Popen(
            command,
            env={**os.environ, **spec.variables, "TMPDIR": str(folder), MARK: f"{folder}/"},
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        with closing(Session(process, [], now() + _BUILD_SECONDS, folder)) as session:
            try:
                in_time = session.wait() is not None
            finally:
                session.kill()
    if not in_time:
        minutes = _BUILD_SECONDS / 60
        raise UserError(
            f"building an environment with {' '.join(spec.named)} took more than {minutes:g} min. "
            f"Build a wheel and name that, or see {log}"
        )
    if process.returncode == 0:
        return
    text = log.read_text(encoding="utf-8", errors="replace")
    indexes = " ".join(value for name, value in spec.variables.items() if name.endswith("_URL"))
    for url in indexes.split():
        # A server may quote any part, such as a token in the path.
        for part in filter(None, (url, *re.split(r"[:/@]+", url)[1:])):
            text = re.sub(rf"(?<!\w){re.escape(part)}(?!\w)", "<index>", text)
    lines = [line for line in text.splitlines() if line.strip()] or ["no reason given"]
    errors = [number for number, line in enumerate(lines) if line.lower().startswith("error:")]
    for line in lines[min(errors, default=0) :][-_REASON_LINES:]:
        progress(line)
    reason = lines[max(errors, default=-1)]
    raise UserError(
        f"building an environment with {' '.join(spec.named)} failed: {reason}. "
        f"Name other releases, or see {log}"
    )
