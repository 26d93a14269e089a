"""What an agent has changed in its sandbox, taken out of it as a diff."""

from curate.builders.templates import render_template


def make_collect_script(base_commit: str, path: str) -> str:
    """Return a script for any POSIX sh that writes the diff of /testbed to *path*, in the sandbox.

    The diff is against *base_commit*, with new and binary files; what git ignores is left out. The
    script ends with another code than 0 if it cannot be taken.
    """
    values = {"base_commit": base_commit, "path": path}
    return render_template("curate.harness", "collect_patch.sh.jinja", values)
