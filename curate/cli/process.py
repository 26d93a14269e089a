"""`curate process`: process data of instances, for training on how a change is made."""

from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

import typer

from curate.cli.common import (
    DatasetOption,
    JobsOption,
    JsonOption,
    SplitOption,
    err_console,
    get_settings,
    open_store,
    print_json,
    read_repo_name,
    resolve_ids,
)
from curate.cli.progress import Progress, ProgressDisplay
from curate.core.errors import CurateError, NotFoundError
from curate.core.machine import parallel_runs
from curate.core.settings import Settings
from curate.core.tokens import ESTIMATE, identify_tokenizer, make_token_counter
from curate.environments.tasks import DEFAULT_SPLIT, TaskSource, make_unknown_error, open_tasks
from curate.process_data.inputs import iter_inputs
from curate.process_data.model import DEFAULT_TOKEN_BUDGET, ProcessOptions
from curate.process_data.parts import PartCounts
from curate.process_data.run import ProcessRun, ProcessSummary, run_process
from curate.process_data.sampling_presets import PRESETS
from curate.process_data.sampling_run import Judge, JudgedCandidates, judge_candidates
from curate.publish.output_paths import explain_path_errors, require_directory_name
from curate.store import Store

EXAMPLE = "Example: [bold]curate process --dataset data/release --output process -j 4[/bold]"
MEMORY_BYTES = 512 << 20  # of a worker; the largest known instances take 200 MB
MAX_BUDGET = 10_000_000


_CRAWL = "Crawl the repository: its mirror is missing, or lacks something."
_HINTS = {"no-mirror": _CRAWL, "missing-object": _CRAWL, "unreadable-mirror": _CRAWL}


class ProcessFormat(StrEnum):
    """Output format."""

    JSONL = "jsonl"
    PARQUET = "parquet"


class Preset(StrEnum):
    """Rules for attempts."""

    LINGMA = "lingma"


class ProcessIncompleteError(CurateError):
    """Some instances have no process data, for a reason that another call may not find."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("process", epilog=EXAMPLE)(process_command)


def process_command(
    context: typer.Context,
    output: Annotated[Path, typer.Option(metavar="DIR", help="Where records are written.")],
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]...", help="Instances. (default: all)")
    ] = None,
    dataset: DatasetOption = "",
    split: SplitOption = DEFAULT_SPLIT,
    repo: Annotated[
        list[str] | None, typer.Option(metavar="OWNER/NAME", help="Only of this repository.")
    ] = None,
    form: Annotated[
        ProcessFormat, typer.Option("--format", help="JSON lines or Parquet.")
    ] = ProcessFormat.JSONL,
    tokenizer: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="tokenizer.json or OWNER/NAME on the Hub, to count tokens; or an estimate.",
        ),
    ] = ESTIMATE,
    token_budget: Annotated[
        int,
        typer.Option(min=100, max=MAX_BUDGET, help="Tokens of files or code that a prompt has."),
    ] = DEFAULT_TOKEN_BUDGET,
    candidates: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE|DIR",
            help="Attempts to select from: JSON lines, or a run of SWE-GPT's program.",
        ),
    ] = None,
    preset: Annotated[
        Preset, typer.Option(help="Rules that attempts must fulfill to be selected.")
    ] = Preset.LINGMA,
    jobs: JobsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write for each instance what leads to its change, without a model.

    A record has the files of the repository and skeletons of the likely ones, the places of the
    change by file, class, function and line, the edits as blocks that make exactly the gold patch,
    and prompts and answers for each stage from reading to patching. Sources come from the mirrors
    of the data directory. Instances that cannot be processed are records with a reason. The same
    command finishes what was interrupted, and keeps parts whose instances are the same.
    """
    settings = get_settings(context)
    require_directory_name(output)
    make_token_counter(tokenizer)
    with explain_path_errors(output), open_store(settings) as store:
        source = open_tasks(dataset, settings, store, split)
        names = _choose_ids(source, store, ids or [])
        repos = [read_repo_name(name) for name in repo or []]
        options = ProcessOptions(
            tokenizer=tokenizer,
            tokenizer_hash=identify_tokenizer(tokenizer),
            token_budget=token_budget,
        )
        counter = _Counter(len(names))
        with ProgressDisplay(counter.describe):
            run = ProcessRun(
                folder=output,
                suffix=form.value,
                options=options,
                find_mirror=_make_mirror_finder(settings),
                jobs=jobs or parallel_runs(MEMORY_BYTES),
                on_part=counter.add,
            )
            summary = run_process(iter_inputs(source, store, names, repos), run)
        judged = None
        if candidates is not None:
            instances = iter_inputs(source, store, names, repos)
            judge = Judge(rules=PRESETS[preset.value], find_mirror=run.find_mirror)
            judged = judge_candidates(candidates, instances, output, judge)
    _report(summary, judged, output, as_json=as_json)


def _choose_ids(source: TaskSource, store: Store, names: list[str]) -> list[str]:
    known = dict.fromkeys(source.ids)
    if not known:
        raise NotFoundError(f"{source.name} has no instances.", hint="Start with: curate validate")
    chosen = resolve_ids(store, names)
    for name in chosen:
        if name not in known:
            raise make_unknown_error(source, name)
    return chosen or list(known)


def _make_mirror_finder(settings: Settings) -> Any:
    from curate.git.locations import find_mirror

    return lru_cache(maxsize=None)(lambda repo: find_mirror(settings, repo))


class _Counter:
    """Counts instances for the display."""

    def __init__(self, total: int) -> None:
        self._total, self._done, self._failed = total, 0, 0

    def add(self, counts: PartCounts) -> None:
        self._done += counts.records
        self._failed += sum(counts.reasons.values())

    def describe(self) -> Progress:
        line = f"{self._failed:,} without process data" if self._failed else ""
        return Progress(lines=(line,), done=self._done, total=self._total)


def _report(
    summary: ProcessSummary, judged: JudgedCandidates | None, output: Path, *, as_json: bool
) -> None:
    if as_json:
        extra = {"candidates": judged.to_json()} if judged else {}
        print_json({**summary.to_json(), "kept": summary.kept, **extra})
    kept = f" ({summary.kept:,} kept)" if summary.kept else ""
    lines = [
        f"{summary.records:,} instances{kept}: {summary.made:,} with process data in {output}",
        *_describe_counts("without", summary.reasons),
        *_describe_counts("blocks alone do not express", summary.inexpressible),
    ]
    if judged:
        lines.append(f"{judged.total:,} attempts: {judged.accepted:,} selected")
        lines += _describe_counts("rejected", judged.reasons)
    for line in lines:
        err_console.print(line, markup=False, soft_wrap=True)
    _raise_if_incomplete(summary)


def _describe_counts(title: str, counts: Mapping[str, int]) -> list[str]:
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [f"  {title}: {reason} {count:,}" for reason, count in ordered]


def _raise_if_incomplete(summary: ProcessSummary) -> None:
    if summary.records == 0:
        raise NotFoundError("No instance matches.", hint="Check --repo.")
    if summary.to_retry:
        name, reason, detail = next(it for it in summary.failed if it[1] in summary.retried)
        raise ProcessIncompleteError(
            f"{summary.to_retry:,} instances have no process data, the first {name}: {reason}:"
            f" {detail}",
            hint=_HINTS.get(reason, "Free memory if it is short, or report it as a bug of curate.")
            + " The same command tries them again.",
        )
