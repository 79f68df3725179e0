"""``bench list``: the implementations, and which of their frameworks are installed."""

import importlib.metadata

from rich.table import Table
from rich.text import Text

from bench.cli.console import stdout
from implementations import IMPLEMENTATIONS, Implementation


def list_implementations() -> None:
    """List the implementations and the installed versions of their frameworks."""
    headings = ("name", "framework", "objective", "style", "data", "devices")
    table = Table(*headings, box=None, pad_edge=False)
    for entry in IMPLEMENTATIONS:
        kind = (entry.objective, entry.style, entry.data, ", ".join(entry.devices))
        table.add_row(entry.name, Text(installed_versions(entry)), *kind)
    stdout.print(table)


def installed_versions(entry: Implementation) -> str:
    """Return the versions of a framework and its backend, or how to install them."""
    names = [entry.framework, *filter(None, [entry.variables.get("KERAS_BACKEND")])]
    try:
        return ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)
    except importlib.metadata.PackageNotFoundError:
        return f"not installed: pip install -e '.[{entry.extra}]'"
