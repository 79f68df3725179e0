"""Measure how much of a known slowdown CPU time shows while others use the processor.

    python docs/studies/busy_core.py > docs/studies/busy_core.csv

Two programs get 5 % more work: of their kind, or an empty loop. Both processes of a pair run one
after the other, or at once on one core, as ``softmax-bench gate`` runs them, beside five kinds of
neighbours. A line has the CPU time of the base, as a multiple of that of the first line, and by how
many percent the candidate's is longer: the estimate of the gate, with its interval. It takes some
ten minutes. Leave the machine alone meanwhile.
"""

import csv
import math
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from statistics import median

from bench.regression.pairs.plan import BASELINE, CANDIDATE, order_sides
from bench.regression.stats.false_alarms import ALPHA
from bench.regression.stats.signed_rank import compare_pairs
from bench.runner.host import machine
from bench.runner.process.command import Command, CommandSpec
from bench.runner.process.scratch import make_folder
from bench.worker.machine import list_usable_cores

PAIRS = 16
MORE = 0.05
# Programs: what they prepare, a portion of their work, and how many portions they do.
PROGRAMS = {
    "tokens": (
        "import tokenize\nlines = ['x = f(1, [2], {3: y}) + z[4:5]  # why\\n'] * 40",
        "list(tokenize.generate_tokens(iter(lines).__next__))",
        200,
    ),
    # It visits half a million integers in one circle of random jumps.
    "memory": (
        (
            "import random\nplaces = list(range(500_000))\nrandom.Random(0).shuffle(places)\n"
            "order = dict(zip(places, places[1:] + places[:1]))\nplace = 0"
        ),
        "for _ in range(4_000): place = order[place]",
        100,
    ),
}
LOOP = "for _ in range(40_000): pass"
BUSY = "while True: pass"
WALKS = f"{PROGRAMS['memory'][0]}\nwhile True: {PROGRAMS['memory'][1].split(': ')[1]}"
ALONE = "none, one after the other"
# What runs beside a pair: on its core, and on the other one.
NEIGHBOURS: dict[str, tuple[Sequence[str], Sequence[str]]] = {
    ALONE: ((), ()),
    "none": ((), ()),
    "a loop on the other core": ((), (BUSY,)),
    "memory on the other core": ((), (WALKS,)),
    "two loops on its core": ((BUSY, BUSY), ()),
    "two of memory on its core": ((WALKS, WALKS), ()),
    "two of memory on each core": ((WALKS, WALKS), (WALKS, WALKS)),
}


def write_program(program: str, extra: str = "", repeats: int = 0) -> str:
    """Return the text of a program that repeats something else after its own work."""
    prepare, work, portions = PROGRAMS[program]
    return (
        f"{prepare}\nfor _ in range({portions}):\n {work}\nfor _ in range({repeats}):\n "
        f"{extra or 'pass'}\n"
    )


def run_at_once(texts: Sequence[str], core: int) -> list[float]:
    """Return the CPU seconds of programs that run at once on a core."""
    with ExitStack() as stack:
        commands = []
        for text in texts:
            folder = stack.enter_context(make_folder())
            arguments = [sys.executable, "-c", text]
            spec = CommandSpec(arguments, folder, dict(os.environ), [core], 300.0)
            commands.append(stack.enter_context(Command(spec, folder)))
        return [command.finish().cpu_seconds for command in commands]


def count_repeats(program: str, extra: str, core: int) -> int:
    """Return how often something else must be repeated to take 5 % more, without neighbours."""
    texts = [write_program(program), write_program(program, extra, 200)]
    seconds = [median(run_at_once([text], core)[0] for _ in range(5)) for text in texts]
    return round(MORE * seconds[0] / ((seconds[1] - seconds[0]) / 200))


@contextmanager
def disturb(
    neighbours: tuple[Sequence[str], Sequence[str]], cores: Sequence[int]
) -> Iterator[None]:
    """Run programs on the last core and on the first one meanwhile."""
    processes = []
    for texts, core in zip(neighbours, (cores[-1], cores[0]), strict=True):
        for text in texts:
            process = subprocess.Popen([sys.executable, "-c", text])
            os.sched_setaffinity(process.pid, {core})
            processes.append(process)
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def main() -> None:
    """Print a line for each program, kind of extra work and kind of neighbours."""
    cores = list_usable_cores()
    print(f"# {machine.describe()['name']}")
    columns = "program", "more of", "neighbours", "base", "more", "low", "high"
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(columns)
    for program, (_, work, _) in PROGRAMS.items():
        for kind, extra in (("its work", work), ("a loop", LOOP)):
            texts = {
                BASELINE: write_program(program),
                CANDIDATE: write_program(program, extra, count_repeats(program, extra, cores[-1])),
            }
            quiet = 0.0
            for name, neighbours in NEIGHBOURS.items():
                pairs = []
                with disturb(neighbours, cores):
                    for _ in range(PAIRS):
                        order = order_sides()
                        chosen = [texts[side] for side in order]
                        if name == ALONE:
                            seconds = [run_at_once([text], cores[-1])[0] for text in chosen]
                        else:
                            seconds = run_at_once(chosen, cores[-1])
                        pairs.append(dict(zip(order, seconds, strict=True)))
                logs = [math.log(pair[CANDIDATE] / pair[BASELINE]) for pair in pairs]
                ratio = compare_pairs(logs, (PAIRS,), ALPHA).ratio
                base = median(pair[BASELINE] for pair in pairs)
                quiet = quiet or base
                shares = [
                    100 * (bound - 1) for bound in (ratio.mean, ratio.low or 0, ratio.high or 0)
                ]
                writer.writerow(
                    [program, kind, name, f"{base / quiet:.2f}", *(f"{x:+.1f}" for x in shares)]
                )
                sys.stdout.flush()


if __name__ == "__main__":
    main()
