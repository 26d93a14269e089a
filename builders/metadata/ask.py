"""Ask a build back-end for the metadata of the project in the current folder; runs in a sandbox.

    python ask.py QUESTION

QUESTION is JSON: `backend` (PEP 517; "" runs setup.py) and `backend_path`. The last line of the
output is a marker and JSON: `metadata` (the text of METADATA or PKG-INFO), `requires` (that of
requires.txt, null if METADATA has them), `needs` (what else the build requires), `error` and
`record` (what `recorder.py` wrote). It runs on Python 3.6 and later.
"""

import json
import os
import sys
from typing import Any

MARKER = "curate-metadata: "
MAX_BYTES = 1 << 20  # of each file that is read
MAX_ERROR = 300  # characters


def ask_hook(question: Any, folder: str, needs: Any) -> Any:
    """Return (metadata, requires) by the hooks of the back-end."""
    from importlib import import_module

    sys.path[:0] = [os.path.abspath(path) for path in question["backend_path"]]
    name, _, attributes = question["backend"].partition(":")
    backend = import_module(name)
    for attribute in filter(None, attributes.split(".")):
        backend = getattr(backend, attribute)
    if hasattr(backend, "get_requires_for_build_wheel"):
        needs.extend(map(str, backend.get_requires_for_build_wheel()))
    place = backend.prepare_metadata_for_build_wheel(folder)
    return read_text(os.path.join(folder, place, "METADATA")), None


def ask_setup_py(folder: str, needs: Any) -> Any:
    """Return (metadata, requires) of `setup.py egg_info`."""
    import tokenize
    from importlib import import_module

    distribution: Any = import_module("setuptools.dist").Distribution

    def note_needs(self: Any, requires: Any) -> Any:
        needs.extend([requires] if isinstance(requires, str) else map(str, requires))
        return []

    distribution.fetch_build_eggs = note_needs
    sys.argv = ["setup.py", "egg_info", "--egg-base", folder]
    sys.path.insert(0, os.getcwd())
    script = os.path.abspath("setup.py")
    with tokenize.open(script) as file:
        code = compile(file.read() + "\n", script, "exec")
    try:
        exec(code, {"__file__": script, "__name__": "__main__"})
    except SystemExit as end:
        if end.code:
            raise
    found = [it for it in sorted(os.listdir(folder)) if it.endswith(".egg-info")]
    if not found:
        raise RuntimeError("setup.py made no metadata")
    place = os.path.join(folder, found[0])
    requires = os.path.join(place, "requires.txt")
    text = read_text(requires) if os.path.isfile(requires) else ""
    return read_text(os.path.join(place, "PKG-INFO")), text


def read_text(path: str) -> str:
    """Return the text of a file that is not too long."""
    with open(path, "rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ValueError(os.path.basename(path) + " is too long")
    return content.decode("utf-8", "replace")


def main() -> None:
    """Ask, and print the answer."""
    from tempfile import mkdtemp

    question = json.loads(sys.argv[1])
    folder, record = mkdtemp(), os.environ["CURATE_RECORD"]
    needs = []  # type: ignore[var-annotated]
    metadata = requires = None
    error = ""
    try:
        if question["backend"]:
            metadata, requires = ask_hook(question, folder, needs)
        else:
            metadata, requires = ask_setup_py(folder, needs)
    except BaseException as failure:
        error = (type(failure).__name__ + ": " + str(failure))[:MAX_ERROR]
    answer = {"metadata": metadata, "requires": requires, "needs": needs, "error": error}
    answer["record"] = read_text(record) if os.path.isfile(record) else ""
    # Another process may still hold the output: one write, after everything that was printed.
    sys.stdout.flush()
    os.write(1, ("\n" + MARKER + json.dumps(answer) + "\n").encode())
    os._exit(0 if metadata is not None else 1)


if __name__ == "__main__":
    main()
