"""Runs made one where their names are the same: all or nothing is written, beside what is read."""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

from bench import durable, part, regular, store, trials
from bench.environments import plain
from bench.error import UserError
from bench.lines import Line
from bench.merged import LEAVE, Merged, digest, params
from bench.part import Part


def merge(folders: Sequence[Path], output: Path) -> list[Merged]:
    """Write what folders hold, runs or folders of runs, and return it, a run after the other.

    Runs of one name are one, and are in ``output``; of several names each has a folder there.
    Raises UserError for what is damaged or contradicts.
    """
    place = _place(output, folders)
    parts = part.read(folders)
    if len(parts) < 2:
        raise UserError("there is one run: name another RUN to merge it with")
    found = merged(parts)
    try:
        with durable.folder(place) as folder:
            for each in found:
                _write(each, folder if len(found) == 1 else folder / each.run.run)
    except OSError as error:
        raise UserError(f"cannot write to {output}: {error.strerror}; mend that") from error
    return found


def merged(parts: Iterable[Part]) -> list[Merged]:
    """Return what the parts are of, by its name; raises UserError."""
    runs: dict[str, Merged] = {}
    for each in parts:
        name = each.run.run
        if not plain(name):
            raise UserError(f"{each.folder}: run {name!r:.80} cannot be a folder's name; {LEAVE}")
        runs.setdefault(name, Merged(each.run)).add(each)
    for name, run in runs.items():
        if run.size > trials.MOST:
            most = trials.MOST // 2**20
            raise UserError(f"run {name}: its records would be more than {most} MiB; {LEAVE}")
    return [runs[name] for name in sorted(runs)]


def _place(output: Path, folders: Sequence[Path]) -> Path:
    """Return where it is written, through no link; raises UserError where that cannot be."""
    place = output.resolve()
    for folder in folders:
        if place.is_relative_to(folder.resolve()):
            raise UserError(f"{output} is in {folder}, which is only read; choose another --output")
    if os.path.lexists(place) and not (place.is_dir() and not any(place.iterdir())):
        raise UserError(f"{output} is there already; choose another --output")
    return place


def _write(run: Merged, folder: Path) -> None:
    for name in ("params", "environments"):
        (folder / name).mkdir(parents=True)
    durable.write(folder / "run.json", [store.document(run.run)])
    for environment in run.environments.values():
        path = folder / "environments" / f"{environment.id}.json"
        durable.write(path, [store.document(environment)])
    durable.write(folder / trials.FILE, _lines(run))
    for trial, path in run.kept.items():
        durable.write(folder / "params" / f"{trial}.npy", [params(path)])


def _lines(run: Merged) -> Iterator[bytes]:
    """Read the records again, in the order in which they began: all of them fill the memory."""
    folders = {place.part.folder for place in run.records.values()}
    with ExitStack() as stack:
        streams = {each: stack.enter_context(_opened(each / trials.FILE)) for each in folders}
        for place in sorted(run.records.values()):
            stream = streams[place.part.folder]
            stream.seek(place.start)
            data = stream.read(place.end - place.start).removesuffix(b"\n")
            line = place.part.line(Line(place.number, place.start, place.end, data, finished=True))
            if digest(line) != place.digest:
                raise UserError(f"{place}: it was changed meanwhile; merge again")
            yield line


def _opened(path: Path) -> BinaryIO:
    try:
        return regular.opened(path, trials.MOST, follow=False)
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}; {LEAVE}") from error
