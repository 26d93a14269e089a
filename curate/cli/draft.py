"""`curate recipe draft`: a recipe from a repository's own metadata and CI configuration."""

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curate.cli.common import (
    JobsOption,
    JsonOption,
    RetryOption,
    RunsOption,
    SandboxKind,
    SandboxOption,
    err_console,
    get_settings,
    open_store,
    print_json,
)
from curate.cli.suggestions import complete_commands
from curate.cli.validate import choose_jobs
from curate.cli.validation_progress import ValidationProgress
from curate.core.errors import ConfigurationError
from curate.core.settings import Settings

if TYPE_CHECKING:
    from curate.recipe_tools.draft.preview import CommitPreview

EXAMPLE = "Example: [bold]curate recipe draft owner/name --sample 8[/bold]"


def draft_command(
    context: typer.Context,
    repo: Annotated[str, typer.Argument(metavar="OWNER/NAME")],
    mirror: Annotated[Path | None, typer.Option(help="Bare repository to read.")] = None,
    output: Annotated[
        str,
        typer.Option(metavar="FILE", help="File, or - for stdout. (default: in RECIPES_DIR)"),
    ] = "",
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")] = False,
    commits: Annotated[int, typer.Option(min=1, help="Number of commits to read.")] = 24,
    sample: Annotated[
        int, typer.Option(min=0, help="Number of candidates to validate with the recipe.")
    ] = 0,
    runs: RunsOption = 1,
    sandbox: SandboxOption = SandboxKind.DOCKER,
    jobs: JobsOption = None,
    retry_rejected: RetryOption = False,
    as_json: JsonOption = False,
) -> None:
    """Write a recipe from metadata and CI files of commits spread over time, with reasons.

    The commits are base commits of stored candidates, or else of the default branch. What equals
    the defaults is left out. With --sample, an existing file is validated as it is. Verdicts of a
    sample are kept apart and do not count: run `curate validate` for those.
    """
    from curate.builders.python.choose import available_pythons
    from curate.environments.context import ValidationOptions
    from curate.git.locations import require_mirror
    from curate.git.mirror import open_mirror
    from curate.github.pulls import split_repo
    from curate.recipe_tools.draft.commits import observe_commits
    from curate.recipe_tools.draft.preview import preview_commits
    from curate.recipe_tools.draft.propose import draft_recipe
    from curate.recipe_tools.draft.write_toml import render_recipe
    from curate.recipes import parse_recipe, recipe_file_name
    from curate.validate.run import RunControl
    from curate.workflows.trial import sample_candidates, validate_sample

    settings = get_settings(context)
    split_repo(repo)
    default = (settings.recipes_dir or Path("recipes")) / recipe_file_name(repo)
    file = Path(output) if output else default
    is_kept = output != "-" and file.exists() and not force
    if is_kept and not sample:
        raise ConfigurationError(
            f"{file} exists already.", hint="--force overwrites it, --sample 8 validates with it."
        )
    path = mirror.resolve() if mirror else require_mirror(settings, repo)
    with open_store(settings) as store, open_mirror(path) as opened:
        candidates = list(store.iter_candidates(repo))
        pythons = available_pythons(settings.python_install_dir)
        observed = list(observe_commits(opened, candidates, pythons, commits))
        text = (
            file.read_text(encoding="utf-8")
            if is_kept
            else render_recipe(draft_recipe(repo, observed))
        )
        recipe = parse_recipe(text, file.name)
        if is_kept:
            err_console.print(f"{file} is kept; --force drafts it again", soft_wrap=True)
        elif not (as_json and output == "-"):
            _write_draft(text, output, file)
        _print_previews(list(preview_commits(opened, observed, recipe, pythons)))
        summary: dict[str, object] = {
            "file": str(file),
            "text": text,
            "candidates": len(candidates),
        }
        if sample:
            chosen = sample_candidates(candidates, sample, recipe, opened)
            with ValidationProgress(len(chosen)) as progress:
                verdicts = validate_sample(
                    chosen,
                    recipe,
                    ValidationOptions(runs=runs, backend=sandbox.value, measure_strength=False),
                    store,
                    settings,
                    RunControl(
                        jobs=jobs or choose_jobs([recipe]),
                        observer=progress,
                        retry_rejected=retry_rejected,
                    ),
                )
            summary["sample"] = verdicts
            _print_verdicts(verdicts, settings)
    if as_json:
        print_json(summary)
    if not sample:
        command = complete_commands(f"curate recipe draft {repo} --sample 8")
        err_console.print(f"Next: {command}", soft_wrap=True)


def _write_draft(text: str, output: str, file: Path) -> None:
    if output == "-":
        typer.echo(text, nl=False)
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    command = complete_commands(f"curate recipe check {shlex.quote(str(file))}")
    err_console.print(f"Written: {file}. Edit it, then: {command}", soft_wrap=True)


def _print_previews(previews: Sequence["CommitPreview"]) -> None:
    for it in previews:
        version = it.version or "?"
        line = f"{it.date:%Y-%m-%d} {it.commit[:10]}  version {version:<6}  {it.summary}"
        err_console.print(line, markup=False, soft_wrap=True)


def _print_verdicts(verdicts: Mapping[str, str], settings: Settings) -> None:
    from curate.workflows.trial import DRAFTS_DIR

    counts = Counter(verdicts.values())
    err_console.print(f"{counts['verified']} of {len(verdicts)} verified")
    for reason, count in counts.most_common():
        if reason != "verified":
            names = [name for name, verdict in verdicts.items() if verdict == reason]
            err_console.print(f"  {count:>3} {reason}: {', '.join(names)}", soft_wrap=True)
    drafts = settings.data_dir / DRAFTS_DIR
    err_console.print(f"Details: curate --data-dir {drafts} show ID", soft_wrap=True)
