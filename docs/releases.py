"""Measure the releases of each framework, one against the next, and write docs/releases.md.

``python docs/releases.py watch [CHAIN …]`` asks pip for newer releases, measures those, and drafts
a report about each that is slower.
``python docs/releases.py measure [CHAIN …]`` goes on where it stopped.
``python docs/releases.py write`` renews the lists, charts and tables from the records.
``python docs/releases.py dates`` asks pip's index when the releases were uploaded.
"""

import csv
import io
import json
import math
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import tempfile
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import altair as alt
from packaging.version import Version

from bench.analysis.intervals import Interval
from bench.data import cache
from bench.records.layout import COMPARISON_PLAN
from bench.records.store import is_locked
from bench.regression.folder import read_comparison
from bench.regression.result import CaseComparison
from bench.report.base import numbers
from bench.report.charts.chart import render_svg
from bench.report.charts.style import PALETTE, WIDTH, set_title
from bench.report.regression.verdicts import format_change
from bench.report.render.markdown import escape
from bench.runner.host.machine import read_cpu_model
from implementations import IMPLEMENTATIONS

ROOT = Path(__file__).parents[1]
MEASURED = ROOT / "results" / "releases"
PUBLISHED = ROOT / "results" / "reference" / "releases"
RELEASES = PUBLISHED / "releases.json"  # those of each chain, the oldest first
DATES = PUBLISHED / "dates.json"  # when each of them was uploaded, by package
PAGE = ROOT / "docs" / "releases.md"
DRAFTS = MEASURED / "drafts"  # reports for a person to check and to post
START, END = "<!-- made by `python docs/releases.py write` -->", "<!-- end of what is made -->"
DIRECT = "directly"
# What `bench ab` prints; the last file of a link, so a link that has it is complete.
VERDICT = "verdict.txt"
# Threads of the projects about what became slower with a release, by chain and release.
THREADS = {
    ("jax", "0.4.33"): "https://github.com/jax-ml/jax/issues/26145",
    ("keras", "3.12.4"): "https://github.com/keras-team/keras/pull/21661",
}


@dataclass(frozen=True, slots=True)
class Chain:
    """Releases that follow one another, and what is measured of them.

    package: what has these releases, the oldest first. others: requirements that all releases
    share, for packages that do not fit in the versions that are installed here. seconds: the budget
    of each implementation in a link; about ten pairs of processes, so that a change can be decided.
    """

    package: str
    implementations: Sequence[str]
    others: str = ""
    samples: int = 48_000
    seconds: int = 60
    releases: Sequence[str] = ()

    @property
    def links(self) -> Iterator[tuple[str, str]]:
        """Each release with the next one, and the first with the last."""
        yield from pairwise(self.releases)
        yield self.releases[0], self.releases[-1]

    def name_version(self, release: str) -> str:
        """Return a release as ``bench ab`` reads it."""
        return f"{self.package}=={release} {self.others}".strip()


# What programs are called now, by their names in older records.
FORMER = {entry.former_name: entry.name for entry in IMPLEMENTATIONS if entry.former_name}
KERAS = Chain(
    "keras",
    # keras-tensorflow waits at the end of an epoch: docs/framework.md.
    ("keras-tensorflow-loop", "keras-torch"),
    others="tensorflow==2.19.1 numpy==2.1.3 h5py>=3.11 ml-dtypes>=0.4 protobuf>=5 "
    "tensorboard>=2 setuptools>=77",
    samples=12_000,
    seconds=160,  # a pair of keras-torch takes 16
)
_CHAINS = {
    # pip takes the release of jaxlib that belongs to that of JAX.
    "jax": Chain("jax", ("jax", "jax-scan"), others="jaxlib>=0.4.30"),
    # A process compiles for five seconds.
    "numba": Chain("numba", ("numba",), others="numpy==2.0.2 llvmlite>=0.43", seconds=150),
    "scikit-learn": Chain("scikit-learn", ("sklearn-softmax", "sklearn-sgd"), samples=12_000),
    "tensorflow": Chain(
        "tensorflow",
        ("tensorflow-loop", "keras-tensorflow-loop"),
        others="keras==3.15.1 numpy==2.0.2 h5py>=3.11 ml-dtypes>=0.4 protobuf>=5 tensorboard>=2",
        seconds=150,
    ),
    "keras": KERAS,
    # Keras before 3.10 uses jax.spmd_mode, which the JAX that is installed here does not have.
    "keras-jax": replace(KERAS, implementations=("keras-jax",)),
    "pytorch": Chain(
        "torch",
        ("pytorch",),
        others="setuptools>=60 sympy>=1.13 networkx>=3",
        seconds=120,
    ),
}
_RELEASES: dict[str, list[str]] = json.loads(RELEASES.read_text(encoding="utf-8"))
CHAINS = {name: replace(chain, releases=_RELEASES[name]) for name, chain in _CHAINS.items()}


