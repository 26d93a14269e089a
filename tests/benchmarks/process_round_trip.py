"""Whether process data of real candidates makes their gold patches, checked by other means.

    python -m tests.benchmarks.process_round_trip SEED COUNT DATA_DIR…

Draws COUNT candidates from the stores in DATA_DIR (with their mirrors) by SEED, evenly by
repository, verified or not. Blocks are applied with `str.replace`, the patch with `git apply` in a
directory; places and skeletons are compared with what `ast.walk` finds in both versions.
"""

import ast
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from itertools import zip_longest
from pathlib import Path
from typing import Any

from curate.builders.git.objects import ObjectReader
from curate.core.model import Candidate
from curate.core.settings import read_settings
from curate.core.tokens import ESTIMATE, make_token_counter
from curate.git.locations import find_mirror
from curate.patches.parse import list_patch_paths
from curate.process_data.model import ProcessInput, ProcessOptions
from curate.process_data.record import make_record
from curate.process_data.repository import MirrorReader
from curate.store import Store

Files = dict[str, bytes]
Drawn = tuple[Candidate, Path]
_BLOCK = re.compile(
    r"^### ([^\n]+)\n<<<<<<< SEARCH\n(.*?)\n=======\n(.*?)\n>>>>>>> REPLACE$", re.M | re.S
)
_MODIFICATION = re.compile(
    r"<file>([^\n]*?)</file>\n<original>(.*?)</original>\n<patched>(.*?)</patched>", re.S
)


def draw_candidates(seed: int, count: int, folders: list[Path]) -> list[Drawn]:
    """Draw from each repository in turn, by *seed*."""
    pools = []
    generator = random.Random(seed)
    for folder in folders:
        settings = read_settings({"data_dir": folder})
        with Store(folder) as store:
            for repo in sorted(set(store.candidate_repositories().values())):
                mirror = find_mirror(settings, repo)
                if mirror is not None:
                    pool = sorted(store.iter_candidates(repo), key=lambda it: it.instance_id)
                    pools.append([(it, mirror) for it in generator.sample(pool, len(pool))])
    generator.shuffle(pools)
    in_turn = [it for row in zip_longest(*pools) for it in row if it is not None]
    return sorted(in_turn[:count], key=lambda it: (it[0].repo, it[0].instance_id))


