"""`curate recipe draft`: a recipe from a repository's own metadata and CI configuration."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curate.builders.process.atomic_write import atomic_write
from curate.cli.common import (
    JobsOption,
    JsonOption,
    MaxTimeOption,
    RetryOption,
    RunsOption,
    SandboxKind,
    SandboxOption,
    err_console,
    get_settings,
    load_library,
    open_store,
    parse_deadline,
    print_json,
    read_repo_name,
)
from curate.cli.draft_trial import make_trial_document, try_sample
from curate.cli.suggestions import complete_commands
from curate.cli.validate import choose_jobs
from curate.core.errors import ConfigurationError
from curate.core.settings import Settings

if TYPE_CHECKING:
    from curate.git.mirror import Mirror
    from curate.recipe_tools.draft.make import DraftedRecipe
    from curate.workflows.trial_revised import DraftTrial

EXAMPLE = "Example: [bold]curate recipe draft owner/name[/bold]"
DEFAULT_SAMPLE = 4


def draft_command(
    context: typer.Context,
    repo: Annotated[str, typer.Argument(metavar="OWNER/NAME")],
    mirror: Annotated[Path | None, typer.Option(help="Bare repository to read.")] = None,
    output: Annotated[
        str,
        typer.Option(
            metavar="FILE",
            help="File, or - for stdout. (default: in RECIPES_DIR, else DATA_DIR/recipes)",
        ),
    ] = "",
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")] = False,
    commits: Annotated[int, typer.Option(min=1, help="Number of commits to read.")] = 24,
    sample: Annotated[
        int | None,
        typer.Option(min=0, help="Number of candidates to try it on; 0 for none. (default: 4)"),
    ] = None,
    max_time: MaxTimeOption = "10m",
    runs: RunsOption = 1,
    sandbox: SandboxOption = SandboxKind.DOCKER,
    jobs: JobsOption = None,
    retry_rejected: RetryOption = False,
    as_json: JsonOption = False,
) -> None:
    """Write a recipe from metadata and CI files of commits spread over time, and try it.

    The commits are base commits of stored candidates, or else of the default branch. What equals
    the defaults is left out. An existing file is tried as it is. Verdicts of the sample are kept
    apart and do not count: run `curate validate` for those. It uses a draft in DATA_DIR/recipes
    for a repository without another recipe.
    """
    from curate.builders.python.choose import available_pythons
    from curate.environments.context import ValidationOptions
    from curate.recipe_tools.draft.make import make_draft
    from curate.validate.run import RunControl, stop_at
    from curate.workflows.trial import sample_candidates
    from curate.workflows.trial_revised import TrialSetup

    settings = get_settings(context)
    repo = read_repo_name(repo)
    deadline = parse_deadline(max_time)
    with open_store(settings) as store, stop_at(deadline) as stop_event:
        repo = store.find_repo(repo)
        target = _choose_target(settings, repo, output, force=force)
        count = DEFAULT_SAMPLE if sample is None else sample
        ids = sample_candidates(store, repo, count) if count else []
        target.check(is_tried=bool(ids or sample))
        pythons = available_pythons(settings.python_install_dir)
        with _open_mirror(settings, repo, mirror) as opened:
            heads = [candidate for candidate, _ in store.iter_candidate_heads(repo)]
            drafted = target.apply(make_draft(repo, opened, heads, pythons, commits))
            target.write(drafted)
            _print_previews(opened, drafted, pythons)
            control = RunControl(
                jobs=jobs or choose_jobs([drafted.recipe]),
                stop_event=stop_event,
                retry_rejected=retry_rejected,
            )
            setup = TrialSetup(
                store=store,
                settings=settings,
                mirror=opened,
                options=ValidationOptions(runs=runs, backend=sandbox.value, measure_strength=False),
                control=control,
            )
            trial = (
                try_sample(repo, ids, drafted, setup, is_kept=target.is_kept, is_asked=bool(sample))
                if count
                else None
            )
        if trial and trial.revised:
            target.replace(drafted, trial.revised)
            drafted = trial.revised
    target.finish(drafted, trial, candidates=len(heads), as_json=as_json)


@dataclass(frozen=True, kw_only=True)
class DraftTarget:
    """Where the draft goes: a file, which may be there already, or stdout."""

    repo: str
    file: Path
    settings: Settings
    is_stdout: bool
    is_kept: bool  # the file is there already and stays as it is

    def check(self, *, is_tried: bool) -> None:
        """Raise ConfigurationError if there would be nothing to do: nothing written, none tried."""
        if self.is_kept and not is_tried:
            hint = "--force overwrites it; with stored candidates, --sample 4 tries it."
            raise ConfigurationError(f"{self.file} exists already.", hint=hint)

    def apply(self, drafted: "DraftedRecipe") -> "DraftedRecipe":
        """Return what is tried: the recipe of the file if that is kept, else *drafted*."""
        from curate.recipes import load_recipe

        if not self.is_kept:
            return drafted
        recipe = load_recipe(self.file)
        return replace(drafted, text=self.file.read_text(encoding="utf-8"), recipe=recipe)

    def write(self, drafted: "DraftedRecipe") -> None:
        """Write the file, unless it is kept or the draft is for stdout."""
        if self.is_kept:
            err_console.print(f"{self.file} is kept; --force drafts it again", soft_wrap=True)
        elif not self.is_stdout:
            self._save(drafted.text)
            err_console.print(f"Written: {self.file}", soft_wrap=True)
            self._warn_if_unused()

    def replace(self, old: "DraftedRecipe", new: "DraftedRecipe") -> None:
        """Replace the draft *old* by *new*, unless somebody has edited it meanwhile."""
        is_there = not self.is_stdout and self.file.is_file()
        if is_there and self.file.read_bytes() == old.text.encode():
            self._save(new.text)

    def finish(
        self,
        drafted: "DraftedRecipe",
        trial: "DraftTrial | None",
        *,
        candidates: int,
        as_json: bool,
    ) -> None:
        """Print the draft or its document on stdout, and the next command."""
        if as_json:
            document = {"file": str(self.file), "text": drafted.text, "candidates": candidates}
            print_json(document | (make_trial_document(trial) if trial else {}))
        elif self.is_stdout:
            typer.echo(drafted.text, nl=False)
        if not self.is_stdout:
            used = self.file == _default_file(self.settings, self.repo)
            command = (
                f"validate --repo {self.repo}"
                if used
                else f"recipe check {shlex.quote(str(self.file))}"
            )
            text = f"Edit the file as you like. Next: {complete_commands(f'curate {command}')}"
            err_console.print(text, soft_wrap=True)

    def _save(self, text: str) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(self.file) as partial:
            partial.write_text(text, encoding="utf-8")

    def _warn_if_unused(self) -> None:
        """Say so if another recipe of the repository hides one in the data directory."""
        used = load_library(self.settings).find_path(self.repo)
        if (
            used
            and used != self.file
            and self.file == self.settings.drafted_recipes_dir / self.file.name
        ):
            hint = "to use the draft instead, write it into a directory and give --recipes-dir"
            err_console.print(f"{self.repo} has a recipe already: {used}; {hint}", soft_wrap=True)


def _default_file(settings: Settings, repo: str) -> Path:
    from curate.recipes import recipe_file_name

    return (settings.recipes_dir or settings.drafted_recipes_dir) / recipe_file_name(repo)


def _choose_target(settings: Settings, repo: str, output: str, *, force: bool) -> DraftTarget:
    is_stdout = output == "-"
    file = Path(output) if output and not is_stdout else _default_file(settings, repo)
    return DraftTarget(
        repo=repo,
        file=file,
        settings=settings,
        is_stdout=is_stdout,
        is_kept=not is_stdout and not force and file.exists(),
    )


def _open_mirror(settings: Settings, repo: str, given: Path | None) -> "Mirror":
    from curate.git.locations import require_mirror
    from curate.git.mirror import open_mirror

    return open_mirror(given.resolve() if given else require_mirror(settings, repo))


def _print_previews(mirror: "Mirror", drafted: "DraftedRecipe", pythons: Sequence[str]) -> None:
    from curate.recipe_tools.draft.preview import preview_commits

    for it in preview_commits(mirror, drafted.observed, drafted.recipe, pythons):
        version = it.version or "?"
        line = f"{it.date:%Y-%m-%d} {it.commit[:10]}  version {version:<6}  {it.summary}"
        err_console.print(line, markup=False, soft_wrap=True)