def watch(names: Sequence[str]) -> None:
    """Measure the releases that pip has after those of the chains; draft reports of what is slower.

    Exits with 3 if one could not be measured. It is not tried again: remove its folder in
    results/releases/ for that.
    """
    failed = []
    for name in names:
        chain = CHAINS[name]
        CHAINS[name] = replace(chain, releases=[*chain.releases, *list_newer(chain)])
        # First, so that what is stopped goes on with the same releases.
        lines = [f'  "{key}": {json.dumps([*one.releases])}' for key, one in CHAINS.items()]
        RELEASES.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
        known = {(link.before, link.after) for link in read_links(name, CHAINS[name])}
        measure(name, CHAINS[name])
        new = {*pairwise(CHAINS[name].releases)} - known
        for link in read_links(name, CHAINS[name]):
            if link.reason and (link.before, link.after) in new:
                failed.append(f"{name}: {link.before} → {link.after}: {link.reason}")
            slower = [case for case in link.cases if case.verdict == "slower"]
            if slower and (link.before, link.after) in new:
                parts = [f"# Slower with {CHAINS[name].package} {link.after}"]
                parts += [draft_report(CHAINS[name], link, case) for case in slower]
                DRAFTS.mkdir(parents=True, exist_ok=True)
                draft = DRAFTS / f"{name}-{link.after}.md"
                draft.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    date_releases()
    write()
    if failed:
        sys.stderr.write("\n".join(["not measured:", *failed, ""]))
        sys.exit(3)


def list_newer(chain: Chain) -> list[str]:
    """Return the releases after the last one of a chain, the oldest first.

    Without previews, and without builds that only one index has, such as 2.13.0+cpu.
    """
    command = [sys.executable, "-m", "pip", "index", "versions", chain.package]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    listed = answer.stdout.partition("Available versions:")[2].partition("\n")[0]
    if not listed:
        sys.exit(f"pip lists no releases of {chain.package}: {answer.stderr.strip()}")
    releases = [Version(text.strip()) for text in listed.split(",")]
    usual = [one for one in releases if not (one.is_prerelease or one.local)]
    return [str(one) for one in sorted(usual) if one > Version(chain.releases[-1])]


def date_releases() -> None:
    """Write the day on which each release was uploaded, by the index that pip uses."""
    from pip._internal.models.index import PyPI  # noqa: PLC0415 - slow, and only needed here

    asked = [sys.executable, "-m", "pip", "config", "get", "global.index-url"]
    answer = subprocess.run(asked, capture_output=True, text=True, check=False)
    index = answer.stdout.strip() or PyPI.simple_url
    dates: dict[str, dict[str, str]] = {}
    for chain in CHAINS.values():
        request = urllib.request.Request(  # noqa: S310 - the index from which pip installs
            f"{index.rstrip('/')}/{chain.package}/",
            headers={"Accept": "application/vnd.pypi.simple.v1+json"},
        )
        with urllib.request.urlopen(request, timeout=60) as reply:  # noqa: S310
            files = json.load(reply)["files"]
        known = dates.setdefault(chain.package, {})
        for file in sorted(files, key=lambda file: file["upload-time"], reverse=True):
            release = re.search(r"-(\d[^-]*?)(?:-|\.tar|\.zip)", file["filename"])
            if release and release[1] in chain.releases:
                known[release[1]] = file["upload-time"][:10]
    DATES.write_text(json.dumps(dates, indent=1) + "\n", encoding="utf-8")


