"""Say by the exit status whether the statuses of an evaluation resolve its instance: 0 = resolved.

Embedded in evaluation scripts, whose interpreter reads it from standard input. Arguments: journal
of the statuses, exit code of the test command, and FAIL_TO_PASS and PASS_TO_PASS as
`pack_test_lists` packs them, in a file.
"""

import base64
import json
import lzma
import sys
from typing import Any

from curate.builders.pytest_plugin.criteria import find_unresolved, hides_failure
from curate.builders.pytest_plugin.status_journal import StatusJournal
from curate.builders.pytest_plugin.test_ids import escape_test_id


def pack_test_lists(fail_to_pass: Any, pass_to_pass: Any) -> str:
    """Return both lists of published ids as lines of text, a fiftieth of their size.

    A script that is passed as an argument must not be longer than 128 KiB.
    """
    text = json.dumps([list(fail_to_pass), list(pass_to_pass)])
    packed = lzma.compress(text.encode("ascii"), format=lzma.FORMAT_ALONE, preset=1)
    return base64.encodebytes(packed).decode("ascii")


def explain_unresolved(journal_path: str, exit_code: int, lists: str) -> str:
    """Return why the instance is not resolved; "" if it is."""
    journal = StatusJournal(journal_path)
    statuses = {escape_test_id(name): it for name, it in journal.merge().items()}
    if not journal.has_ended():
        return "the test session did not end"
    if hides_failure(statuses, exit_code):
        return "the test command ended with {}, but no test failed".format(exit_code)  # noqa: UP032
    expected = json.loads(lzma.decompress(base64.b64decode(lists)).decode("ascii"))
    unresolved = find_unresolved(statuses, *expected)
    more = " and {} more".format(len(unresolved) - 3) if len(unresolved) > 3 else ""  # noqa: UP032
    return ", ".join(unresolved[:3]) + more


if __name__ == "__main__":
    with open(sys.argv[3]) as stream:  # noqa: PTH123
        reason = explain_unresolved(sys.argv[1], int(sys.argv[2]), stream.read())
    sys.exit("not resolved: " + reason if reason else 0)
