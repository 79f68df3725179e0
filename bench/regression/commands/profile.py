"""Find the functions whose own cost differs most between the two sides of a command."""

import heapq
import os
import pstats
import re
import shlex
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from bench.regression.commands.command_plan import CommandPlan
from bench.regression.commands.instructions import VALGRIND
from bench.regression.commands.measure_commands import CommandPairs
from bench.regression.commands.sides import CommandSide, read_interpreter
from bench.regression.result import FunctionCost, Reporter
from bench.regression.versions import git
from bench.runner.process.scratch import make_folder

# Where a Python has its modules: each side may have a Python of its own.
_MODULES = re.compile(r".*/(?:(?:site|dist)-packages|lib/python[\d.]+)/")

ProfileRow = tuple[str, int, str, int, float]  # file, line, name, calls and own cost of a function


def profile_sides(
    plan: CommandPlan, sides: Mapping[str, CommandSide], progress: Reporter
) -> list[FunctionCost]:
    """Run each side once under a profiler; return the functions that differ most.

    Of Python it is cProfile, else Cachegrind. progress: gets the reason if there is no profile.
    """
    progress(f"{plan.arguments}: both sides once more, under a profiler")
    pairs, costs = CommandPairs(plan, sides), []
    with make_folder() as folder:
        commands = [use_cprofile(plan, place, f"{folder}/{side}-") for side, place in sides.items()]
        is_python = None not in commands
        if not is_python and not shutil.which(VALGRIND[0]):
            progress("no profile: what is not Python needs Valgrind. Install valgrind")
            return []
        for command, (side, place) in zip(commands, sides.items(), strict=True):
            output = f"--cachegrind-out-file={folder}/{side}-%p"
            words = [*VALGRIND, output, *shlex.split(plan.arguments)]
            ended = pairs.run_once(side, command if command and is_python else words)
            files = sorted(folder.glob(f"{side}-*"))
            if not (ended and files):
                profiler = "cProfile" if is_python else VALGRIND[0]
                progress(f"no profile: {side} fails under {profiler}. Try it, or raise --budget")
                return []
            rows = read_cprofile(files) if is_python else read_cachegrind(files)
            costs.append([(shorten(row[0], place.folder), *row[1:]) for row in rows])
    return rank_functions(costs, "ms" if is_python else "instructions")


def use_cprofile(plan: CommandPlan, side: CommandSide, output: str) -> list[str] | None:
    """Return the command under cProfile; None for what is not a script or a module of Python.

    output: the beginning of its files. pytest-benchmark profiles one call of each benchmark.
    """
    words, first = shlex.split(plan.arguments), 1
    if plan.pytest:
        dump = f"--benchmark-cprofile-dump={output}"
        return [*words, "--benchmark-only", "--benchmark-cprofile=tottime", dump]
    if Path(words[0]).name.startswith(("python", "pypy")):
        while words[first:] and re.match("-(?![mc]$)", words[first]):
            first += 2 if words[first] in {"-X", "-W"} else 1
        if words[first : first + 1] in ([], ["-c"]):
            return None
    else:
        path = str(side.folder / words[0]) if "/" in words[0] else words[0]
        words[0] = shutil.which(path, path=side.variables.get("PATH")) or path
        if not (python := read_interpreter(Path(words[0]))):
            return None
        words.insert(0, python)
    return [*words[:first], "-m", "cProfile", "-o", f"{output}python", *words[first:]]


def read_cprofile(files: Iterable[Path]) -> Iterator[ProfileRow]:
    """Yield the functions in files of cProfile; a name may have an address, which differs."""
    stats = pstats.Stats(*map(str, files)).stats  # type: ignore[attr-defined]  # its stub lacks it
    for (file, line, name), (_, calls, seconds, *_) in stats.items():
        yield file, line, re.sub(" at 0x[0-9a-f]+", "", name), calls, 1000 * seconds


def read_cachegrind(files: Iterable[Path]) -> Iterator[ProfileRow]:
    """Yield the lines of functions in files of Cachegrind, which counts no calls."""
    names = {"fl": "", "fn": ""}
    for text in (line for file in files for line in file.read_text(errors="replace").splitlines()):
        key, _, value = text.partition("=")
        if key in names:
            names[key] = value
        elif key[:1].isdigit():
            line, count, *_ = key.split()
            yield names["fl"], int(line), names["fn"], 0, float(count)


def shorten(file: str, folder: Path) -> str:
    """Return a file's path from a side's folder, or from where its Python has modules."""
    if match := _MODULES.match(file):
        return file[match.end() :]
    is_own = Path(file).is_relative_to(git.find_top(folder))
    return os.path.relpath(file, folder) if is_own else file


def rank_functions(sides: Sequence[Sequence[ProfileRow]], unit: str) -> list[FunctionCost]:
    """Return the ten functions whose own cost differs most, joined by file and name: lines move."""
    costs: dict[tuple[str, str], FunctionCost] = {}
    for side in (1, 0):  # the candidate's lines are shown
        for file, line, name, calls, value in sides[side]:
            title = f"{file}:{line} {name}".removeprefix("~:0 ")
            cost = costs.setdefault((file, name), FunctionCost(title, unit))
            cost.calls[side] += calls
            cost.own[side] += value
    return heapq.nlargest(10, costs.values(), lambda cost: abs(cost.own[1] - cost.own[0]))
