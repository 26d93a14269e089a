"""What is stored here: settings, data directory, database, mirrors."""

from collections.abc import Sequence
from dataclasses import dataclass

from curate.doctor.model import (
    Check,
    Job,
    make_failure,
    make_ok,
    make_skipped,
    make_warning,
)


@dataclass(frozen=True, kw_only=True)
class FolderFacts:
    """The data directory."""

    path: str
    exists: bool = False
    is_directory: bool = True
    is_writable: bool = True  # it, or the folder that it will be made in


@dataclass(frozen=True, kw_only=True)
class StoreFacts:
    """The database."""

    exists: bool = False
    format_version: int = 0
    size_bytes: int = 0
    damage: str = ""  # what the check of its pages says
    is_checked: bool = True  # False: the check did not end in time
    unfinished: int = 0  # validations without a verdict
    candidates: int = 0
    verified: int = 0
    fault: str = ""  # why it cannot be opened
    hint: str = ""


@dataclass(frozen=True, kw_only=True)
class MirrorFacts:
    """Bare repositories."""

    count: int = 0
    size_bytes: int = 0
    broken: Sequence[str] = ()  # names of those whose branches do not lead to whole commits
    partial: Sequence[str] = ()  # names of shallow or partial clones
    unseen: int = 0  # not looked at in time
    fault: str = ""


def judge_settings(changed: Sequence[str], problems: Sequence[str]) -> Check:
    """Whether files that settings name are there; *changed* as in "index_url = …"."""
    if problems:
        remedy = "Correct curate.toml or the CURATE_… variables: docs/settings.md has all settings."
        return make_failure("settings", "; ".join(problems), remedy)
    return make_ok("settings", ", ".join(changed) or "all are the defaults")


def judge_folder(facts: FolderFacts) -> Check:
    """Whether the data directory can be written."""
    name = "data-directory"
    remedy = "Give this user the right to write there, or choose another: --data-dir."
    if facts.exists and not facts.is_directory:
        return make_failure(name, f"{facts.path} is a file", "Choose another: --data-dir.")
    if not facts.is_writable:
        return make_failure(name, f"{facts.path} cannot be written", remedy)
    state = "" if facts.exists else ", to be made by the first crawl"
    return make_ok(name, f"{facts.path}{state}")


def judge_store(facts: StoreFacts) -> Check:
    """Whether the database can be used."""
    if facts.fault:
        return make_failure("store", facts.fault, facts.hint)
    if not facts.exists:
        return make_skipped("store", "there is none yet", "Start with: curate crawl OWNER/NAME")
    found = (
        f"format {facts.format_version}, {facts.size_bytes / 1e6:,.0f} MB,"
        f" {facts.candidates:,} candidates, {facts.verified:,} verified"
    )
    if facts.damage:
        remedy = "Restore it from a backup, or choose another directory with --data-dir."
        return make_failure("store", f"{found}; damaged: {facts.damage}", remedy)
    if facts.unfinished:
        text = f"{found}, {facts.unfinished:,} validations were interrupted"
        return make_warning("store", text, "To continue them: curate validate")
    return make_ok("store", found if facts.is_checked else f"{found}; too large to check quickly")


def judge_mirrors(facts: MirrorFacts) -> Check:
    """Whether mirrors can be read."""
    if facts.fault:
        return make_failure("mirrors", facts.fault, "Check who may read there.", [Job.CRAWL])
    if not facts.count:
        return make_skipped("mirrors", "there are none yet")
    found = f"{facts.count:,}, {facts.size_bytes / 1e9:.1f} GB"
    if facts.unseen:
        found += f"; {facts.unseen:,} not looked at in time"
    if facts.broken:
        names = ", ".join(facts.broken[:5]) + (" …" if len(facts.broken) > 5 else "")
        remedy = "Delete them, and they are cloned again by: curate crawl OWNER/NAME"
        jobs = [Job.CRAWL, Job.VALIDATE]
        return make_failure("mirrors", f"{found}; damaged: {names}", remedy, jobs)
    if facts.partial:
        names = ", ".join(facts.partial[:5]) + (" …" if len(facts.partial) > 5 else "")
        remedy = "Clone them again completely: without --filter and --depth."
        return make_warning("mirrors", f"{found}; partial or shallow: {names}", remedy)
    return make_ok("mirrors", found)
