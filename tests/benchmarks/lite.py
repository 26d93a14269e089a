"""`python -m tests.benchmarks.lite DATA`: Lite's rules on patches of known SWE-Gym Lite members.

Of every candidate in the store that SWE-Gym Lite holds, both readings must keep the patch. Rules on
texts are left out: the doubles' issues are not GitHub's.
"""

import argparse
from collections import Counter
from pathlib import Path

from curate.publishing.lite import MODES, broken, subject
from curate.store import Store

MEMBERS = Path(__file__).with_name("lite-ids.txt")
PATCH = {"error-message", "adds-or-removes-files", "not-one-file", "not-1-to-3-hunks"}


def members() -> set[str]:
    """Known instance ids of SWE-Gym Lite."""
    lines = (line.split() for line in MEMBERS.read_text(encoding="utf-8").splitlines())
    return {f"{words[0]}-{number}" for words in lines if words[0] != "#" for number in words[1:]}


def main() -> None:
    """Print how many members are at hand, and how many break which rule."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.lite")
    parser.add_argument("data", type=Path, help="data folder of a crawl")
    known, seen, others = members(), 0, 0
    wrong: Counter[tuple[str, str]] = Counter()
    passing: Counter[str] = Counter()
    with Store(parser.parse_args().data) as store:
        for one in store.candidates():
            made = subject(one.repo, one.problem_statement, one.patch, one.test_patch, 0)
            found = {mode: PATCH & set(broken(rules, made)) for mode, rules in MODES.items()}
            if one.instance_id in known:
                seen += 1
                wrong.update((mode, name) for mode, names in found.items() for name in names)
            else:
                others += 1
                passing.update(mode for mode, names in found.items() if not names)
    print(f"{len(known)} known members, {seen} of them in the store")
    print(f"broken by members: {dict(wrong) or 'none'}")
    print(f"of {others} other candidates pass: {dict(passing)}")


if __name__ == "__main__":
    main()
