"""``bench list``: the implementations, and which of their frameworks are installed."""

import importlib.metadata

from rich.table import Table
from rich.text import Text

from bench.cli.console import print_line, stdout
from bench.errors import suggest_install
from implementations import IMPLEMENTATIONS, MANY, Implementation


def list_implementations() -> None:
    """List the implementations and the installed versions of their frameworks."""
    table = Table(box=None, pad_edge=False, collapse_padding=True)
    for heading in ("name", "framework", "devices", "remarks"):
        table.add_column(heading, no_wrap=True)  # a name that is cut off cannot be typed
    for entry in (*IMPLEMENTATIONS, *MANY):
        kind = ("many models",) if entry.many else (entry.style, entry.data, entry.objective)
        remarks = [word for word in kind if word not in {"idiomatic", "resident", "softmax"}]
        versions = Text(installed_versions(entry))
        table.add_row(entry.name, versions, ", ".join(entry.devices), ", ".join(remarks))
    stdout.print(table)
    print_line("Without a remark: idiomatic, resident data, softmax.")
    print_line(f"Missing: {suggest_install('EXTRA')}")


def installed_versions(entry: Implementation) -> str:
    """Return the versions of a framework and its backend, or the extra that installs them."""
    names = [entry.framework, *filter(None, [entry.variables.get("KERAS_BACKEND")])]
    try:
        return ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)
    except importlib.metadata.PackageNotFoundError:
        return f"missing: {entry.extra}"
