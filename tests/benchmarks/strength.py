"""How much of their gold patches the tests of verified instances notice.

    python -m tests.benchmarks.strength DATA...

A line an instance that has pieces which no FAIL_TO_PASS test notices, then how the share of noticed
pieces is spread. The figures are those of validation; nothing is run.
"""

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import mean, median

from curate.core.model import Validation
from curate.store import Store

BOUNDS = (1.0, 0.75, 0.5, 0.25, 0.0)  # lower ends of the rows of the spread


def main(folders: Sequence[str]) -> None:
    """Print both tables."""
    with ExitStack() as stack:
        stores = [stack.enter_context(Store(Path(folder))) for folder in folders]
        made = {m.instance_id: m for store in stores for _, m in store.iter_verified()}
    print("| instance | FAIL_TO_PASS | pieces | noticed | not noticed |")
    print("| --- | --- | --- | --- | --- |")
    for validation in made.values():
        if validation.test_strength and validation.test_strength.untested:
            print(line(validation))
    print(f"\n{spread(list(made.values()))}")


def line(made: Validation) -> str:
    """An instance with pieces that nothing notices."""
    assert made.test_strength is not None
    missed = ", ".join(f"`{piece}`" for piece in made.test_strength.untested[:4])
    more = len(made.test_strength.untested) - 4
    return (
        f"| {made.instance_id} | {len(made.verdict.fail_to_pass)} | {len(made.test_strength.hunks)}"
        f" | {share(made):.2f} | {missed}{f' and {more} more' if more > 0 else ''} |"
    )


def share(made: Validation) -> float:
    """Share of the pieces that are noticed; an instance without pieces has none to miss."""
    strength = made.test_strength
    if strength is None or not strength.hunks:
        return 1.0
    return 1 - len(strength.untested) / len(strength.hunks)


def spread(made: Sequence[Validation]) -> str:
    """Instances by the share of noticed pieces, those of several pieces apart."""
    measured = [each for each in made if each.test_strength and each.test_strength.hunks]
    several = [
        each for each in measured if each.test_strength and len(each.test_strength.hunks) > 1
    ]
    lines = ["| noticed | instances | of them with several pieces |", "| --- | --- | --- |"]
    above = 2.0
    for least in BOUNDS:
        counts = [
            sum(least <= share(each) < above for each in some) for some in (measured, several)
        ]
        name = "all" if least == 1 else f"{least:.2f} to {above:.2f}"
        lines.append(f"| {name} | {counts[0]} | {counts[1]} |")
        above = least
    shares = [share(each) for each in measured] or [1.0]
    lines.append(
        f"\n{len(measured)} of {len(made)} instances measured; mean {mean(shares):.2f},"
        f" median {median(shares):.2f}"
    )
    return "\n".join(lines)


if __name__ == "__main__":
    main(sys.argv[1:])
