"""Runs docs/tour.ipynb and compares its outputs; `python -m tests.helpers.notebook` saves them.

The directory given as the argument is one that the demo has left, as a clone after `make demo`.
"""

import os
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "docs" / "tour.ipynb"


def run_notebook(folder: Path) -> Any:
    """Return the notebook with the outputs that it has in *folder*."""
    import nbformat
    from nbclient import NotebookClient

    os.environ["PYTHONPATH"] = str(ROOT)  # of the kernel
    notebook = nbformat.read(NOTEBOOK, 4)  # type: ignore[no-untyped-call]
    client = NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(folder)}})
    client.execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # times
    return notebook


def read_outputs(notebook: Any) -> list[str]:
    """Return what each cell of code printed, without what differs between runs."""
    return [
        mask("".join(output.get("text", "") for output in cell.outputs if output.name == "stdout"))
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


def mask(text: str) -> str:
    """Leave out in which runs a flaky test fails."""
    return re.sub(r"((?:before|after) +\d): (?:tests/\S+|all pass)", r"\1: …", text)


def main(folder: str) -> None:
    """Save the notebook as it is in *folder*."""
    import nbformat

    nbformat.write(run_notebook(Path(folder)), NOTEBOOK)  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main(*sys.argv[1:])
