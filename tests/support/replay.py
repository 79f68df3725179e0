"""What a file system may hold after an interruption, and what must be there.

A file has no content on the disk that was not synced, and a folder no names: an interruption may
keep any of the changes since, but each as a whole. Of the last write it keeps any number of bytes
of its first and last block, or zeros. A killed process leaves all changes, which is one of these.
"""

from itertools import combinations, product
from pathlib import Path, PurePath

BLOCK = 4096
# Of more changes than this, the older ones are kept together or lost together.
MAX_CHANGES = 7


class Node:
    """A file, or a folder. names: of a folder; versions: of a file since it was synced."""

    def __init__(self, data):
        self.names, self.synced, self.versions = {}, {}, [data]


class Disk:
    """A folder, as processes see it and as it may be after an interruption."""

    def __init__(self, contents):
        self.root, self.changes, self.written = Node(None), [], None
        for path, data in sorted(contents.items()):
            self.change((path, Node(data)))
        for node in [self.root, *self.list_nodes(self.changes).values()]:
            self.sync(node)

    def find(self, path):
        node = self.root
        for name in Path(path).parts:
            node = node.names.get(name)
        return node

    def change(self, *names):
        """Change names together: (path, node), or (path, None) to remove it."""
        self.changes.append([(self.find(Path(p).parent), Path(p).name, node) for p, node in names])
        for folder, name, node in self.changes[-1]:
            folder.names[name] = node

    def sync(self, node):
        """Keep what a file or a folder holds."""
        del node.versions[:-1]
        for change in list(self.changes):
            if any(folder is node for folder, *_ in change):
                self.changes.remove(change)
                for folder, name, inside in change:
                    folder.synced[name] = inside

    def apply(self, call):
        """Do what a call did."""
        self.written = self.find(call[1]) if call[0] == "write" else None
        match call:
            case ("create" | "truncate" | "mkdir" as kind, path):
                if self.find(path) is None:
                    self.change((path, Node(None if kind == "mkdir" else b"")))
                elif kind == "truncate":
                    self.find(path).versions.append(b"")
            case ("write", _, data):
                self.written.versions.append(self.written.versions[-1] + data)
            case ("fsync", path):
                self.sync(self.find(path))
            case ("rename", old, new):
                self.change((new, self.find(old)), (old, None))
            case ("unlink" | "rmdir", path):
                self.change((path, None))

    def list_nodes(self, kept):
        """Return all nodes by path, if these of the changes were kept."""
        changed = {(folder, name): node for change in kept for folder, name, node in change}

        def walk(folder, path):
            known = {name: node for (one, name), node in changed.items() if one is folder}
            for name, node in (folder.synced | known).items():
                if node is not None:
                    yield path + name, node
                    yield from walk(node, f"{path}{name}/")

        return dict(walk(self.root, ""))

    def interrupt(self, step):
        """Yield what may be left of an interruption now, and in how many ways.

        step: of so many places at which a write may end, try one. Nobody reads a temporary file, so
        all that it may hold counts as one content.
        """
        older, recent = self.changes[:-MAX_CHANGES], self.changes[-MAX_CHANGES:]
        subsets = [one for size in range(len(recent) + 1) for one in combinations(recent, size)]
        for first, rest in product([older, []] if older else [[]], subsets):
            contents, choices, ways = {}, {}, 1
            for path, node in self.list_nodes([*first, *rest]).items():
                contents[path] = node.versions[-1]
                if len(node.versions) > 1:
                    choices[path] = list_contents(node, step if node is self.written else BLOCK)
                    if is_temporary(path):
                        contents[path], ways = b"{", ways * len(choices.pop(path))
            for chosen in product(*choices.values()):
                yield contents | dict(zip(choices, chosen, strict=True)), ways


def list_contents(node, step):
    """Return what a file may hold that was not synced; step: see ``interrupt``."""
    before, after = node.versions[-2:]
    size = max(0, len(after) - len(before))
    ends = {*range(1, min(BLOCK, size), step), *range(max(1, size - BLOCK), size, step)}
    return [*node.versions, *(after[: len(before) + end] for end in ends), before + bytes(size)]


def is_temporary(path):
    """Return whether a file is a lock, or unfinished as all of its folder: nobody reads it."""
    return path.endswith(".lock") or ".part/" in f"{path}/"


def list_lines(contents):
    """Return the whole lines in all files of records, with their folders."""
    return {
        (str(PurePath(path).parent), line)
        for path, data in contents.items()
        if path.endswith(".jsonl") and not is_temporary(path)
        for line in data.split(b"\n")[:-1]
    }


class Recording:
    """The calls of a command, and what it promises.

    told: what was in its folder when it last told something: that is not lost any more, but for
    what the command itself removes or replaces.
    """

    def __init__(self, before, calls):
        self.before, self.calls, self.told = before, [("tell",), *calls], []
        disk = Disk(before)
        for call in self.calls:
            disk.apply(call)
            if call == ("tell",):
                nodes = disk.list_nodes(disk.changes).items()
                self.told.append({path: node.versions[-1] for path, node in nodes})
        self.lines = [list_lines(told) for told in self.told]

    def interrupt(self, step):
        """Yield what each interruption may leave, in how many ways, and how much was told."""
        disk, number = Disk(self.before), -1
        for call in self.calls:
            disk.apply(call)
            number += call == ("tell",)
            for contents, ways in disk.interrupt(step):
                yield contents, ways, number

    def find_fault(self, contents, number):
        """Return the name of a file that is lost or damaged in contents, or a record, or None."""
        for path in {*self.told[number], *contents}:
            known = self.told[number if path in self.told[number] else 0 :]
            if path.endswith(".jsonl") or is_temporary(path):
                continue
            if contents.get(path, "none") not in (told.get(path, "none") for told in known):
                return path
        promised = self.lines[-1] & self.lines[number]
        return next(iter(promised - list_lines(contents)), None)
