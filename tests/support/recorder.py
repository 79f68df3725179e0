"""Record the system calls of this process that write below a folder; other processes' are not.

Calls are tuples: ``("write", path, data)``, ``("rename", path, path)``, ``(kind, path)`` of create,
truncate, fsync, mkdir, rmdir and unlink, and ``("tell",)`` where something is printed or a process
is started: what was begun before is over then.
"""

import _pyio
import atexit
import builtins
import io
import os
import pickle
import sys
from pathlib import Path


def snapshot(folder):
    """Return the contents of all files below a folder by path, and None for each folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in Path(folder).rglob("*")
    }


def start(log, root, stop):  # noqa: C901 - what wraps the calls shares them
    """Record until the process ends; then write the folder's contents before, and the calls.

    log: a file, which is continued if it exists. stop: a kind and a part of a path; the process
    ends at the first such call, as when it is killed. Empty for none.
    """
    before, calls, paths = snapshot(root), [], {}
    if Path(log).exists():
        before, calls = pickle.loads(Path(log).read_bytes())

    def save():
        Path(log).write_bytes(pickle.dumps((before, calls)))

    def note(kind, *words):
        if words and not f"{words[0]}/".startswith(f"{root}/"):
            return
        calls.append((kind, *(w[len(root) + 1 :] if isinstance(w, str) else w for w in words)))
        if stop and kind == stop[0] and stop[1] in words[0]:
            save()
            os._exit(0)

    def locate(path, dir_fd=None):
        return os.path.join(paths.get(dir_fd) or Path.cwd(), path)  # noqa: PTH118 - a text

    def note_open(number, path, flags, *_, dir_fd=None):
        paths[number] = locate(path, dir_fd)
        if flags & os.O_CREAT:
            note("truncate" if flags & os.O_TRUNC else "create", paths[number])

    def note_write(count, number, data):
        told = number in {1, 2}
        note(*(["tell"] if told else ["write", paths.get(number, ""), bytes(data[:count])]))

    def note_rename(_, old, new):
        note("rename", locate(old), locate(new))
        paths.update([(n, locate(new)) for n, path in paths.items() if path == locate(old)])

    def wrap(name, then):
        real = getattr(os, name)

        def call(*words, **options):
            result = real(*words, **options)
            then(result, *words, **options)
            return result

        setattr(os, name, call)

    wrap("open", note_open)
    wrap("write", note_write)
    wrap("close", lambda _, number: paths.pop(number, None))
    wrap("fsync", lambda _, number: note("fsync", paths.get(number, "")))
    for name in ("mkdir", "rmdir", "unlink"):
        wrap(name, lambda _, p, *__, dir_fd=None, name=name: note(name, locate(p, dir_fd)))
    for name in ("rename", "replace"):
        wrap(name, note_rename)
    builtins.open = io.open = _pyio.open  # written in Python, it calls the functions of os
    sys.stdout, sys.stderr = (_pyio.open(n, "w", 1, "utf-8", closefd=False) for n in (1, 2))
    sys.addaudithook(lambda event, _: event == "subprocess.Popen" and note("tell"))
    atexit.register(save)
    atexit.register(note, "tell")
