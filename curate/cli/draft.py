"""`curate recipe draft`: a recipe from what a repository's own metadata and CI say."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from builders.errors import BuilderError
from builders.git.tree import GitTree
from builders.model import Failure
from builders.python.choose import available_pythons
from builders.requirements import read_manifest
from curate.cli.common import err_console, get_settings, open_store, print_json
from curate.cli.validate import SandboxKind, run_tasks
from curate.core.errors import ConfigurationError, CurateError, NotFoundError
from curate.core.model import Candidate, CrawlState
from curate.core.sampling import sample_evenly
from curate.core.settings import Settings
from curate.environments.context import ValidationOptions
from curate.environments.plan import make_variant, make_version_resolver
from curate.git.locations import require_mirror
from curate.git.mirror import Mirror, open_mirror
from curate.github.pulls import split_repo
from curate.recipe_tools.draft.commits import observe_commits
from curate.recipe_tools.draft.observe import Observation
from curate.recipe_tools.draft.propose import draft_recipe
from curate.recipe_tools.draft.write_toml import render_recipe
from curate.store import Store
from curate.validate.attempts import compute_inputs_hash
from curate.validate.pool import ValidationTask
from recipes import Recipe, parse_recipe, recipe_file_name

EXAMPLE = "Example: [bold]curate recipe draft owner/name --sample 8[/bold]"
DRAFTS_DIR = "drafts"  # folder of the data folder that keeps verdicts of samples apart


def draft_command(  # noqa: PLR0913, PLR0917
    context: typer.Context,
    repo: Annotated[str, typer.Argument(metavar="OWNER/NAME")],
    mirror: Annotated[Path | None, typer.Option(help="A bare repository to read.")] = None,
    output: Annotated[
        str, typer.Option(help="File, or - for standard output. [default: in the recipe folder]")
    ] = "",
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file.")] = False,
    commits: Annotated[int, typer.Option(min=1, help="How many commits to read.")] = 24,
    sample: Annotated[int, typer.Option(min=0, help="Validate so many candidates with it.")] = 0,
    runs: Annotated[int, typer.Option(min=1, help="Runs on each side, of the sample.")] = 1,
    sandbox: Annotated[SandboxKind, typer.Option(help="docker or local.")] = SandboxKind.DOCKER,
    jobs: Annotated[int, typer.Option("-j", "--jobs", min=1, help="Candidates at once.")] = 1,
    retry_rejected: Annotated[
        bool,
        typer.Option(
            "--retry-rejected", help="Try those of the sample that were rejected once more."
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a summary as JSON.")] = False,
) -> None:
    """Write a recipe from metadata and CI files, read at several dates, with the reasons beside.

    It reads base commits of stored candidates, or else of the default branch. What the defaults do
    anyway is not written. With --sample, a file that is there already is tried as it is. A sample's
    verdicts are kept apart: `curate validate` gives those that count.
    """
    settings = get_settings(context)
    split_repo(repo)
    file = (
        Path(output)
        if output
        else (settings.recipes_dir or Path("recipes")) / recipe_file_name(repo)
    )
    is_kept = output != "-" and file.exists() and not force
    if is_kept and not sample:
        raise ConfigurationError(
            f"{file} exists.", hint="--force overwrites it, --sample 8 tries it."
        )
    with open_store(settings) as store, open_mirror(_draft_path(settings, repo, mirror)) as opened:
        candidates = list(store.iter_candidates(repo))
        pythons = available_pythons(settings.python_install_dir)
        seen = list(observe_commits(opened, candidates, pythons, commits))
        text = (
            file.read_text(encoding="utf-8") if is_kept else render_recipe(draft_recipe(repo, seen))
        )
        recipe = parse_recipe(text, file.name)
        if is_kept:
            err_console.print(f"Kept as it is: {file}; --force drafts it anew", soft_wrap=True)
        elif not (as_json and output == "-"):
            _write_draft(text, output, file)
        _print_commits(opened, seen, recipe, pythons)
        summary = {"file": str(file), "text": text, "candidates": len(candidates)}
        if sample:
            sampled = _sample_candidates(candidates, sample, recipe, opened)
            options = ValidationOptions(runs=runs, backend=sandbox.value, measure_strength=False)
            _copy_sample(sampled, store, settings)
            summary["sample"] = _validate_sample(
                sampled, recipe, options, settings, jobs, retry_rejected
            )
    if as_json:
        print_json(summary)
    if not sample:
        err_console.print(f"Try it: curate recipe draft {repo} --sample 8", soft_wrap=True)


def _draft_path(settings: Settings, repo: str, given: Path | None) -> Path:
    return given.resolve() if given else require_mirror(settings, repo)


def _write_draft(text: str, output: str, file: Path) -> None:
    if output == "-":
        typer.echo(text, nl=False)
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    err_console.print(
        f"Written: {file}. Edit it as you like; curate recipe check {file}", soft_wrap=True
    )


def _print_commits(
    mirror: Mirror, seen: Sequence[Observation], recipe: Recipe, pythons: Sequence[str]
) -> None:
    """What the recipe gives at each commit that was read, as validation would plan it."""
    version = make_version_resolver(recipe, mirror)
    for it in seen:
        report = f"{it.date:%Y-%m-%d} {it.commit[:10]}  version {version(it.commit) or '?':<6} "
        ranges = recipe.find_ranges(version(it.commit))
        if len(ranges) != 1 or ranges[0].skip:
            why = f"skipped: {ranges[0].skip}" if len(ranges) == 1 else f"{len(ranges)} ranges"
            err_console.print(f"{report} {why}", soft_wrap=True)
            continue
        env = ranges[0]
        with GitTree(mirror.path, it.commit) as tree:
            manifest = read_manifest(tree, env.requirements)
        variant = make_variant("base", manifest, it.date, env, pythons)
        if isinstance(variant, Failure):
            err_console.print(
                f"{report} {variant.stage}/{variant.reason}: {variant.detail}", soft_wrap=True
            )
            continue
        count = len({item.name for item in variant.manifest.requirements})
        err_console.print(
            f"{report} python {variant.python:<4} {count:>3} requirements", soft_wrap=True
        )


def _sample_candidates(
    candidates: Sequence[Candidate], count: int, recipe: Recipe, mirror: Mirror
) -> list[Candidate]:
    """Candidates spread over time, with the version that *recipe* gives them."""
    if not candidates:
        raise NotFoundError(
            f"Nothing of {recipe.repo} is stored.", hint=f"curate crawl {recipe.repo}"
        )
    ordered = sorted(candidates, key=lambda it: (it.created_at, it.instance_id))
    version = make_version_resolver(recipe, mirror)
    return [replace(it, version=version(it.base_commit)) for it in sample_evenly(ordered, count)]


def _copy_sample(sample: Sequence[Candidate], store: Store, settings: Settings) -> None:
    """Copy what `curate show` needs of a sample to where its verdicts will be."""
    with Store(settings.data_dir / DRAFTS_DIR) as drafts:
        for it in sample:
            pull = store.get_pull(it.repo, it.pull_number)
            drafts.save_page(it.repo, [pull] if pull else [], CrawlState())
            drafts.save_candidate(it)


def _validate_sample(
    sample: Sequence[Candidate],
    recipe: Recipe,
    options: ValidationOptions,
    settings: Settings,
    jobs: int,
    retry_rejected: bool,
) -> dict[str, str]:
    """Verdict of each candidate by id; those known for the same inputs are not tried again."""
    with Store(settings.data_dir / DRAFTS_DIR) as store:
        known = store.validated_inputs(rejected=not retry_rejected)
        tasks = [
            ValidationTask(candidate=it, recipe=recipe)
            for it in sample
            if known.get(it.instance_id) != compute_inputs_hash(it, recipe, options)
        ]
        infra_failures = run_tasks(tasks, options, store, settings, jobs).infra_failures
        names = [it.instance_id for it in sample]
        verdicts = {
            name: _describe_verdict(store, name, infra_failures.get(name)) for name in names
        }
    counts = Counter(verdicts.values())
    err_console.print(f"{counts['verified']} of {len(sample)} verified")
    for reason, count in counts.most_common():
        if reason != "verified":
            rejected = [name for name, verdict in verdicts.items() if verdict == reason]
            err_console.print(f"  {count:>3} {reason}: {', '.join(rejected)}", soft_wrap=True)
    err_console.print(
        f"Why: curate --data-dir {settings.data_dir / DRAFTS_DIR} show ID", soft_wrap=True
    )
    return verdicts


def _describe_verdict(
    store: Store, name: str, infra_error: BuilderError | CurateError | None
) -> str:
    record = store.get_validation(name)
    if infra_error or record is None:
        return f"the machine failed: {infra_error}"
    why = record.verdict.rejection
    return f"{why.stage}/{why.reason}" if why else "verified"
