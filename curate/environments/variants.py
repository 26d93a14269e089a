"""The variants of what a candidate requires: at its base, and after the gold patch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from curate.builders.git.run import git_output
from curate.builders.git.tree import GitTree
from curate.builders.model import Failure
from curate.builders.python.choose import PythonChoice, choose_python
from curate.builders.requirements import Manifest, read_answered_manifest
from curate.builders.requirements.checkout_projects import ROOT
from curate.builders.rfc3339 import parse_rfc3339
from curate.core.model import Candidate
from curate.environments.backend_question import AskBackend, BackendQuestion, BackendReply
from curate.environments.imported_tools import ReadRequirements, read_with_imported_tools
from curate.environments.recipe_values import make_classifier
from curate.environments.shared_cutoff import find_shared_cutoff
from curate.environments.workspace import find_sources
from curate.recipes import EnvRecipe, Recipe
from curate.recipes.schema import RequirementSources

NO_SOURCES = RequirementSources()


@dataclass(frozen=True, kw_only=True)
class RequirementsVariant:
    """One variant of the declared requirements, and the interpreter selected for it."""

    requirements_from: str  # "base", or "gold" for requirements after the gold patch
    manifest: Manifest
    label: str = ""  # what else distinguishes it, for the list of attempts
    sources: RequirementSources = NO_SOURCES  # of the manifest; its projects are installed
    python: str  # "3.9"
    reason: str = ""  # why this interpreter was selected
    date: datetime  # the environment reproduces this date
    cutoff: datetime  # of the first lock tried, which other candidates share; at most `date`
    uncertain: tuple[str, ...] = ()  # why the build back-end is asked what it requires
    reply: BackendReply | None = None  # of the build back-end, if it was asked


class VariantPlanner:
    """Plans the variants of the requirements of one candidate."""

    def __init__(
        self,
        candidate: Candidate,
        recipe: Recipe,
        env: EnvRecipe,
        pythons: Sequence[str],
        ask: AskBackend | None,
        test_files: Sequence[str] = (),
    ) -> None:
        self.candidate, self.recipe, self.env = candidate, recipe, env
        self.pythons, self.ask = pythons, ask
        self.test_files = test_files
        self.read: Mapping[str, ReadRequirements] = {}

    def plan_variants(
        self, trees: Mapping[str, GitTree], mirror: Path
    ) -> tuple[RequirementsVariant, ...] | Failure:
        """Return the base requirements, then the gold requirements if the gold patch changes them.

        Code that requires a newer library may only work with that. But the base requirements come
        first: with the newer library, tests unrelated to the fix may fail before it.
        """
        dates = _environment_dates(self.candidate, trees["gold"].commit, mirror)
        self.read = self._read_all(trees, mirror)
        candidates = [
            self._plan_variant(source, trees[source], date, mirror)
            for source, date in dates.items()
        ]
        variants = [variant for variant in candidates if isinstance(variant, RequirementsVariant)]
        if not variants:
            return next(failure for failure in candidates if isinstance(failure, Failure))
        distinct: dict[tuple[str, str], RequirementsVariant] = {}
        for variant in variants:
            distinct.setdefault((variant.python, variant.manifest.key), variant)
        found = [
            replace(
                self._with_shared_cutoff(it, trees[it.requirements_from], mirror),
                sources=self.read[it.requirements_from].sources,
            )
            for it in distinct.values()
        ]
        return (*found, *self._plan_root_alone(found[0], trees, mirror))

    def _plan_root_alone(
        self, planned: RequirementsVariant, trees: Mapping[str, GitTree], mirror: Path
    ) -> tuple[RequirementsVariant, ...]:
        """Return the variant without the projects beside the root that only tests are in, if any.

        What they require may keep the root's own project from working.
        """
        projects = planned.sources.projects
        if ROOT not in projects or not set(projects) - {ROOT, *self.env.requirements.projects}:
            return ()
        planner = VariantPlanner(self.candidate, self.recipe, self.env, self.pythons, self.ask)
        alone = planner.plan_variants(trees, mirror)
        if isinstance(alone, Failure) or alone[0].sources.projects == projects:
            return ()
        return (replace(alone[0], label=" of the root alone"),)

    def _read_all(
        self, trees: Mapping[str, GitTree], mirror: Path
    ) -> Mapping[str, ReadRequirements]:
        classifier, tested = make_classifier(self.recipe), trees["gold"].commit
        found = {name: find_sources(it, self.env, self.test_files) for name, it in trees.items()}
        return {
            name: read_with_imported_tools(mirror, tree, tested, found[name], classifier)
            for name, tree in trees.items()
        }

    def _plan_variant(
        self, source: str, tree: GitTree, date: datetime, mirror: Path
    ) -> RequirementsVariant | Failure:
        sources = self.read[source].sources
        read = make_variant(source, self.read[source].manifest, date, self.env, self.pythons)
        if isinstance(read, Failure) or not read.manifest.unknowns or self.ask is None:
            return read
        if sources.projects:  # in subfolders: their back-ends are not asked
            return read
        asked = replace(
            self._with_shared_cutoff(read, tree, mirror), uncertain=read.manifest.unknowns
        )
        answered = self._ask_for(asked, tree)
        if isinstance(answered, RequirementsVariant) and answered.python != read.python:
            return self._ask_for(replace(asked, python=answered.python), tree)
        return answered

    def _ask_for(
        self, variant: RequirementsVariant, tree: GitTree
    ) -> RequirementsVariant | Failure:
        """Return *variant* with the answer of the build back-end, or a note that it gave none."""
        assert self.ask is not None
        reply = self.ask(
            BackendQuestion(
                candidate=self.candidate,
                recipe=self.recipe,
                env=self.env,
                tree=tree,
                python=variant.python,
                date=variant.date,
                cutoff=variant.cutoff,
            )
        )
        if reply is None:
            return variant
        if reply.answer is None:
            note = f"the build back-end gave no answer, so what was read stands: {reply.error}"
            manifest = replace(variant.manifest, notes=(*variant.manifest.notes, note))
            return replace(variant, manifest=manifest, reply=reply)
        sources = self.read[variant.requirements_from].sources
        answered = read_answered_manifest(tree, sources, reply.answer, variant.python)
        made = make_variant(
            variant.requirements_from, answered, variant.date, self.env, self.pythons
        )
        if isinstance(made, Failure):
            return made
        return replace(made, uncertain=variant.uncertain, reply=reply)

    def _with_shared_cutoff(
        self, variant: RequirementsVariant, tree: GitTree, mirror: Path
    ) -> RequirementsVariant:
        sources = self.read[variant.requirements_from].sources
        cutoff = find_shared_cutoff(mirror, tree, sources, variant.date)
        return replace(variant, cutoff=cutoff)


def make_variant(
    source: str,
    manifest: Manifest | Failure,
    date: datetime,
    env: EnvRecipe,
    pythons: Sequence[str],
) -> RequirementsVariant | Failure:
    """Select the interpreter for *manifest* at *date*, which is also the cutoff."""
    if isinstance(manifest, Failure):
        return manifest
    python = _select_python(env, manifest, date, pythons)
    if isinstance(python, Failure):
        return python
    return RequirementsVariant(
        requirements_from=source,
        manifest=manifest,
        python=python.python,
        reason=python.reason,
        date=date,
        cutoff=date,
    )


def _environment_dates(
    candidate: Candidate, head_commit: str, mirror: Path
) -> Mapping[str, datetime]:
    """Return the dates of the environments: creation of the PR, or of a commit if that is later.

    The base commit is newer than the PR if the PR was rebased. Gold requirements date from the
    PR's last commit.
    """
    base = max(candidate.created_at, _commit_date(mirror, candidate.base_commit))
    return {"base": base, "gold": max(base, _commit_date(mirror, head_commit))}


def _commit_date(mirror: Path, commit: str) -> datetime:
    # Not `git show -s`: for a merge it reads blobs, which a partial clone may lack.
    text = git_output(mirror, "log", "-1", "--format=%cI", commit).decode().strip()
    return parse_rfc3339(text)


def _select_python(
    env: EnvRecipe, manifest: Manifest, date: datetime, pythons: Sequence[str]
) -> PythonChoice | Failure:
    if env.python:
        return PythonChoice(python=env.python, reason="set by the recipe")
    return choose_python(manifest, as_of=date, available=pythons)
