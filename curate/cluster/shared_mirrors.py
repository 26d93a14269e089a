"""Mirrors as git bundles among the shared files: whole at first, then what is new.

A worker applies the bundles that it lacks to a bare repository of its own, and sets its refs.
"""

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

from curate.builders.git.run import git_output, run_git
from curate.builders.process.atomic_write import atomic_write
from curate.builders.process.digest import content_hash
from curate.builders.process.file_lock import file_lock
from curate.builders.process.temp_dirs import temp_dir
from curate.cluster.shared_files import SharedFiles

MAX_CHAIN = 20  # bundles; then a whole one begins a new chain
_RECORD = "curate-shared.json"  # file in a worker's repository: what it was made from


@dataclass(frozen=True, kw_only=True)
class SharedMirror:
    """How to make a mirror from shared files."""

    name: str  # folder, "owner__name.git"
    bundles: tuple[str, ...]  # names of shared files, in the order in which they are applied
    refs: str  # name of the shared file with "<object> <ref>" in each line
    head: str  # ref, "refs/heads/main"; or a commit


def share_mirror(path: Path, shared: SharedFiles, cache: Path) -> SharedMirror:
    """Put the mirror in *path* among the *shared* files, unless it is there as it is now.

    *cache* remembers what was put there last, so that only what is new since then is put.
    """
    refs = git_output(path, "for-each-ref", "--format=%(objectname) %(refname)").decode()
    prefix = f"mirrors/{path.name}"
    refs_name = f"{prefix}/{content_hash(refs)[:32]}.refs"
    state = cache / f"{path.name}-{content_hash(shared.url)[:8]}.json"
    with file_lock(cache / "locks", state.name):
        bundles, known_refs = _read_state(state, shared)
        if refs != known_refs:
            if len(bundles) >= MAX_CHAIN:
                bundles, known_refs = (), ""
            name = f"{prefix}/{content_hash(refs, known_refs)[:32]}.bundle"
            if _put_bundle(path, shared, name, known_refs):
                bundles = (*bundles, name)
        if not shared.has(refs_name):
            _put_text(refs, shared, refs_name)
        with atomic_write(state) as partial:
            partial.write_text(json.dumps({"bundles": bundles, "refs": refs}), encoding="utf-8")
    return SharedMirror(name=path.name, bundles=bundles, refs=refs_name, head=_read_head(path))


def fetch_mirror(mirror: SharedMirror, shared: SharedFiles, cache: Path) -> Path:
    """Return the bare repository of *mirror* in *cache*, made or brought up to date if needed."""
    target = cache / mirror.name
    with file_lock(cache / "locks", mirror.name):
        if target.exists():
            _update(mirror, shared, target)
            return target
        with temp_dir(cache, "mirror") as folder:
            made = folder / "made"
            git_output(folder, "init", "--quiet", "--bare", str(made))
            _update(mirror, shared, made)
            made.rename(target)
    return target


def _update(mirror: SharedMirror, shared: SharedFiles, target: Path) -> None:
    record, made_from = target / _RECORD, json.dumps([mirror.bundles, mirror.refs, mirror.head])
    known = json.loads(record.read_text(encoding="utf-8")) if record.exists() else [[], "", ""]
    if json.dumps(known) == made_from:
        return
    with tempfile.TemporaryDirectory(prefix="curate-bundles-") as folder:
        for name in mirror.bundles:
            if name not in known[0]:
                _unbundle(shared.get(name, Path(folder)), target)
        wanted = shared.get(mirror.refs, Path(folder)).read_text(encoding="utf-8")
    _set_refs(target, wanted)
    is_ref = mirror.head.startswith("refs/")
    command = ("symbolic-ref",) if is_ref else ("update-ref", "--no-deref")
    git_output(target, *command, "HEAD", mirror.head)
    record.write_text(made_from, encoding="utf-8")


def _unbundle(bundle: Path, target: Path) -> None:
    """Add the objects of *bundle*; refs of its own keep them until all refs are set."""
    options = ("--quiet", "--no-auto-maintenance", "--no-write-fetch-head", "--no-tags")
    git_output(target, "fetch", *options, str(bundle), "+refs/*:refs/*")
    bundle.unlink()


def _set_refs(target: Path, wanted: str) -> None:
    """Let *target* have exactly the refs *wanted*, lines of "<object> <ref>"."""
    lines = git_output(target, "for-each-ref", "--format=%(objectname) %(refname)").decode()
    new, old = _read_refs(wanted), _read_refs(lines)
    commands = [f"update {ref} {name}\n" for ref, name in new.items() if old.get(ref) != name]
    commands += [f"delete {ref}\n" for ref in old if ref not in new]
    git_output(target, "update-ref", "--stdin", stdin="".join(sorted(commands)).encode())


def _read_refs(lines: str) -> dict[str, str]:
    """Return ref -> object of lines of "<object> <ref>"."""
    pairs = (line.split(" ", 1) for line in lines.splitlines())
    return {ref: name for name, ref in pairs}


def _read_head(path: Path) -> str:
    symbolic = run_git(path, "symbolic-ref", "--quiet", "HEAD")
    if symbolic.returncode == 0:
        return symbolic.stdout.decode().strip()
    return git_output(path, "rev-parse", "HEAD").decode().strip()


def _read_state(state: Path, shared: SharedFiles) -> tuple[tuple[str, ...], str]:
    """Return the bundles that were put last, if they are still there, and the refs then."""
    try:
        record = json.loads(state.read_text(encoding="utf-8"))
        bundles, refs = tuple(record["bundles"]), str(record["refs"])
    except (OSError, ValueError, KeyError, TypeError):
        return (), ""
    return (bundles, refs) if all(map(shared.has, bundles)) else ((), "")


def _put_bundle(path: Path, shared: SharedFiles, name: str, known_refs: str) -> bool:
    """Put a bundle of what *known_refs* do not reach; False if there is nothing."""
    known = sorted({line.partition(" ")[0] for line in known_refs.splitlines()})
    excluded = "".join(f"^{it}\n" for it in known).encode()
    with tempfile.TemporaryDirectory(prefix="curate-bundles-") as folder:
        bundle = Path(folder) / "bundle"
        made = run_git(
            path, "bundle", "create", "--quiet", str(bundle), "--all", "--stdin", stdin=excluded
        )
        if made.returncode:
            if b"empty bundle" in made.stderr:
                return False
            git_output(path, "bundle", "create", str(bundle), "--all")  # whole, or the error
        shared.put(name, bundle)
    return True


def _put_text(text: str, shared: SharedFiles, name: str) -> None:
    with tempfile.TemporaryDirectory(prefix="curate-bundles-") as folder:
        file = Path(folder) / "text"
        file.write_text(text, encoding="utf-8")
        shared.put(name, file)