def apply_in_directory(candidate: Candidate, old: Files) -> Files:
    """Return the files after `git apply` in a directory that has them."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        for path, content in old.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(content)
        subprocess.run(
            ["git", "apply", "--whitespace=nowarn", "-"],
            cwd=root,
            input=candidate.patch,
            check=True,
        )
        return {
            str(path.relative_to(root)): path.read_bytes()
            for path in root.rglob("*")
            if path.is_file()
        }


def read_old_files(candidate: Candidate, reader: ObjectReader) -> Files:
    """Return the files of the base commit that the patch touches."""
    paths = [path.decode("utf-8", "surrogateescape") for path in list_patch_paths(candidate.patch)]
    found = {path: reader.read(f"{candidate.base_commit}:{path}") for path in paths}
    return {path: content for path, content in found.items() if content is not None}


def check_edits(record: dict[str, Any], old: Files, new: Files) -> Iterator[str]:
    """Yield what the two forms do not make, among what they claim to express."""
    edits = record["edits"]
    moved = {it["path"]: it["new_path"] for it in edits["operations"] if it["kind"] == "rename"}
    gone = {it["path"] for it in edits["operations"] if it["kind"] == "delete"}
    start = {moved.get(path, path): text for path, text in old.items() if path not in gone}
    lost = {it["path"] for it in edits["inexpressible"] if it["reason"] not in EXPRESSED}
    for form, pattern in (("search_replace", _BLOCK), ("modifications", _MODIFICATION)):
        if not edits[form]:
            continue
        made = dict(start)
        for path, search, replace in pattern.findall(edits[form]):
            codec = edits["encodings"].get(path, "utf-8")
            text = made.get(path, b"").decode(codec)
            if text.count(search) != 1:
                yield f"{form} {path}: {text.count(search)} places"
            made[path] = text.replace(search, replace).encode(codec)
        for path in sorted({*made, *new} - lost):
            if made.get(path) != new.get(path):
                yield f"{form} {path}: other content"


EXPRESSED = {"deleted-file", "renamed-file", "mode-change"}  # by operations


def check_locations(record: dict[str, Any], old: Files, new: Files) -> Iterator[str]:
    """Yield places that are not as `ast` has them, and edited lines without a place."""
    for file in record["localization"]["files"]:
        if file["skipped"]:
            continue
        sides = (("old", old.get(file["old_path"], b"")), ("new", new.get(file["path"], b"")))
        for side, content in sides:
            spans = list_spans(content)
            lines = content.decode().split("\n")
            for place in file["locations"]:
                span = place[f"{side}_lines"]
                if place["kind"] == "module" or span is None:
                    continue
                name = place["name"].rpartition(".")[2]
                if (name, *span) not in spans:
                    yield f"{file['path']}: no {name} at {span} ({side})"
                code = "\n".join(lines[span[0] - 1 : span[1]])
                if place["kind"] == "function" and code != place[f"{side}_code"].rstrip("\n"):
                    yield f"{file['path']}: other code of {name} ({side})"
            owned = Counter(line for it in file["locations"] for line in it[f"{side}_edited"])
            edited = {
                line
                for it in file["edited_lines"]
                for line in range(it[f"{side}_start"], it[f"{side}_start"] + it[f"{side}_lines"])
                if lines[line - 1].strip()
            }
            if edited - set(owned) or any(count > 1 for count in owned.values()):
                yield f"{file['path']}: lines {sorted(edited - set(owned))[:5]} ({side})"


def list_spans(content: bytes) -> set[tuple[str, int, int]]:
    """Return name, first and last line of all classes and functions."""
    kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return {
        (it.name, min([it.lineno, *(d.lineno for d in it.decorator_list)]), it.end_lineno or 0)
        for it in ast.walk(ast.parse(content.decode()))
        if isinstance(it, kinds)
    }


def check_skeletons(record: dict[str, Any], reader: ObjectReader) -> Iterator[str]:
    """Yield files whose skeleton has other classes or functions than `ast` finds."""
    skeletons = record["understanding"]["skeletons"]
    if skeletons is None:
        return
    text = skeletons["text"]
    parts = re.split(r"^### File: (.+) ###$", text, flags=re.M)
    for path, part in zip(parts[1::2], parts[2::2], strict=True):
        content = reader.read(f"{record['base_commit']}:{path}") or b""
        shown = Counter(re.findall(r"^\s*(?:async\s+)?(?:def|class)\s+(\w+)", part, re.M))
        found = Counter(iter_outer_names(ast.parse(content.decode())))
        if found - shown:
            yield f"{path}: the skeleton lacks {sorted(found - shown)[:5]}"
        lines = {it.rstrip() for it in part.split("\n")} - list_outer_lines(content)
        if lines - {"```python", "```", ""}:
            yield f"{path}: the skeleton has {sorted(lines)[:5]}"


def list_outer_lines(content: bytes) -> set[str]:
    """Return the lines outside of function bodies, and what is before a body on its line."""
    lines = content.decode().split("\n")
    hidden, shown = set[int](), set[str]()
    for node in ast.walk(ast.parse(content.decode())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0]
            starts = [it.lineno for it in getattr(first, "decorator_list", [])]
            hidden.update(range(min([first.lineno, *starts]), (node.end_lineno or 0) + 1))
            shown.add(lines[first.lineno - 1].encode()[: first.col_offset].decode().rstrip())
    return shown | {it.rstrip() for number, it in enumerate(lines, 1) if number not in hidden}


def iter_outer_names(node: ast.AST) -> Iterator[str]:
    """Yield the names of classes and functions that are in no function."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield child.name
            continue
        if isinstance(child, ast.ClassDef):
            yield child.name
        yield from iter_outer_names(child)


def main(seed: int, count: int, folders: list[Path]) -> None:
    drawn = draw_candidates(seed, count, folders)
    reasons, recreates, stages = Counter[str](), Counter[str](), Counter[str]()
    inexpressible, problems, seconds = Counter[str](), list[str](), list[float]()
    count_tokens = make_token_counter(ESTIMATE)
    with MirrorReader() as mirrors:
        for candidate, mirror in drawn:
            started = time.perf_counter()
            names = ("instance_id", "repo", "base_commit", "problem_statement", "patch")
            instance = ProcessInput(**{name: getattr(candidate, name) for name in names})
            made = make_record(instance, mirror, mirrors, ProcessOptions(), count_tokens)
            seconds.append(time.perf_counter() - started)
            reasons[made.reason or "made"] += 1
            if made.reason:
                problems.append(f"{candidate.instance_id}: {made.reason}: {made.detail}")
                continue
            record, reader = asdict(made), mirrors.open(mirror)
            recreates[record["edits"]["recreates"]] += 1
            inexpressible.update(it["reason"] for it in record["edits"]["inexpressible"])
            stages.update(f"{it['stage']} {it['reason'] or 'made'}" for it in record["stages"])
            old = read_old_files(candidate, reader)
            new = apply_in_directory(candidate, old)
            checks = (check_edits, check_locations)
            found = [it for check in checks for it in check(record, old, new)]
            found += check_skeletons(record, reader)
            problems += [f"{candidate.instance_id}: {it}" for it in found]
    repos = len({candidate.repo for candidate, _ in drawn})
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{len(drawn)} candidates of {repos} repositories; seed {seed}")
    print(f"records {dict(reasons)}; recreated by {dict(recreates)}; {dict(inexpressible)}")
    print(f"stages {dict(sorted(stages.items()))}")
    print(
        f"{sum(seconds) / len(seconds):.3f} s each, {max(seconds):.3f} s at most; {memory:.0f} MB"
    )
    print(f"{len(problems)} problems", *problems, sep="\n  ")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), [Path(it) for it in sys.argv[3:]])
