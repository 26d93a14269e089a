"""The record of one instance, made of its row and its mirror alone."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from curate.builders.errors import BuilderError
from curate.core.tokens import CountTokens, describe_tokenizer
from curate.process_data.edits import GoldEdits, NotRecreatedError, make_edits
from curate.process_data.gold_files import MissingObjectError, PatchError
from curate.process_data.instance_stages import StageMaker
from curate.process_data.located_file import LocatedFile, locate_file, tag_files
from curate.process_data.model import Json, ProcessInput, ProcessOptions, ProcessRecord
from curate.process_data.repository import BaseCommit, MirrorReader
from curate.process_data.understanding import understand_repository


def make_record(
    instance: ProcessInput,
    mirror: Path | None,
    reader: MirrorReader,
    options: ProcessOptions,
    count_tokens: CountTokens,
) -> ProcessRecord:
    """Return the record of *instance*; whatever is wrong with it is the reason of its record."""
    reason, detail = _find_problem(instance, mirror)
    if not reason:
        assert mirror is not None
        try:
            base = BaseCommit(mirror, instance.base_commit, reader.open(mirror))
            return _make_record(instance, base, options, count_tokens)
        except PatchError as error:
            reason, detail = "patch-does-not-apply", str(error)
        except MissingObjectError as error:
            reason, detail = "missing-object", str(error)
        except NotRecreatedError as error:
            reason, detail = "not-recreated", str(error)
        except (BuilderError, OSError) as error:
            reason, detail = "unreadable-mirror", str(error)
        except (RecursionError, MemoryError) as error:
            reason, detail = "too-large", type(error).__name__
        except Exception as error:  # a bug with one instance must not end the rest
            reason, detail = "internal-error", f"{type(error).__name__}: {error}"
    return ProcessRecord(
        instance_id=instance.instance_id,
        repo=instance.repo,
        base_commit=instance.base_commit,
        reason=reason,
        detail=detail[:500],
    )


def _find_problem(instance: ProcessInput, mirror: Path | None) -> tuple[str, str]:
    if instance.problem:
        return "invalid-row", instance.problem
    if not instance.patch.strip():
        return "empty-patch", "the row has no gold patch"
    if mirror is None:
        return "no-mirror", f"there is no mirror of {instance.repo}"
    return "", ""


def _make_record(
    instance: ProcessInput, base: BaseCommit, options: ProcessOptions, count_tokens: CountTokens
) -> ProcessRecord:
    changes = base.read_changes(instance.patch)
    edits = make_edits(changes)
    located = [locate_file(file) for file in changes]
    known = [it for it in located if it.old is not None]
    known.sort(
        key=lambda it: (
            -sum(len(place.old_edited) + len(place.new_edited) for place in it.locations),
            it.file.path,
        )
    )
    gold = [it.file.source or it.file.path for it in known]
    understanding = understand_repository(
        base, instance.problem_statement, gold, options.token_budget, count_tokens
    )
    stages = StageMaker(instance.problem_statement, options.token_budget, count_tokens)
    return ProcessRecord(
        instance_id=instance.instance_id,
        repo=instance.repo,
        base_commit=instance.base_commit,
        tokenizer=describe_tokenizer(options.tokenizer),
        problem_statement=instance.problem_statement,
        understanding=asdict(understanding),
        localization=_describe_locations(located),
        edits=_describe_edits(edits),
        stages=stages.make_stages(understanding, known, changes, edits),
    )


def _describe_locations(located: Sequence[LocatedFile]) -> Json:
    return {
        "files": [_describe_file(it) for it in located],
        "swe_gpt": [asdict(it) for it in tag_files(located)],
    }


def _describe_file(located: LocatedFile) -> Json:
    file = located.file
    return {
        "path": file.path,
        "old_path": "" if file.old is None else file.source or file.path,
        "status": file.status,
        "skipped": located.skipped,
        "skipped_line": located.line,
        "edited_lines": [
            {
                "old_start": it.old_start + 1,
                "old_lines": it.old_end - it.old_start,
                "new_start": it.new_start + 1,
                "new_lines": it.new_end - it.new_start,
            }
            for it in located.edits
        ],
        "locations": [asdict(it) for it in located.locations],
    }


def _describe_edits(edits: GoldEdits) -> Json:
    blocks = [
        {"path": path, "search": block.search, "replace": block.replace}
        for path, it in edits.blocks.items()
        for block in it
    ]
    return {**asdict(edits), "blocks": blocks}
