"""The text of an evaluation script: test patch in, test command, test patch out.

What a stock `swebench eval` (5.0) needs of it: the markers stand alone on their lines, the test
command is the line before the end marker (its exit status is taken there), and each test has a
line `STATUS id` that survives a cut at blanks. The harness adds `set -x`, whose trace would show
the markers twice, so the script switches that off.
"""

import base64
import hashlib
import re
import shlex
from collections.abc import Mapping

from builders.pytest_plugin import STATUS, read_plugin_source
from curate.patches.file_kinds import TEST_NAMES, TEST_SEGMENTS
from curate.patches.parse import list_patch_paths

START_MARKER = ">>>>> Start Test Output"
END_MARKER = ">>>>> End Test Output"

# Which files are tests wherever they lie, by the default rules of `curate.patches.file_kinds`.
TEST_FILES = (
    rf"(^|/)({'|'.join(sorted(TEST_SEGMENTS))})/"
    rf"|(^|/)({TEST_NAMES.pattern.replace('.*', '[^/]*')})$"
)

_HEAD = """\
#!/bin/bash
set -uo pipefail
{{ set +x; }} 2>/dev/null
# Applies the test patch to the checkout, runs the tests, and puts the test files back. Edits to
# other files of tests are undone before that: a conftest.py can make every test pass.
# Between the markers each test has a line `STATUS id`; ids are percent-escaped to one word.
cd {testbed} || exit 1
in_checkout() {{ git -c safe.directory='*' --literal-pathspecs "$@"; }}
restore() {{
  for path in "$@"; do
    if in_checkout cat-file -e "HEAD:$path" 2>/dev/null; then
      in_checkout checkout -q HEAD -- "$path" || return 1
    else
      rm -rf -- "$path" || return 1
    fi
  done
}}
test_files=({paths})
restore "${{test_files[@]}}" || exit 1
of_the_fix=({kept})
is_test={tests}
undo() {{
  for kept in ${{of_the_fix[@]+"${{of_the_fix[@]}}"}}; do [[ $1 == "$kept" ]] && return; done
  restore "$1" || exit 1
}}
while IFS= read -r -d '' path; do
  [[ $path =~ $is_test ]] && undo "$path"
done < <(in_checkout diff --no-renames --name-only -z HEAD)
while IFS= read -r -d '' path; do
  [[ $path == conftest.py || $path == */conftest.py ]] && undo "$path"
done < <(in_checkout ls-files --others -z)
{apply}
plugin=$(mktemp -d) || exit 1
cat > "$plugin/curate_status.py" <<'{end_of_plugin}'
{plugin}{end_of_plugin}
"""

_TAIL = """\
export PYTHONPATH="$plugin${{PYTHONPATH:+:$PYTHONPATH}}"
export PYTEST_PLUGINS="curate_status${{PYTEST_PLUGINS:+,$PYTEST_PLUGINS}}"
echo '{start}'
{command}
echo '{end}'
restore "${{test_files[@]}}"
rm -rf -- "$plugin"
"""


def render_eval_script(
    *,
    test_patch: bytes,
    test_command: str,
    gold: bytes = b"",
    environment: Mapping[str, str] | None = None,
    testbed: str = "/testbed",
) -> str:
    """A bash script that tests the checkout at *testbed*, whose HEAD is the base commit.

    What *gold* changes is left as a solver has it, also where the default rules take it for a test.
    *environment* is exported for the tests. Raises ValueError for a command of several lines.
    A command that sets PYTHONPATH itself must keep what is there.
    """
    if "\n" in test_command or not test_command.strip():
        raise ValueError("the test command must be one line")
    exports = [f"export {k}={shlex.quote(v)}\n" for k, v in sorted((environment or {}).items())]
    head = _HEAD.format(
        testbed=shlex.quote(testbed),
        paths=" ".join(_quote_word(path) for path in list_patch_paths(test_patch)),
        kept=" ".join(_quote_word(path) for path in list_patch_paths(gold) if _is_test_path(path)),
        tests=shlex.quote(TEST_FILES),
        apply=_apply_command(test_patch),
        plugin=read_plugin_source(STATUS),
        end_of_plugin=_heredoc_delimiter("PLUGIN", read_plugin_source(STATUS)),
    )
    return (
        head
        + "".join(exports)
        + _TAIL.format(start=START_MARKER, command=test_command, end=END_MARKER)
    )


def _apply_command(patch: bytes) -> str:
    """A command that applies *patch*, readable where a heredoc can hold it exactly."""
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
    """A line that *text* does not hold, the same for the same text."""
    lines = set(text.split("\n"))
    delimiter = f"END_OF_{name}"
    while delimiter in lines:
        digest = hashlib.sha256((delimiter + text).encode()).hexdigest()
        delimiter = f"END_OF_{name}_{digest[:16]}"
    return delimiter


def _quote_word(path: bytes) -> str:
    """*path* as one word of bash, whatever its bytes."""
    if path.isascii() and path.decode("ascii").isprintable():
        return shlex.quote(path.decode("ascii"))
    return "$'" + "".join(f"\\{byte:03o}" for byte in path) + "'"
