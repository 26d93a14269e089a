"""The evaluation script: apply the test patch, run the tests, restore the test files.

Requirements of an unmodified `swebench eval` (5.0): each marker is alone on its line, the test
command is the line before the end marker (its exit status is read there), and each test has a line
`STATUS id` that can be split at whitespace. The harness adds `set -x`, whose trace would print the
markers twice, so the script turns that off.

Other clients look at the exit status alone: it is 0 only if the instance is resolved. It depends on
what the plugin recorded, not on what was printed.
"""

import base64
import hashlib
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from curate.builders.editable.source import read_renewal_source
from curate.builders.model import ResourceLimits
from curate.builders.pytest_plugin import GRADER, STATUS, read_plugin_source
from curate.builders.pytest_plugin.grade_statuses import pack_test_lists
from curate.builders.templates import render_template
from curate.patches.file_kinds import TEST_NAMES, TEST_SEGMENTS
from curate.patches.parse import list_patch_paths

START_MARKER = ">>>>> Start Test Output"
END_MARKER = ">>>>> End Test Output"

# Test files according to the defaults of `curate.patches.file_kinds`.
TEST_FILES = (
    rf"(^|/)({'|'.join(sorted(TEST_SEGMENTS))})/"
    rf"|(^|/)({TEST_NAMES.pattern.replace('.*', '[^/]*')})$"
)


@dataclass(frozen=True, kw_only=True)
class ScriptProcess:
    """How the process of the tests is run."""

    environment: Mapping[str, str] = field(default_factory=dict)  # exported for the tests
    test_seconds: float = ResourceLimits.test_seconds  # that each test may take
    user: str = ""  # "uid:gid" that root becomes; "" = no change


@dataclass(frozen=True, kw_only=True)
class ExpectedTests:
    """The published ids of the tests that decide whether an instance is resolved."""

    fail_to_pass: Sequence[str]
    pass_to_pass: Sequence[str]


def render_eval_script(
    *,
    test_patch: bytes,
    test_command: str,
    gold: bytes = b"",
    testbed: str = "/testbed",
    process: ScriptProcess = ScriptProcess(),
    expected: ExpectedTests | None = None,
) -> str:
    """Return a bash script that tests the checkout at *testbed*, whose HEAD is the base commit.

    Files that *gold* changes are never reverted, even if their paths look like tests.
    Started as root, the script continues as the user of *process*, whom the checkout then belongs
    to. It ends with 0 if the tests are as *expected*, else with 1; without these, if they were run.
    A *test_command* that sets PYTHONPATH must keep its existing entries.

    Raises:
        ValueError: The command is empty or has several lines.
    """
    if "\n" in test_command or not test_command.strip():
        raise ValueError("the test command must be a single line")
    plugin, renewal = read_plugin_source(STATUS), read_renewal_source()
    values = {
        "testbed": testbed,
        "user": process.user,
        "test_files": [_quote_word(path) for path in list_patch_paths(test_patch)],
        "gold_files": [_quote_word(it) for it in list_patch_paths(gold) if _is_test_path(it)],
        "test_pattern": TEST_FILES,
        "apply": _apply_command(test_patch),
        "plugin": plugin,
        "end_of_plugin": _heredoc_delimiter("PLUGIN", plugin),
        "renewal": renewal,
        "end_of_renewal": _heredoc_delimiter("RENEWAL", renewal),
        "exports": sorted(process.environment.items()),
        "test_seconds": f"{process.test_seconds:g}",
        "start": START_MARKER,
        "command": test_command,
        "end": END_MARKER,
        "lists": _pack(expected) if expected else "",
        "grader": read_plugin_source(GRADER),
    }
    return render_template(__package__, "eval.sh.jinja", values)


def _pack(expected: ExpectedTests) -> str:
    return pack_test_lists(expected.fail_to_pass, expected.pass_to_pass)


def _apply_command(patch: bytes) -> str:
    """Return a command that applies *patch*: as plain text if a heredoc preserves it exactly."""
    if not patch:
        return ": no test patch"
    apply = "in_checkout apply --whitespace=nowarn -"
    if _is_readable(patch):
        text = patch.decode("utf-8")
        delimiter = _heredoc_delimiter("PATCH", text)
        return f"{apply} <<'{delimiter}' || exit 1\n{text}{delimiter}"
    coded = base64.encodebytes(patch).decode("ascii")
    return f"base64 -d <<'END_OF_BASE64' | {apply} || exit 1\n{coded}END_OF_BASE64"


def _is_test_path(path: bytes) -> bool:
    return re.search(TEST_FILES, path.decode("utf-8", "surrogateescape")) is not None


def _is_readable(patch: bytes) -> bool:
    if b"\r" in patch or b"\0" in patch or b">>>>> " in patch or not patch.endswith(b"\n"):
        return False
    try:
        patch.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _heredoc_delimiter(name: str, text: str) -> str:
    """Return a line that does not occur in *text*, deterministically."""
    lines = set(text.split("\n"))
    delimiter = f"END_OF_{name}"
    while delimiter in lines:
        digest = hashlib.sha256((delimiter + text).encode()).hexdigest()
        delimiter = f"END_OF_{name}_{digest[:16]}"
    return delimiter


def _quote_word(path: bytes) -> str:
    """Quote *path* (any bytes) as one word of bash."""
    if path.isascii() and path.decode("ascii").isprintable():
        return shlex.quote(path.decode("ascii"))
    return "$'" + "".join(f"\\{byte:03o}" for byte in path) + "'"
