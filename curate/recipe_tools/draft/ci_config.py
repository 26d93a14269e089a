"""Jobs of all CI services that a repository has configurations for."""

from collections.abc import Iterator

from curate.builders.git.tree import FileTree
from curate.recipe_tools.draft.ci_services import (
    find_appveyor_jobs,
    find_azure_jobs,
    find_circle_jobs,
    find_gitlab_jobs,
    find_travis_jobs,
)
from curate.recipe_tools.draft.ci_yaml import JobFinder, read_job
from curate.recipe_tools.draft.github_actions import find_github_jobs
from curate.recipe_tools.draft.job import CIJob

_FINDERS: tuple[JobFinder, ...] = (
    find_github_jobs,
    find_travis_jobs,
    find_azure_jobs,
    find_circle_jobs,
    find_gitlab_jobs,
)


def find_ci_jobs(tree: FileTree) -> Iterator[CIJob]:
    """Yield every job of every CI configuration in *tree*.

    AppVeyor's, which is for Windows, only if no other service runs tests.
    """
    jobs = [read_job(tree, variants) for find in _FINDERS for variants in find(tree)]
    yield from jobs
    if not any(job.findings.runs_tests for job in jobs):
        yield from (read_job(tree, [table]) for table in find_appveyor_jobs(tree))
