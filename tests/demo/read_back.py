"""Prints the rows of a dataset on the Hub as JSON lines (arguments: its id and a split).

A process of its own, since the clients read HF_ENDPOINT when they are imported.
"""

import json
import sys


def main(name: str, split: str) -> None:
    """Load *split* of the dataset *name* with the real `datasets` client."""
    from datasets import load_dataset  # type: ignore[import-untyped]

    for row in load_dataset(name, split=split):
        print(json.dumps(row, default=str))


if __name__ == "__main__":
    main(*sys.argv[1:])
