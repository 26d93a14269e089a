"""The page of a candidate: everything known about it, as HTML without the frame of the site."""

import shlex
from dataclasses import dataclass
from typing import Any

from curate.core.errors import report_bug
from curate.core.model import Environment
from curate.report.browser.facts import InstanceFacts
from curate.report.browser.leak_marks import mark_leaks
from curate.report.browser.lock_diff import diff_locks, parse_lock
from curate.report.browser.markdown import render_markdown
from curate.report.browser.outcome_grid import LEGEND, make_outcome_grid
from curate.report.browser.patch_html import render_patch
from curate.report.browser.text import as_unicode, cut_text, show_controls
from curate.report.browser.timeline import make_timeline
from curate.report.site import load_templates

MAX_FILE = 20_000  # characters of a lock or Dockerfile that are shown


@dataclass(frozen=True, kw_only=True)
class Article:
    """The page of a candidate."""

    title: str
    html: str


def render_article(facts: InstanceFacts, *, is_alone: bool = False) -> Article:
    """Return the page; a bug in curate that concerns this candidate alone is told on it.

    A page that *is_alone* links to no other candidate.
    """
    title = show_controls(facts.listed.title)[:300].strip() or facts.listed.instance_id
    try:
        template = load_templates().get_template("browser/article.html")
        html = template.render(_make_values(facts), is_alone=is_alone)
    except Exception as error:
        problem = report_bug(error, facts.listed.instance_id)
        template = load_templates().get_template("browser/broken_article.html")
        html = template.render(name=facts.listed.instance_id, problem=show_controls(str(problem)))
    return Article(title=title, html=as_unicode(html))


def _make_values(facts: InstanceFacts) -> dict[str, Any]:
    candidate, validation = facts.candidate, facts.validation
    with_syntax = validation is not None  # of those that nobody tried there are too many
    statement, patch = candidate.problem_statement, candidate.patch
    leaks = facts.measures.get("solution_leaks") or ()
    if "gold-lines in problem_statement" in leaks:
        statement = mark_leaks(statement, patch)
    return {
        "facts": facts,
        "name": candidate.instance_id,
        "candidate": candidate,
        "validation": validation,
        "statement": render_markdown(statement),
        "hints": render_markdown(candidate.hints_text) if candidate.hints_text.strip() else None,
        "patches": [
            ("Gold patch", render_patch(patch, with_syntax=with_syntax)),
            ("Test patch", render_patch(candidate.test_patch, with_syntax=with_syntax)),
        ],
        "why": validation.verdict.rejection if validation else None,
        "detail": show_controls(_get_detail(facts))[:5000],
        "grid": make_outcome_grid(validation) if validation and validation.runs else None,
        "legend": LEGEND,
        "environment": _describe_environment(facts, validation.environment)
        if validation and validation.environment
        else None,
        "timeline": make_timeline(facts),
        "commands": _list_commands(facts),
        "links": _list_links(facts),
        "show": show_controls,
    }


def _get_detail(facts: InstanceFacts) -> str:
    rejection = facts.validation.verdict.rejection if facts.validation else None
    return rejection.detail if rejection else ""


def _describe_environment(facts: InstanceFacts, environment: Environment) -> dict[str, Any]:
    own = parse_lock(environment.lock)
    files = [("Lock", environment.lock), *environment.dockerfiles.items()]
    return {
        "packages": len(own),
        "files": [
            (name, *cut_text(show_controls(text), MAX_FILE)) for name, text in files if text.strip()
        ],
        "diffs": [
            (it, diff_locks(parse_lock(it.environment.lock), own)) for it in facts.neighbours
        ],
        "value": environment,
    }


def _list_commands(facts: InstanceFacts) -> list[tuple[str, str]]:
    """Return (what it does, command): first the one that makes the verdict again."""
    name = shlex.quote(facts.listed.instance_id)
    again = "--retry-rejected " if facts.state == "rejected" else ""
    commands = [("Make the verdict", f"curate validate {again}{name}")]
    if facts.validation:
        commands.append(("Print what its runs printed", f"curate logs {name}"))
    if facts.validation and facts.validation.is_verified:
        commands.append(("A shell in its sandbox", f"curate shell {name}"))
    return commands


def _list_links(facts: InstanceFacts) -> list[tuple[str, str]]:
    candidate, site = facts.candidate, facts.website
    repo = f"{site}/{candidate.repo}"
    links = [(f"pull request {candidate.repo}#{candidate.pull_number}",
              f"{repo}/pull/{candidate.pull_number}")]  # fmt: skip
    links += [
        (f"issue {it.repo}#{it.number}", f"{site}/{it.repo}/issues/{it.number}")
        for it in candidate.issue_links
    ]
    base, merge = candidate.base_commit, candidate.merge_commit
    links.append((f"base commit {base[:10]}", f"{repo}/tree/{base}"))
    return [*links, (f"merge commit {merge[:10]}", f"{repo}/commit/{merge}")] if merge else links
