"""A candidate as text for a person: issue, tests, patches, then its validation."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from rich.markup import escape
from rich.text import Text

from curate.cli.common import describe_distance
from curate.cli.console import WholeLineConsole
from curate.cli.suggestions import complete_commands
from curate.cli.tables import TextTable, print_table
from curate.core.certification import Certification
from curate.core.model import Candidate, Environment, PullRequest, Rejection, Validation
from curate.core.reasons import REJECTIONS
from curate.core.troubleshooting import locate_entry, reason_anchor
from curate.publish.filters.config import Exclusion

MAX_LINES = 40
"""Lines of a text that are printed without --full."""

# Texts of others must not steer the terminal: control characters are shown as their symbols.
_SYMBOLS = {code: 0x2400 + code for code in range(0x20) if chr(code) != "\t"}
_SYMBOLS |= {0x7F: 0x2421} | dict.fromkeys(range(0x80, 0xA0), 0xFFFD)
_STYLES = {"+": "green", "-": "red", "@": "cyan", "d": "bold"}  # by how a line of a diff begins


@dataclass(frozen=True, kw_only=True)
class CandidateDetails:
    """What the store has of one pull request."""

    pull: PullRequest
    rejection: Rejection | None
    candidate: Candidate | None
    validation: Validation | None
    exclusions: Sequence[Exclusion] = ()  # reasons why a release excludes it
    certification: Certification | None = None  # the newest; None = never
    address: str = ""  # of the pull request
    log_title: str = ""  # of the log that explains a rejection
    log_tail: Sequence[str] = ()  # its last lines
    log_command: str = ""  # prints all of it

    @property
    def name(self) -> str:
        """Instance id; empty where the pull request is not a candidate."""
        return self.candidate.instance_id if self.candidate else ""

    @property
    def is_verified(self) -> bool:
        """Whether its newest validation says so."""
        return self.validation is not None and self.validation.is_verified


def print_candidate(console: WholeLineConsole, details: CandidateDetails, *, full: bool) -> None:
    """Print all of *details*; of long texts the first `MAX_LINES` lines unless *full*."""
    pull, candidate, validation = details.pull, details.candidate, details.validation
    number = f"{pull.repo}#{pull.number}"
    title = escape(pull.title.translate(_SYMBOLS))
    console.print(f"[bold]{title}[/bold]  {number}", soft_wrap=True)
    if details.address:
        console.print(details.address, soft_wrap=True)
    console.print(f"opened {pull.created_at:%Y-%m-%d}, merged {pull.merged_at:%Y-%m-%d}")
    console.print(f"verdict: {_describe_verdict(details)}", soft_wrap=True)
    if details.rejection:
        _print_rejection(console, details.rejection)
    if candidate:
        _print_task(console, candidate, validation, full=full)
        _print_provenance(console, candidate)
    if validation:
        _print_verdict(console, validation, full=full)
        _print_log_tail(console, details)
    elif candidate:
        command = complete_commands(f"curate validate {candidate.instance_id}")
        console.print(f"not validated yet; run: {command}", soft_wrap=True)
    if one := details.certification:
        passes = f"gold passed in {one.gold_passes} of {one.gold_runs} runs"
        found = f"certified {one.certified_at:%Y-%m-%d}: {one.result}, {passes}"
        detail = f"; {one.detail}" if one.detail else ""
        console.print(show_symbols(found + detail), markup=False, soft_wrap=True)
    for problem in details.exclusions:
        line = f"[yellow]excluded[/yellow] from a release: {escape(str(problem))}"
        console.print(line, soft_wrap=True)


def show_symbols(text: str) -> str:
    """Return *text* with symbols for control characters, which would steer the terminal."""
    return text.translate(_SYMBOLS | {ord("\n"): "\n"})


def _describe_verdict(details: CandidateDetails) -> str:
    """As in "verified", "rejected (validate/flaky-tests)" or "pending"."""
    validation = details.validation
    why = details.rejection or (validation.verdict.rejection if validation else None)
    if why:
        return f"[red]rejected[/red] ({why.stage}/{why.reason})"
    if validation:
        excluded = " (excluded from a release)" if details.exclusions else ""
        return f"[green]verified[/green]{excluded}"
    return "pending" if details.candidate else "none; the crawl has not decided yet"


def _print_log_tail(console: WholeLineConsole, details: CandidateDetails) -> None:
    if details.log_tail:
        _print_lines(console, f"End of the log: {details.log_title}", details.log_tail, full=True)
        console.print(f"\nall of it: {details.log_command}", soft_wrap=True)


def _print_task(
    console: WholeLineConsole, candidate: Candidate, validation: Validation | None, *, full: bool
) -> None:
    """What a solver of the task is given, and the solution."""
    statement = candidate.problem_statement.splitlines()
    _print_lines(console, "Problem statement", statement, full=full, prose=True)
    if validation and validation.verdict.fail_to_pass:
        names = validation.verdict.fail_to_pass
        _print_lines(console, f"FAIL_TO_PASS ({len(names):,})", names, full=full, style="green")
    for title, patch in (("Gold patch", candidate.patch), ("Test patch", candidate.test_patch)):
        lines = patch.decode("utf-8", "replace").splitlines()
        _print_lines(console, title, lines, full=full, diff=True)
    console.print()


def _print_lines(
    console: WholeLineConsole,
    title: str,
    lines: Sequence[str],
    *,
    full: bool,
    style: str = "",
    diff: bool = False,
    prose: bool = False,
) -> None:
    console.print(f"\n[bold underline]{escape(title)}[/bold underline]", soft_wrap=True)
    for line in lines if full else islice(lines, MAX_LINES):
        own = _STYLES.get(line[:1], "") if diff else style
        for part in _fold(console, Text(line.translate(_SYMBOLS), style=own), prose=prose):
            console.print(Text("  ").append_text(part), soft_wrap=True)
    if not full and len(lines) > MAX_LINES:
        console.print(f"  [dim]… {len(lines) - MAX_LINES:,} more lines: --full[/dim]")


def _fold(console: WholeLineConsole, line: Text, *, prose: bool) -> Sequence[Text]:
    """Return the lines of *line* on a terminal, broken between words if it is *prose*."""
    if not prose or not console.is_on_terminal or line.cell_len <= console.width - 2:
        return [line]
    return [*line.wrap(console, max(console.width - 2, 1))]


def _print_provenance(console: WholeLineConsole, candidate: Candidate) -> None:
    links = ", ".join(
        f"{k.repo}#{k.number} ({', '.join(k.sources)})" for k in candidate.issue_links
    )
    rule = candidate.base_commit_rule
    console.print(f"base commit {candidate.base_commit} (source: {rule})", soft_wrap=True)
    console.print(f"version {candidate.version or '?'}, closes {links}", soft_wrap=True)
    if edited_after := candidate.statement_edited_after:
        when = f"{edited_after:%Y-%m-%d}, after the PR was opened; the text of that day is lost"
        console.print(f"[yellow]issue edited[/yellow] {when}", soft_wrap=True)
    if candidate.omitted_hints:
        reason = "edited after the first commit, and their text before it is lost"
        console.print(f"{candidate.omitted_hints:,} comments left out: {reason}", soft_wrap=True)


def _print_verdict(console: WholeLineConsole, validation: Validation, *, full: bool) -> None:
    if validation.environment:
        _print_environment(console, validation.environment)
        _print_lock(console, validation, full=full)
    attempts = validation.attempts if len(validation.attempts) > 1 else ()
    for number, attempt in enumerate(attempts, 1):
        console.print(f"  attempt {number}: {escape(attempt)}", soft_wrap=True)
    console.print(f"test command: {escape(validation.test_command)}", soft_wrap=True)
    if validation.runs:
        _print_runs(console, validation)
    verdict = validation.verdict
    if verdict.rejection:
        _print_rejection(console, verdict.rejection, is_short=bool(validation.attempt_logs))
    _print_names(console, "flaky", verdict.flaky_tests)
    counts = f"{len(verdict.fail_to_pass):,} FAIL_TO_PASS, {len(verdict.pass_to_pass):,}"
    console.print(f"{counts} PASS_TO_PASS")
    if validation.test_strength:
        found = validation.test_strength
        covered = len(found.hunks) - len(found.untested)
        console.print(f"hunk coverage {covered}/{len(found.hunks)}")
        _print_names(console, "untested", found.untested)


def _print_environment(console: WholeLineConsole, environment: Environment) -> None:
    size = ", ".join(f"{k} {v / 1e6:.1f} MB" for k, v in environment.layer_bytes.items())
    cutoff = environment.exclude_newer
    distance = describe_distance(cutoff, environment.date)
    console.print(
        f"python {environment.python}, packages as of {cutoff:%Y-%m-%d}{distance},"
        f" {environment.backend}"
    )
    seconds = f"lock {environment.lock_seconds:.1f} s, build {environment.build_seconds:.1f} s"
    console.print(", ".join(filter(None, (seconds, size))), soft_wrap=True)
    _print_names(console, "lock adjustment:", environment.lock_adjustments)


def _print_lock(console: WholeLineConsole, validation: Validation, *, full: bool) -> None:
    assert validation.environment
    lines = validation.environment.lock.splitlines()
    packages = [line for line in lines if line.strip() and line.lstrip()[0] not in "#-"]
    if full:
        _print_lines(console, f"Lock ({len(packages):,} packages)", lines, full=True)
        console.print()
        return
    command = complete_commands(f"curate show {validation.instance_id} --full")
    count = f"{len(packages):,} package{'s' * (len(packages) != 1)}"
    console.print(f"lock: {count}; to see them: {command}", soft_wrap=True)


def _print_runs(console: WholeLineConsole, validation: Validation) -> None:
    rows = []
    for run in validation.runs:
        counts = ", ".join(f"{n} {o}" for o, n in Counter(run.outcomes.values()).most_common())
        side = "post-patch" if run.side == "after" else "pre-patch"
        rows.append((f"{side} {run.index + 1}", str(run.status), counts, f"{run.seconds:.1f}"))
    columns = ("run", "status", "outcomes", "seconds")
    print_table(console, TextTable(columns=columns, rows=rows, numbers=frozenset({3})))


def _print_rejection(console: WholeLineConsole, why: Rejection, *, is_short: bool = False) -> None:
    """Print why; if *is_short* only the first line of the detail, as a log says the rest."""
    detail = why.detail.strip().partition("\n")[0] if is_short else why.detail
    text = escape(show_symbols(detail))
    console.print(f"[red]rejected[/red] {why.stage}/{why.reason} {text}".rstrip(), soft_wrap=True)
    if why.reason in REJECTIONS.get(why.stage, ()):
        entry = locate_entry(reason_anchor(why.stage, why.reason))
        console.print(f"what to do: {entry}", soft_wrap=True)


def _print_names(console: WholeLineConsole, title: str, names: Iterable[str]) -> None:
    for name in names:
        console.print(f"  {title} {escape(name)}", soft_wrap=True)