def read_dates() -> dict[str, dict[str, str]]:
    """Return the day on which each release of a chain was uploaded, by package."""
    dates: dict[str, dict[str, str]] = json.loads(DATES.read_text(encoding="utf-8"))
    return dates


def list_options(chain: Chain, before: str, after: str) -> list[str]:
    """Return the options of ``bench ab`` that measure a link."""
    options = ["--base", chain.name_version(before), "--candidate", chain.name_version(after)]
    options += [f"--implementation={one}" for one in chain.implementations]
    options += ["--samples", str(chain.samples)]
    return [*options, "--budget", f"{chain.seconds * len(chain.implementations)}s"]


def measure(name: str, chain: Chain) -> None:
    """Measure the links of a chain that are not complete, and pack the records.

    A link that cannot be measured keeps the reason. Environments of releases that are done are
    removed: those of PyTorch take 7 GB each.
    """
    if not (MEASURED / name).exists() and (archive := PUBLISHED / f"{name}.tar.xz").exists():
        with tarfile.open(archive) as packed:
            packed.extractall(MEASURED, filter="data")
    built: list[Path] = []
    for before, after in chain.links:
        folder = MEASURED / name / f"{before}-{after}"
        if (folder / VERDICT).exists():
            continue
        if is_locked(folder):  # by what a killed command has started
            sys.exit(f"another process is measuring into {folder}. Wait for its end")
        shutil.rmtree(folder, ignore_errors=True)
        command = [sys.executable, "-m", "bench", "ab", "--output", str(folder)]
        command += list_options(chain, before, after)
        sys.stderr.write(f"{name}: {before} → {after}\n")
        known = set(list_environments())
        process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if process.returncode not in range(5):  # a signal ended it: measure the link again
            sys.exit(process.returncode)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / VERDICT).write_text(process.stdout or process.stderr, encoding="utf-8")
        sys.stderr.write(process.stdout or process.stderr)
        built += sorted(set(list_environments()) - known, key=lambda path: path.stat().st_mtime)
        while len(built) > 2:
            shutil.rmtree(built.pop(0), ignore_errors=True)
    PUBLISHED.mkdir(parents=True, exist_ok=True)
    archive = PUBLISHED / f"{name}.tar.xz"
    newest = max(path.stat().st_mtime for path in (MEASURED / name).glob(f"*/{VERDICT}"))
    if archive.exists() and archive.stat().st_mtime >= newest:
        return
    with tarfile.open(archive, "w:xz") as packed:
        packed.add(MEASURED / name, name, filter=lambda one: one if keep(one.name) else None)


def list_environments() -> list[Path]:
    """Return the environments that ``bench ab`` has built."""
    return [path for path in (cache.root() / "environments").glob("*") if path.is_dir()]


def keep(name: str) -> bool:
    """Return whether a file is published: params are large, and parity is in the records."""
    return not name.endswith((".npy", ".log"))


@dataclass(frozen=True, slots=True)
class Link:
    """Two releases and what the records say of them.

    date: of the plan, UTC. reason: why nothing was measured; empty if something was.
    """

    before: str
    after: str
    date: str = ""
    cases: Sequence[CaseComparison] = ()
    reason: str = ""


def read_links(name: str, chain: Chain) -> list[Link]:
    """Return the links of a chain that its published records have; none without records."""
    links: list[Link] = []
    archive = PUBLISHED / f"{name}.tar.xz"
    if not archive.exists():
        return links
    with tempfile.TemporaryDirectory() as folder, tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
        for before, after in chain.links:
            path = Path(folder, name, f"{before}-{after}")
            if (path / COMPARISON_PLAN).exists():
                comparison = read_comparison(path)
                cases = [
                    replace(case, name=FORMER.get(case.name, case.name))
                    for case in comparison.result.cases
                ]
                cases = [case for case in cases if case.name in chain.implementations]
                links.append(Link(before, after, comparison.plan.created[:10], cases))
            elif (path / VERDICT).exists():
                lines = (path / VERDICT).read_text(encoding="utf-8").splitlines()
                date = f"{datetime.fromtimestamp((path / VERDICT).stat().st_mtime, UTC):%Y-%m-%d}"
                links.append(Link(before, after, date, reason=lines[-1] if lines else "no reason"))
    return links


