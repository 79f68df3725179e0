"""Run a command of a user's own as a process: its time, its output and its end."""

import os
import re
import shutil
import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from bench.errors import join_lines
from bench.runner.process.outcome import Outcome, find_misconduct, interpret_code
from bench.runner.process.placement import Family, read_queues
from bench.runner.process.scratch import MARK
from bench.runner.process.session import Child, leaders, read_schedstat

# Between two looks at the processes of a command; a Python takes longer to start.
LOOK_SECONDS = 0.005
BYTECODE = "PYTHONPYCACHEPREFIX"  # names the folder: see ``cmdline`` in Python's documentation
_INTERPRETERS = ("python", "pypy", "sh", "bash", "dash", "zsh", "ksh", "perl", "ruby", "node")


@dataclass(frozen=True, slots=True)
class CommandSpec:
    """What is run, and where."""

    arguments: Sequence[str]  # without a shell
    folder: Path
    variables: Mapping[str, str]  # all environment variables
    cores: Sequence[int]  # those that it may use
    timeout: float  # seconds
    output_bytes: int = 0  # of its output, the last of which are kept; 0 throws it away


class Command(Child):
    """A command from its start to its end. Raises UserError where it cannot be started.

    scratch: a folder of its own. is_watched: whether its processes are looked at meanwhile, which
    takes time of a core.
    """

    def __init__(self, spec: CommandSpec, scratch: Path, *, is_watched: bool = False) -> None:
        super().__init__(scratch, spec.timeout, spec.cores)
        self._spec = spec
        self._family = Family()
        bytecode = spec.variables.get(BYTECODE)
        self._watcher = Watcher(self._family, bytecode) if is_watched else None

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)
        if self._watcher:
            self._watcher.stop()
        if not leaders:  # else they may be those of the other command of a pair
            self._family.kill()

    def _begin(self) -> None:
        spec = self._spec
        self._stderr = self._open_pipe()
        self._stdout = self._open_pipe(spec.output_bytes) if spec.output_bytes else None
        self._spawn(
            spec.arguments,
            "Name a program that is there, and a shell where the command needs one, as in sh -c "
            "'…'",
            stdin=subprocess.DEVNULL,
            stdout=self._stdout.write_end if self._stdout else subprocess.DEVNULL,
            stderr=self._stderr.write_end,
            cwd=spec.folder,
            env={**spec.variables, MARK: f"{self.folder}/"},
        )
        self._family.leader = self.pid
        if self._watcher:
            # It may end before it is looked at.
            program, *arguments = spec.arguments
            program = shutil.which(program, path=spec.variables.get("PATH")) or program
            self._watcher.look_at([program, *arguments], spec.folder, spec.variables)
            self._watcher.start()

    def finish(self) -> Outcome:
        """Let the command end, and return how it did."""
        session = self.session
        session.wait()
        queue = read_schedstat(f"/proc/{session.process.pid}/schedstat")
        seen, is_hidden = frozenset[Path](), False
        if self._watcher:
            queue = max(queue, self._watcher.stop())
            seen, is_hidden = frozenset(self._watcher.seen), self._watcher.is_hidden
        process_exit, seconds = self._end(self._stderr)
        if self._watcher and process_exit.exceeded_seconds is None:  # it has run alone
            process_exit = replace(
                process_exit, leftovers=[*process_exit.leftovers, *self._family.list_strays()]
            )
        stderr = process_exit.stderr_tail
        output = self._stdout.tail.decode("utf-8", errors="replace") if self._stdout else ""
        status, reason = interpret_code(process_exit, "--budget")
        lines = (stderr.strip() or output.strip()).splitlines()
        if status == "ok":
            reason = find_misconduct(process_exit)
            status = "failed" if reason else "ok"
        elif status == "failed" and lines:  # after a timeout our own signal ended it
            reason = f"{reason}: {join_lines(lines[-1])}"
        usage = session.usage
        cpu = usage["ru_utime"] + usage["ru_stime"]
        return Outcome(
            status, reason, {}, stderr, seconds, cpu, output, queue, usage, seen, is_hidden
        )


class Watcher(threading.Thread):
    """Looks at the processes of a command until it is stopped: what they run, how they wait.

    seen: the scripts that are in their arguments, and the files in their memory. is_hidden: whether
    one is a Python that leaves no bytecode where ``BYTECODE`` says.
    """

    def __init__(self, family: Family, bytecode: str | None) -> None:
        super().__init__(daemon=True)
        self._family, self._bytecode = family, bytecode
        self._stopped = threading.Event()
        self._queues: dict[str, float] = {}
        self.seen: set[Path] = set()
        self.is_hidden = False

    def run(self) -> None:
        """Look again and again."""
        while not self._stopped.wait(LOOK_SECONDS):
            for process in self._family.list_members():
                self._queues |= read_queues(process)
                self.seen |= list_mapped(process)
                with suppress(OSError, ValueError):  # it has just ended
                    self.look_at(*read_start(process))

    def look_at(self, words: Sequence[str], folder: Path, variables: Mapping[str, str]) -> None:
        """See what a process has begun with. Raises ValueError without a word."""
        scripts, flags = find_script(words)
        if "/" not in scripts[0]:  # it was found on PATH
            scripts = scripts[1:]
        self.seen |= {(folder / script).resolve() for script in scripts}
        if Path(words[0]).name.startswith(("python", "pypy")):
            leaves_none = "PYTHONDONTWRITEBYTECODE" in variables or {*"BEI"} & {*flags}
            if leaves_none or variables.get(BYTECODE) != self._bytecode:
                self.is_hidden = True

    def stop(self) -> float:
        """Stop; return the seconds for which all threads seen have waited for a core."""
        self._stopped.set()
        if self.is_alive():
            self.join()
        return sum(self._queues.values())


def read_start(process: int) -> tuple[list[str], Path, dict[str, str]]:
    """Return the arguments of a process, its folder and its variables: proc_pid_cmdline(5).

    Raises OSError.
    """
    files = (Path(f"/proc/{process}/{name}").read_bytes() for name in ("cmdline", "environ"))
    words, texts = ([*map(os.fsdecode, file.split(b"\0")[:-1])] for file in files)
    variables = {name: value for name, _, value in (text.partition("=") for text in texts)}
    return words, Path(f"/proc/{process}/cwd").readlink(), variables


def find_script(words: Sequence[str]) -> tuple[list[str], str]:
    """Return the program of a command; of an interpreter also the script that it runs, and flags.

    Raises ValueError without a word.
    """
    program, *arguments = words
    scripts, flags = [program], ""
    if Path(program).name.startswith(_INTERPRETERS):
        rest = iter(arguments)
        for word in rest:
            if word in {"-W", "-X"}:  # with a value
                next(rest, "")
            elif not word.startswith("-"):
                scripts.append(word)
                break
            elif not word.startswith(("--", "-W", "-X")):
                flag = re.split("[cm]", word, maxsplit=1)[0]
                flags += flag
                if flag != word:  # what follows are arguments
                    break
    return scripts, flags


def list_mapped(process: int) -> set[Path]:
    """Return the files that a process has mapped into its memory: proc_pid_maps(5)."""
    with suppress(OSError):
        lines = Path(f"/proc/{process}/maps").read_bytes().splitlines()
        fields = [line.split(None, 5) for line in lines]
        return {Path(os.fsdecode(line[5])) for line in fields if line[5:] and line[5][:1] == b"/"}
    return set()
