"""What reading says that candidates require, and what their build back-ends say.

    python -m tests.benchmarks.backend_answers DATA [--sandbox local] [--limit N] ID|OWNER/NAME...

Every candidate's base commit is asked about, certain or not, so that the table also shows what the
certain readings are worth. Replies are stored in DATA: the second call finds them there.
"""

import argparse
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from curate.builders.errors import BuilderError
from curate.builders.git.tree import GitTree
from curate.builders.model import Failure
from curate.builders.python.choose import available_pythons
from curate.builders.requirements import read_answered_manifest
from curate.core.model import Candidate, Rejection
from curate.core.settings import Settings, read_settings
from curate.environments.ask_backend import ask_backend
from curate.environments.backend_question import BackendQuestion
from curate.environments.context import ValidationContext, open_backend
from curate.environments.plan import plan_validation
from curate.git.locations import require_mirror
from curate.recipes import RecipeLibrary
from curate.store import Store


def main(arguments: list[str] | None = None) -> None:
    """Print a line per candidate, and sums."""
    options = _parser().parse_args(arguments)
    settings = read_settings({"data_dir": str(options.data)})
    print("| candidate | python | reading was | seconds | stored | what the back-end changes |")
    print(f"|{' --- |' * 6}")
    with Store(options.data) as store:
        ctx = _make_context(settings, store, options.sandbox)
        library = RecipeLibrary(options.recipes) if options.recipes else RecipeLibrary()
        for candidate in _candidates(store, options.which, options.limit):
            try:
                print(_line(candidate, library, ctx), flush=True)
            except BuilderError as error:
                print(f"| {candidate.instance_id} | | | | | {type(error).__name__}: {error} |")


def _candidates(store: Store, which: list[str], limit: int) -> Iterator[Candidate]:
    for name in which:
        if "/" in name:
            found = list(store.iter_candidates(name))
            yield from found[-limit:] if limit else found
        else:
            repo = name.rpartition("-")[0].replace("__", "/", 1)
            yield from (it for it in store.iter_candidates(repo) if it.instance_id == name)


def _line(candidate: Candidate, library: RecipeLibrary, ctx: ValidationContext) -> str:
    recipe, mirror = library.get_recipe(candidate.repo), ctx.get_mirror(candidate.repo)
    plan = plan_validation(candidate, recipe, mirror, ctx.python_versions)
    if isinstance(plan, Rejection):
        return f"| {candidate.instance_id} | | {plan.stage}/{plan.reason} | | | |"
    base = plan.variants[0]
    sources = plan.env.requirements
    with GitTree(mirror, candidate.base_commit) as tree:
        question = BackendQuestion(
            candidate=candidate,
            recipe=recipe,
            env=plan.env,
            tree=tree,
            python=base.python,
            date=base.date,
            cutoff=base.cutoff,
        )
        started = time.monotonic()
        reply = ask_backend(ctx, question)
        seconds = time.monotonic() - started
        stored = "yes" if reply and reply.commit and reply.seconds > seconds else "no"
        if reply is None or reply.answer is None:
            changes = [reply.error if reply else "no back-end"]
        else:
            manifest = read_answered_manifest(tree, sources, reply.answer, base.python)
            assert not isinstance(manifest, Failure)
            changes = [it for it in manifest.notes if it.startswith("the build back-end")]
    certain = "; ".join(base.manifest.unknowns) or "certain"
    said = "; ".join(changes) or "nothing"
    return (
        f"| {candidate.instance_id} | {base.python} | {certain} | {seconds:.1f} | {stored}"
        f" | {said} |"
    ).replace("\n", " ")


def _make_context(settings: Settings, store: Store, sandbox: str) -> ValidationContext:
    return ValidationContext(
        store=store,
        backend=open_backend(sandbox, settings, store),
        settings=settings.build_settings(),
        python_versions=available_pythons(settings.python_install_dir),
        get_mirror=lambda name: require_mirror(settings, name),
        stop_event=threading.Event(),
        report_step=lambda name, step: None,
        run_executor=ThreadPoolExecutor(1),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("which", nargs="+")
    parser.add_argument("--sandbox", default="docker")
    parser.add_argument("--recipes", type=Path)
    parser.add_argument("--limit", type=int, default=0, help="newest candidates of a repository")
    return parser


if __name__ == "__main__":
    main()
