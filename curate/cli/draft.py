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
from builders.requirements import Sources, read_manifest
from curate.cli.common import open_store, print_json, settings_of, talk
from curate.cli.validate import Sandbox, run_tasks
from curate.core.errors import BadInput, CurateError, NotFound
from curate.core.model import Candidate, CrawlState
from curate.core.sampling import spread
from curate.core.settings import Settings
from curate.environments.context import Options
from curate.environments.plan import make_ground, version_names
from curate.git.locations import existing_mirror
from curate.git.mirror import Mirror, open_mirror
from curate.github.pulls import owner_and_name
from curate.recipe_tools.draft.commits import observations
from curate.recipe_tools.draft.observe import Observation
from curate.recipe_tools.draft.propose import draft
from curate.recipe_tools.draft.write_toml import recipe_text
from curate.store import Store
from curate.validate.attempts import inputs_hash
from curate.validate.pool import Task
from recipes import Recipe, file_name, parse

EXAMPLE = "Example: [bold]curate recipe draft owner/name --sample 8[/bold]"
DRAFTS = "drafts"  # folder of the data folder that keeps verdicts of samples apart


def command(  # noqa: PLR0913, PLR0917
    context: typer.Context,
    repo: Annotated[str, typer.Argument(metavar="OWNER/NAME")],
    mirror: Annotated[Path | None, typer.Option(help="A bare repository to read.")] = None,
    to: Annotated[
        str, typer.Option(help="File, or - for standard output. [default: in the recipe folder]")
    ] = "",
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file.")] = False,
    commits: Annotated[int, typer.Option(min=1, help="How many commits to read.")] = 24,
    sample: Annotated[int, typer.Option(min=0, help="Validate so many candidates with it.")] = 0,
    runs: Annotated[int, typer.Option(min=1, help="Runs on each side, of the sample.")] = 1,
    sandbox: Annotated[Sandbox, typer.Option(help="docker or local.")] = Sandbox.DOCKER,
    jobs: Annotated[int, typer.Option("-j", "--jobs", min=1, help="Candidates at once.")] = 1,
    again: Annotated[
        bool, typer.Option("--again", help="Try those of the sample that were rejected once more.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a summary as JSON.")] = False,
) -> None:
    """Write a recipe from metadata and CI files, read at several dates, with the reasons beside.

    It reads base commits of stored candidates, or else of the default branch. What the defaults do
    anyway is not written. With --sample, a file that is there already is tried as it is. A sample's
    verdicts are kept apart: `curate validate` gives those that count.
    """
    settings = settings_of(context)
    owner_and_name(repo)
    file = Path(to) if to else (settings.recipes or Path("recipes")) / file_name(repo)
    kept = to != "-" and file.exists() and not force
    if kept and not sample:
        raise BadInput(f"{file} exists.", hint="--force overwrites it, --sample 8 tries it.")
    with open_store(settings) as store, open_mirror(_path(settings, repo, mirror)) as opened:
        candidates = list(store.candidates(repo))
        pythons = available_pythons(settings.interpreters)
        seen = list(observations(opened, candidates, pythons, commits))
        text = file.read_text(encoding="utf-8") if kept else recipe_text(draft(repo, seen))
        recipe = parse(text, file.name)
        if kept:
            talk.print(f"Kept as it is: {file}; --force drafts it anew", soft_wrap=True)
        elif not (as_json and to == "-"):
            _write(text, to, file)
        _tell_commits(opened, seen, recipe, pythons)
        summary = {"file": str(file), "text": text, "candidates": len(candidates)}
        if sample:
            chosen = _sampled(candidates, sample, recipe, opened)
            options = Options(runs=runs, backend=sandbox.value, strength=False)
            _lay_out(chosen, store, settings)
            summary["sample"] = _validated(chosen, recipe, options, settings, jobs, again)
    if as_json:
        print_json(summary)
    if not sample:
        talk.print(f"Try it: curate recipe draft {repo} --sample 8", soft_wrap=True)


