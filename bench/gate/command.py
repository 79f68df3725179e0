"""The command that measures in pairs what two stored runs could not tell."""

import shlex
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from bench.gate.series import Origin, Side
from bench.plan import distributions
from bench.result import Case

# What computes for a framework, beside it: a release of one goes with releases of the other.
BESIDE: Mapping[str, tuple[str, ...]] = {
    "jax": ("jaxlib",), "numba": ("llvmlite",), "scikit-learn": ("scipy", "joblib"),
    "tensorflow": ("keras",),
}  # fmt: skip
OTHERS = "measure both in turn, in one go, with the tool that made the files"
LOST = "the baseline had changes that were not committed"

# The base, the candidate, and what has to be said of them.
Versions = tuple[str, str, str]


def ab_commands(baseline: Side, candidate: Side, names: Iterable[str]) -> list[str]:
    """Return the commands that measure some cases of both sides in pairs.

    There are several where cases were measured at several sizes, or where both packages and the
    suite's commit differ: pairs tell one from the other. What a command cannot do follows it as a
    comment of the shell. Of other tools' files it is said how to measure instead.
    """
    grouped: dict[tuple[Versions, tuple[str, ...]], list[str]] = defaultdict(list)
    for name in names:
        base, other = (side.series[name].origin for side in (baseline, candidate))
        if base is None or other is None:
            return [OTHERS]
        for versions in _versions(base, other):
            chosen = () if other.case.file else (other.case.implementation,)
            grouped[versions, _size(other)] += chosen
    return [_command(*key, dict.fromkeys(chosen)) for key, chosen in grouped.items()]


def _command(versions: Versions, size: tuple[str, ...], implementations: Iterable[str]) -> str:
    base, candidate, comment = versions
    chosen = [word for name in implementations for word in ("--implementation", name)]
    words = ["python", "-m", "bench", "ab", "--base", base, "--candidate", candidate]
    line = shlex.join([*words, *chosen, *size])
    return f"{line}  # {' '.join(comment.split())}" if comment else line


def _size(of: Origin) -> tuple[str, ...]:
    """Say the size of a case, whatever bench ab would take by itself."""
    case = of.case
    device = () if case.device == "cpu" else ("--device", case.device)
    data = () if of.data is None else ("--data", of.data)
    return (
        "--workload", case.workload, "--batch-size", str(case.batch_size),
        "--threads", str(case.threads), "--samples", str(case.samples), *device, *data,
    )  # fmt: skip


def _versions(base: Origin, candidate: Origin) -> list[Versions]:
    """Name the two versions in every way in which they are known to differ."""
    if base.case.file and candidate.case.file:
        return [_files(base.case, candidate.case)]
    found = [*_packages(base, candidate), *_pythons(base, candidate), *_commits(base, candidate)]
    return found or [_same(base)]


def _files(base: Case, candidate: Case) -> Versions:
    file = str(candidate.file)
    if base.sha256 == candidate.sha256:
        return file, file, "the file was the same in both"
    if base.file != candidate.file:
        return str(base.file), file, ""
    return f"earlier/{file}", file, f"earlier/{file}: the file as it was in the baseline"


def _packages(base: Origin, candidate: Origin) -> Iterator[Versions]:
    """Compare the public versions of what a case computes with; local ones are on no index."""
    names = distributions(candidate.case)
    names = ["numpy", *names, *(one for name in names for one in BESIDE.get(name, ()))]
    known = [each.environment.software.get("distributions", {}) for each in (base, candidate)]
    both = [
        (name, *(str(versions[name]).partition("+")[0] for versions in known))
        for name in dict.fromkeys(names) if all(name in versions for versions in known)
    ]  # fmt: skip
    if differing := [(name, one, other) for name, one, other in both if one != other]:
        yield (
            " ".join(f"{name}=={one}" for name, one, _ in differing),
            " ".join(f"{name}=={other}" for name, _, other in differing),
            "",
        )


def _pythons(base: Origin, candidate: Origin) -> Iterator[Versions]:
    versions = [str(each.environment.software.get("python", "")) for each in (base, candidate)]
    one, other = (".".join(version.split(".")[:2]) for version in versions)
    if one and other and one != other:
        yield f"python{one}", f"python{other}", "each with NumPy and the framework installed"


def _commits(base: Origin, candidate: Origin) -> Iterator[Versions]:
    """Compare the suite's commits; what was not committed is in the tree, if anywhere."""
    one, other = (each.environment.suite for each in (base, candidate))
    if one.get("commit") and other.get("commit"):
        ours = "." if other.get("dirty") else _short(other)
        if _short(one) != ours:
            yield _short(one), ours, LOST if one.get("dirty") else ""


def _same(base: Origin) -> Versions:
    """Measure the commit against the tree: there is always a command, and a word on its sense."""
    suite = base.environment.suite
    told = LOST if suite.get("dirty") else "nothing that was recorded differs between the two"
    return _short(suite) or ".", ".", told


def _short(suite: Mapping[str, object]) -> str:
    return str(suite.get("commit") or "")[:12]
