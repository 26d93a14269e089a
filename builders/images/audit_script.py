"""Shell commands that check a finished checkout: it contains nothing newer than its commit.

They are POSIX sh and part of the install script. A failing check prints a sentence that starts
with "not clean:".
"""

import shlex

# A copy of the package outside the checkout would shadow it, or reveal a later release.
_CHECK_COPIES = """\
import os, sys
from importlib.machinery import PathFinder
name, root = sys.argv[1], os.path.realpath(sys.argv[2]) + os.sep
inside = lambda path: (os.path.realpath(path) + os.sep).startswith(root)
specs = [PathFinder.find_spec(name, [path]) for path in sys.path if not inside(path)]
found = [spec.submodule_search_locations or [spec.origin] for spec in specs if spec]
others = [place for places in found for place in places if not inside(place)]
sys.exit("not clean: another copy of %s in %s" % (name, others[0]) if others else 0)
"""

# Lists changed tracked files with their content. Some are changed before any install: git cannot
# convert them to and fro as .gitattributes asks (working-tree-encoding, eol, filters).
_LIST_CHANGES = """\
list_changes() {
    find . -name .git -prune | sort | while read -r folder; do (
        cd "$(dirname "$folder")"
        changed="git -c core.quotePath=false diff --no-ext-diff --name-only HEAD"
        $changed | while IFS= read -r path; do
            content=$(git hash-object --no-filters -- "$path" 2>/dev/null || true)
            echo "${folder%.git}$path $content"
        done
    ); done
}
changed_before=$(list_changes)
"""

# Submodules are repositories of their own. Untracked files that the install created are added to
# .git/info/exclude, so that `git status` is clean.
_CHECK_REPOSITORIES = """\
changed=$(list_changes | grep -vxF "$changed_before" || true)
[ -z "$changed" ] || { echo "not clean: changed files: $changed"; exit 1; }
find . -name .git -prune | while read -r folder; do (
    cd "$(dirname "$folder")"
    mkdir -p .git/info
    git ls-files --others --exclude-standard --directory | sed 's|^|/|' >> .git/info/exclude
    # shellcheck disable=SC2086  # none or several commits
    later=$(git fsck --connectivity-only --unreachable --no-reflogs $known 2>/dev/null |
        grep '^unreachable' | head -n 3)
    [ -z "$later" ] || { echo "not clean: objects that HEAD does not need: $later"; exit 1; }
    for trace in logs FETCH_HEAD ORIG_HEAD objects/info/alternates; do
        [ ! -e ".git/$trace" ] || { echo "not clean: .git/$trace"; exit 1; }
    done
    [ -z "$(git remote)" ] || { echo "not clean: a remote is set"; exit 1; }
) || exit 1; done
"""


def record_commands() -> list[str]:
    """Return commands that note the state of the current folder before the install."""
    return _LIST_CHANGES.splitlines()


def audit_commands(import_name: str, older: str = "") -> list[str]:
    """Return commands that check the current folder, `$checkout`, and the environment's `python`.

    They fail for tracked files that changed since `record_commands`, for objects that neither HEAD
    nor the commits *older* (its ancestors, separated by spaces) need, for reflogs and similar
    traces, for remotes, and for other copies of *import_name* ("" = not checked).
    """
    lines = [f"known='HEAD {older}'", *_CHECK_REPOSITORIES.splitlines()]
    if import_name:
        name, check = shlex.quote(import_name), shlex.quote(_CHECK_COPIES)
        lines.append(f'(cd / && python -B -c {check} {name} "$checkout")')
    return lines
