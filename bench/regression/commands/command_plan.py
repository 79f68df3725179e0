"""The plan of ``softmax-bench gate``, and the pairs of processes that it measures."""

import shlex
from dataclasses import replace

import msgspec

from bench.errors import UserError
from bench.records.schema import Count, Share
from bench.regression.commands.samplers import TIME, Sampler, count_with, find_sampler
from bench.regression.pairs.plan import PairedPlan


class CommandPlan(PairedPlan, frozen=True, kw_only=True):
    """The plan, as it is stored."""

    arguments: str  # the command, as a shell would take it
    more: tuple[str, ...] = ()  # further commands, each of which is judged, too
    # A name in SAMPLERS, or json:KEY; TIME also where instructions are counted.
    metric: str = TIME  # in older plans also last-number
    chosen: str = ""  # why it is this one of TIME and CPU_TIME; empty if the user named it
    counter: tuple[str, ...] = ()  # counts the instructions, which are judged, too
    pytest: bool = False  # the command is pytest, of which each benchmark is judged
    prepare: str = ""  # a command that runs before each process, as a shell would take it
    loops: bool = False  # in older plans: the processes of a pair iterated in turn
    threads: Count
    notice: str = ""  # in older plans: what differs beside the code
    ran: str = ""  # which files that differ ran; empty if nothing differs, or it was not seen
    # Of benchmarks, by names: the last one that fits holds.
    tolerances: dict[str, Share] = msgspec.field(default_factory=dict)

    def find_tolerance(self, benchmark: str) -> float:
        """Return the share below which a difference of a benchmark does not matter."""
        shares = [share for name, share in self.tolerances.items() if is_named(name, benchmark)]
        return [self.tolerance, *shares][-1]

    @property
    def commands(self) -> list[str]:
        """All commands."""
        return [self.arguments, *self.more]

    @property
    def sampler(self) -> Sampler:
        """What of a process is timed."""
        sampler = find_sampler(self.metric, pytest=self.pytest)
        return replace(sampler, words="iteration", together=True) if self.loops else sampler

    @property
    def counting(self) -> Sampler | None:
        """What is counted beside it, if anything is."""
        return count_with(self.counter) if self.counter else None


def is_named(name: str, benchmark: str) -> bool:
    """Return whether a name is a benchmark's: with or without its file, class and parameters."""
    path, bracket, parameters = benchmark.partition("[")
    test = path.rpartition("::")[2]
    return name in {benchmark, path, test, f"{test}{bracket}{parameters}"}


def split_arguments(text: str, option: str) -> list[str]:
    """Return a command as a list; no shell ever reads it. Raises UserError."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UserError(f"{option} {text!r}: {error}. Close the quotation") from error
    if not words:
        raise UserError(f"{option} is empty. Give a program with its arguments")
    return words