def _path(settings: Settings, repo: str, given: Path | None) -> Path:
    return given.resolve() if given else existing_mirror(settings, repo)


def _write(text: str, to: str, file: Path) -> None:
    if to == "-":
        typer.echo(text, nl=False)
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    talk.print(f"Written: {file}. Edit it as you like; curate recipe check {file}", soft_wrap=True)


def _tell_commits(
    mirror: Mirror, seen: Sequence[Observation], recipe: Recipe, pythons: Sequence[str]
) -> None:
    """What the recipe gives at each commit that was read, as validation would plan it."""
    version = version_names(recipe, mirror)
    for it in seen:
        told = f"{it.date:%Y-%m-%d} {it.commit[:10]}  version {version(it.commit) or '?':<6} "
        ranges = recipe.ranges_of(version(it.commit))
        if len(ranges) != 1 or ranges[0].skip:
            why = f"skipped: {ranges[0].skip}" if len(ranges) == 1 else f"{len(ranges)} ranges"
            talk.print(f"{told} {why}", soft_wrap=True)
            continue
        env = ranges[0]
        with GitTree(mirror.path, it.commit) as tree:
            manifest = read_manifest(tree, Sources(**env.requirements.model_dump()))
        ground = make_ground("base", manifest, it.date, env, pythons)
        if isinstance(ground, Failure):
            talk.print(f"{told} {ground.stage}/{ground.reason}: {ground.detail}", soft_wrap=True)
            continue
        count = len({item.name for item in ground.manifest.requirements})
        talk.print(f"{told} python {ground.python:<4} {count:>3} requirements", soft_wrap=True)


def _sampled(
    candidates: Sequence[Candidate], count: int, recipe: Recipe, mirror: Mirror
) -> list[Candidate]:
    """Candidates spread over time, with the version that *recipe* gives them."""
    if not candidates:
        raise NotFound(f"Nothing of {recipe.repo} is stored.", hint=f"curate crawl {recipe.repo}")
    ordered = sorted(candidates, key=lambda it: (it.created_at, it.instance_id))
    version = version_names(recipe, mirror)
    return [replace(it, version=version(it.base_commit)) for it in spread(ordered, count)]


def _lay_out(chosen: Sequence[Candidate], store: Store, settings: Settings) -> None:
    """Copy what `curate show` needs of a sample to where its verdicts will be."""
    with Store(settings.data / DRAFTS) as drafts:
        for it in chosen:
            pull = store.pull(it.repo, it.pull_number)
            drafts.save_page(it.repo, [pull] if pull else [], CrawlState())
            drafts.save_candidate(it)


def _validated(
    chosen: Sequence[Candidate],
    recipe: Recipe,
    options: Options,
    settings: Settings,
    jobs: int,
    again: bool,
) -> dict[str, str]:
    """Verdict of each candidate by id; those known for the same inputs are not tried again."""
    with Store(settings.data / DRAFTS) as store:
        known = store.validated_inputs(rejected=not again)
        tasks = [
            Task(candidate=it, recipe=recipe)
            for it in chosen
            if known.get(it.instance_id) != inputs_hash(it, recipe, options)
        ]
        broken = run_tasks(tasks, options, store, settings, jobs).broken
        names = [it.instance_id for it in chosen]
        verdicts = {name: _verdict(store, name, broken.get(name)) for name in names}
    counts = Counter(verdicts.values())
    talk.print(f"{counts['verified']} of {len(chosen)} verified")
    for reason, count in counts.most_common():
        if reason != "verified":
            fallen = [name for name, verdict in verdicts.items() if verdict == reason]
            talk.print(f"  {count:>3} {reason}: {', '.join(fallen)}", soft_wrap=True)
    talk.print(f"Why: curate --data {settings.data / DRAFTS} show ID", soft_wrap=True)
    return verdicts


def _verdict(store: Store, name: str, broken: BuilderError | CurateError | None) -> str:
    record = store.validation(name)
    if broken or record is None:
        return f"the machine failed: {broken}"
    why = record.verdict.rejection
    return f"{why.stage}/{why.reason}" if why else "verified"
