"""How much of what the built-in recipes find drafted ones find, too; no engine, no network.

`python -m tests.benchmarks.drafts MIRRORS` drafts a recipe for every built-in one whose mirror
`owner__name.git` is in the folder, reads the requirements at other commits with both, and prints by
repository which share of the built-in's distributions the draft has, and which share of the
draft's the built-in has.
"""

import sys
from pathlib import Path

from curate.builders.git.tree import GitTree
from curate.builders.python.choose import RELEASES
from curate.builders.requirements import Manifest, read_manifest
from curate.core.sampling import sample_evenly
from curate.environments.recipe_values import make_version_resolver
from curate.git.mirror import Mirror, default_branch_commits, open_mirror
from curate.recipe_tools.draft.commits import observe_commits
from curate.recipe_tools.draft.propose import draft_recipe
from curate.recipe_tools.draft.write_toml import render_recipe
from curate.recipes import Recipe, RecipeLibrary, parse_recipe, recipe_file_name

READ, COMPARED = 24, 16  # commits that a draft is made from, and others that it is tried at


def main(folder: Path) -> None:
    """Print a line a repository and the means."""
    shares = []
    for written in RecipeLibrary():
        path = folder / recipe_file_name(written.repo).replace(".toml", ".git")
        if path.exists():
            with open_mirror(path.resolve()) as mirror:
                shares.append(compared(written, mirror))
            print(f"{written.repo:<24} found {shares[-1][0]:>4.0%}  needed {shares[-1][1]:>4.0%}")
    found, needed = (sum(column) / len(shares) for column in zip(*shares, strict=True))
    print(f"{'mean':<24} found {found:>4.0%}  needed {needed:>4.0%}")


def compared(written: Recipe, mirror: Mirror) -> tuple[float, float]:
    """Share of *written*'s distributions that the draft has, and the other way round."""
    seen = list(observe_commits(mirror, (), tuple(RELEASES), READ))
    text = render_recipe(draft_recipe(written.repo, seen))
    drafted = parse_recipe(text, written.repo)
    first = min(it.date for it in seen).timestamp()
    late = [
        it for it in default_branch_commits(mirror) if mirror.commit_graph.commit_time(it) >= first
    ]
    both, ours, theirs = 0, 0, 0
    for commit in sample_evenly(late, COMPARED + 2)[1:-1]:
        mine, other = (distributions(it, mirror, commit) for it in (drafted, written))
        both, ours, theirs = both + len(mine & other), ours + len(mine), theirs + len(other)
    return both / (theirs or 1), both / (ours or 1)


def distributions(recipe: Recipe, mirror: Mirror, commit: str) -> set[str]:
    """Names that *recipe* finds at *commit*; none where no range holds it."""
    ranges = recipe.find_ranges(make_version_resolver(recipe, mirror)(commit))
    if len(ranges) != 1 or ranges[0].skip:
        return set()
    with GitTree(mirror.path, commit) as tree:
        manifest = read_manifest(tree, ranges[0].requirements)
    return (
        {item.name for item in manifest.requirements} if isinstance(manifest, Manifest) else set()
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
