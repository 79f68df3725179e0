"""Execute the chapter's notebook: ``python notebooks/execute.py`` writes chapter.ipynb anew.

The source is chapter.py. It needs the packages ipykernel, jupytext and nbclient.
"""

from pathlib import Path
from typing import Any

import jupytext
from nbclient import NotebookClient

SOURCE = Path(__file__).with_name("chapter.py")


def execute(skip: str = "") -> Any:
    """Return the notebook of chapter.py with its outputs.

    skip: leave out the cells with this tag; chapter.py tags what takes longest as "slow".

    Raises: nbclient.exceptions.CellExecutionError if a cell fails.
    """
    notebook = jupytext.read(SOURCE)
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"  # jupytext's are random: each execution would change them
    NotebookClient(
        notebook,
        record_timing=False,
        skip_cells_with_tag=skip,
        # What TensorFlow's C++ code logs when it is imported is no part of the lesson.
        extra_arguments=["--IPKernelApp.capture_fd_output=False"],
        resources={"metadata": {"path": SOURCE.parent}},
    ).execute()
    return notebook


if __name__ == "__main__":
    jupytext.write(execute(), SOURCE.with_suffix(".ipynb"))