def describe_chain(name: str, chain: Chain, links: Sequence[Link]) -> str:
    """Return the chart of a chain, and what became slower or faster, as Markdown."""
    title = f"{name}: time of an epoch relative to {chain.releases[0]}"
    path = f"../results/reference/releases/{name}"
    parts = [
        f"## {name}",
        f"![{title}]({path}.svg)",
        list_changes(name, links),
        *(f"{link.before} → {link.after}: {escape(link.reason)}" for link in links if link.reason),
    ]
    return "\n\n".join(parts)


def tabulate_chain(links: Sequence[Link]) -> str:
    """Return every pair of releases as CSV: times, difference, pairs, parity error, verdict."""
    lines = []
    for link in links:
        for case in link.cases:
            epoch = case.metrics[0] if case.metrics else None
            errors = [error for error in case.parity_error if error is not None]
            lines.append(
                {
                    "releases": f"{link.before} → {link.after}",
                    "date": link.date,
                    "program": case.name,
                    "before": numbers.format_duration(epoch.baseline if epoch else None),
                    "after": numbers.format_duration(epoch.candidate if epoch else None),
                    "difference": format_change(epoch.ratio) if epoch else numbers.ABSENT,
                    "pairs": str(case.pairs),
                    "parity error": numbers.format_error(max(errors, default=None)),
                    "verdict": case.verdict,
                }
            )
    text = io.StringIO()
    if lines:
        writer = csv.DictWriter(text, lines[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)
    return text.getvalue()


def list_changes(name: str, links: Sequence[Link]) -> str:
    """Return a line for each pair of releases between which a program became slower or faster."""
    lines = []
    for link in links:
        changed = [one for one in link.cases if one.verdict in {"slower", "faster"} and one.metrics]
        if not changed:
            continue
        texts = [f"`{one.name}` {escape(format_change(one.metrics[0].ratio))}" for one in changed]
        thread = THREADS.get((name, link.after))
        lines.append(
            f"- {link.before} → {link.after}: {', '.join(texts)}"
            f"{f' ([thread]({thread}))' if thread else ''}"
        )
    return "\n".join(lines) or "No program became slower or faster."


def chart_chain(name: str, chain: Chain, links: Sequence[Link]) -> Any:
    """Draw the epoch of each program by release, relative to the first release of the chain.

    A point is the product of the ratios up to its release, and its interval that of independent
    ratios: the squares of the half intervals of the logarithms add up. The last point, which no
    line leads to, is the direct comparison of the first release with the last.
    """
    points = []
    by_releases = {(link.before, link.after): link.cases for link in links}
    for program in chain.implementations:
        ratio: Interval | None = Interval(1.0, 1.0, 1.0)
        for before, after in [(chain.releases[0],) * 2, *pairwise(chain.releases)]:
            if before != after:
                cases = by_releases.get((before, after), ())
                step = next((one.metrics[0].ratio for one in cases if one.name == program), None)
                ratio = multiply(ratio, step) if ratio and step else None
            if ratio:
                bounds = {"low": ratio.low, "high": ratio.high}
                points.append({"release": after, "program": program, "ratio": ratio.mean, **bounds})
        for case in by_releases.get((chain.releases[0], chain.releases[-1]), ()):
            if case.name == program and (ratio := case.metrics[0].ratio if case.metrics else None):
                bounds = {"low": ratio.low, "high": ratio.high}
                points.append(
                    {"release": DIRECT, "program": program, "ratio": ratio.mean, **bounds}
                )
    order = [*chain.releases, DIRECT]
    x = alt.X("release:N", sort=order, title=None, axis=alt.Axis(labelAngle=-45))
    scale = alt.Scale(domain=list(chain.implementations), range=list(PALETTE))
    legend = alt.Legend(orient="top", columnPadding=30)
    base = alt.Chart(alt.Data(values=points)).encode(
        x=x,
        color=alt.Color("program:N", scale=scale, title=None, legend=legend),
    )
    y: dict[str, Any] = {"scale": alt.Scale(zero=False), "title": None}
    chart = alt.layer(
        base.mark_rule(strokeWidth=2).encode(y=alt.Y("low:Q", **y), y2="high:Q"),
        base.transform_filter(alt.datum.release != DIRECT)
        .mark_line()
        .encode(y=alt.Y("ratio:Q", **y)),
        base.mark_point(filled=True, opacity=1).encode(y=alt.Y("ratio:Q", **y)),
    ).properties(width=WIDTH, height=220)
    title = f"{name}: time of an epoch relative to {chain.releases[0]}"
    subtitle = (
        "the ratios of neighbours, multiplied; bars: their intervals, multiplied likewise; last "
        "point: the first release compared with the last one"
    )
    return set_title(chart, title, subtitle)


def multiply(product: Interval, ratio: Interval) -> Interval:
    """Return the product of two independent ratios with its interval; without, if one lacks it."""
    mean = product.mean * ratio.mean
    known = [math.log(one.high / one.low) / 2 for one in (product, ratio) if one.low and one.high]
    if len(known) < 2:
        return Interval(mean)
    half = math.exp(math.hypot(*known))
    return Interval(mean, mean / half, mean * half)


def draft_report(chain: Chain, link: Link, case: CaseComparison) -> str:
    """Return a text about what became slower, for a person to check and to post."""
    error = max((one for one in case.parity_error if one is not None), default=None)
    shown = shlex.join(["softmax-bench", "ab", *list_options(chain, link.before, link.after)])
    return f"""An epoch of a softmax classifier (784 pixels, 10 classes, {chain.samples:,} images in
batches of 32) is slower with {chain.package} {link.after} than with {link.before}: the difference
is {escape(format_change(case.metrics[0].ratio))}, on one core ({escape(read_cpu_model())}). In
{case.pairs} pairs of processes both releases trained in turn, epoch by epoch, on {link.date}. The
brackets are the interval of the test. Both end with the weights of a float64 reference; the
largest error is {numbers.format_error(error)}.

The program is {find_source(case.name)}. This repeats the measurement:

```
{shown}
```"""


def find_source(name: str) -> str:
    """Return the path of an implementation below the repository."""
    module = next(entry.module for entry in IMPLEMENTATIONS if entry.name == name)
    return f"implementations/{module.replace('.', '/')}.py"


def write() -> None:
    """Renew the charts, and the part of the page that is made from the records."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(START)
    _, _, after = rest.partition(END)
    parts = [before + START]
    for name, chain in CHAINS.items():
        if links := read_links(name, chain):
            parts.append(describe_chain(name, chain, links))
            svg = render_svg(chart_chain(name, chain, links).to_dict())
            (PUBLISHED / f"{name}.svg").write_text(svg, encoding="utf-8")
            (PUBLISHED / f"{name}.csv").write_text(tabulate_chain(links), encoding="utf-8")
    PAGE.write_text("\n\n".join([*parts, END + after]), encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:] == ["write"]:
        write()
    elif sys.argv[1:] == ["dates"]:
        date_releases()
    elif sys.argv[1:2] == ["measure"] and set(sys.argv[2:]) <= set(CHAINS):
        for name in sys.argv[2:] or CHAINS:
            measure(name, CHAINS[name])
    elif sys.argv[1:2] == ["watch"] and set(sys.argv[2:]) <= set(CHAINS):
        watch(sys.argv[2:] or [*CHAINS])
    else:
        sys.exit(
            f"usage: python docs/releases.py watch|measure [{'|'.join(CHAINS)}]… | write | dates"
        )
