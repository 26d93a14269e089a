"""`python -m tests.benchmarks.lite DATA`: Lite's rules on patches of known SWE-Gym Lite members.

Of every candidate in the store that SWE-Gym Lite holds, both readings must keep the patch. Rules on
texts are left out: the doubles' issues are not GitHub's.

`python -m tests.benchmarks.lite --rows FILE`: all rules on rows of SWE-bench Lite (JSON lines with
SWE-bench's columns), whose texts are GitHub's. What numbers exist there is not known: every number
counts as one that does, but for Django, whose tickets are not GitHub's.
"""

import argparse
import json
from collections import Counter
from pathlib import Path

from curate.publish.measures.swebench_lite import (
    CRITERIA_BY_MODE,
    make_lite_input,
    violated_criteria,
)
from curate.store import Store

MEMBERS = Path(__file__).with_name("lite-ids.txt")
PATCH = {"error-message", "adds-or-removes-files", "not-one-file", "not-1-to-3-hunks"}


def members() -> set[str]:
    """Known instance ids of SWE-Gym Lite."""
    lines = (line.split() for line in MEMBERS.read_text(encoding="utf-8").splitlines())
    return {f"{words[0]}-{number}" for words in lines if words[0] != "#" for number in words[1:]}


def on_rows(file: Path) -> None:
    """Print which rules the rows of *file* break."""
    wrong: dict[str, Counter[str]] = {mode: Counter() for mode in CRITERIA_BY_MODE}
    rows = [json.loads(line) for line in file.open(encoding="utf-8")]
    whole: Counter[str] = Counter()
    for row in rows:
        newest = 0 if row["repo"] == "django/django" else 10**9
        patch, tests = row["patch"].encode(), row["test_patch"].encode()
        made = make_lite_input(row["repo"], row["problem_statement"], patch, tests, newest)
        for mode, rules in CRITERIA_BY_MODE.items():
            names = violated_criteria(rules, made)
            wrong[mode].update(names)
            whole[mode] += not names
    print(f"{len(rows)} rows, of which break no rule: {dict(whole)}")
    for mode, counts in wrong.items():
        print(f"{mode}: {dict(counts.most_common()) or 'none'}")


def on_store(data: Path) -> None:
    """Print how many members are at hand, and how many break which rule."""
    known, seen, others = members(), 0, 0
    wrong: Counter[tuple[str, str]] = Counter()
    passing: Counter[str] = Counter()
    with Store(data) as store:
        for one in store.iter_candidates():
            made = make_lite_input(one.repo, one.problem_statement, one.patch, one.test_patch, 0)
            found = {
                mode: PATCH & set(violated_criteria(rules, made))
                for mode, rules in CRITERIA_BY_MODE.items()
            }
            if one.instance_id in known:
                seen += 1
                wrong.update((mode, name) for mode, names in found.items() for name in names)
            else:
                others += 1
                passing.update(mode for mode, names in found.items() if not names)
    print(f"{len(known)} known members, {seen} of them in the store")
    print(f"broken by members: {dict(wrong) or 'none'}")
    print(f"of {others} other candidates pass: {dict(passing)}")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.lite")
    given = parser.add_mutually_exclusive_group(required=True)
    given.add_argument("data", type=Path, nargs="?", help="data folder of a crawl")
    given.add_argument("--rows", type=Path, help="rows of SWE-bench Lite as JSON lines")
    chosen = parser.parse_args()
    on_rows(chosen.rows) if chosen.rows else on_store(chosen.data)


if __name__ == "__main__":
    main()
