"""`curate certify`: are instances still what they were? Pulled, and graded again."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from curate.certification.drift import list_drift
from curate.certification.known import read_known
from curate.certification.published_rows import is_published_set
from curate.certification.published_tasks import DEFAULT_NAMESPACES
from curate.certification.run import (
    CertificationOptions,
    certify_instances,
)
from curate.certification.sample import choose_sample, parse_share
from curate.cli.certify_text import print_report, raise_if_not_certified, summarize_certificate
from curate.cli.common import (
    JobsOption,
    JsonOption,
    MaxTimeOption,
    SandboxKind,
    SandboxOption,
    SplitOption,
    err_console,
    get_settings,
    load_library,
    open_store,
    parse_deadline,
    print_json,
    resolve_ids,
)
from curate.cli.validate import choose_jobs
from curate.cli.validation_progress import ValidationProgress
from curate.core.certification import Certification, certifications_of
from curate.core.errors import ConfigurationError, CurateError
from curate.core.names import parse_pull_name
from curate.core.settings import Settings
from curate.environments.tasks import DEFAULT_SPLIT, RowTasks, TaskSource, open_tasks
from curate.publish.release import (
    CHECKSUMS_FILE,
    certify_folder,
    check_checksums,
    compute_checksums,
)
from curate.releases.certificate import (
    find_certificate_problems,
    read_certificate,
    verify_signature,
)
from curate.releases.reader import iter_rows
from curate.releases.row import get_str
from curate.store import Store
from curate.workflows.certify_published import PublishedSet, certify_published

EXAMPLE = "Example: [bold]curate certify data/release --sample 10% -j 4[/bold]"
DEFAULT_SHARE = "10%"
_ID = re.compile(r"[^/\s]+__[^/\s]+-\d+")


class ReleaseChangedError(CurateError):
    """The release is not what its certificate or its checksums say."""


@dataclass(frozen=True, kw_only=True)
class _Targets:
    """What the arguments name."""

    dataset: str  # "" = the store
    ids: Sequence[str]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("certify", epilog=EXAMPLE)(certify_command)


def certify_command(
    context: typer.Context,
    targets: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[DATASET] [ID]...",
            help="Release, file of rows, or dataset on the Hub; instances of it. (default: the"
            " store, a sample)",
        ),
    ] = None,
    split: SplitOption = DEFAULT_SPLIT,
    sample: Annotated[
        str, typer.Option("--sample", metavar="SHARE", help="Share for tonight. (default: 10%)")
    ] = "",
    everything: Annotated[bool, typer.Option("--all", help="All instances.")] = False,
    sandbox: SandboxOption = SandboxKind.DOCKER,
    jobs: JobsOption = None,
    max_time: MaxTimeOption = "",
    registry: Annotated[
        str,
        typer.Option(metavar="HOST/NAMESPACE", help="Where the images of the store were pushed."),
    ] = "",
    image_namespace: Annotated[
        list[str] | None,
        typer.Option(
            metavar="HOST/NAMESPACE",
            help="Where a published set has its images. (default: xingyaoww, swebench)",
        ),
    ] = None,
    rerun: Annotated[
        bool, typer.Option("--rerun", help="Certify again what was certified tonight.")
    ] = False,
    sign: Annotated[
        Path | None, typer.Option(metavar="KEY", help="minisign secret key for the certificate.")
    ] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Only verify the certificate of the release DATASET.")
    ] = False,
    public_key: Annotated[
        Path | None, typer.Option(metavar="FILE", help="minisign public key, for --verify.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Pull each image clean by digest, and run gold three times and no patch once.

    Without --all or an ID, tonight's sample: never certified instances first, then the oldest;
    what failed comes again the next night. Results are kept in the store, where the next release
    takes them from. A release gets a CERTIFICATE.json. Exits with 1 if an instance is not what it
    was.
    """
    settings = get_settings(context)
    found = _read_targets(targets or [])
    if verify:
        _verify(found, public_key or settings.verification_key, as_json=as_json)
        return
    share = parse_share(sample or DEFAULT_SHARE)
    if sum((bool(sample), everything, bool(found.ids))) > 1:
        raise ConfigurationError("Give one of --sample, --all and instance ids.")
    deadline = parse_deadline(max_time)
    with open_store(settings) as store:
        published = _find_published(found.dataset, settings, store, split, image_namespace)
        source: TaskSource = (
            published.open((store,), sandbox.value)
            if published
            else open_tasks(found.dataset, settings, store, split)
        )
        label = published.name if published else ""
        ids = _choose_ids(
            source, store, found.ids, share=1.0 if everything else share, dataset=label
        )
        with ValidationProgress(len(ids), success="certified") as progress:
            options = CertificationOptions(
                sandbox=sandbox.value,
                jobs=jobs or choose_jobs(()),
                registry=registry,
                dataset=label,
                deadline=deadline,
                rerun=rerun,
                observer=progress,
            )
            if published:
                library = load_library(settings)
                summary = certify_published(ids, published, store, settings, library, options)
            else:
                summary = certify_instances(ids, source, store, settings, options)
        print_report(summary, list_drift(summary, store), as_json=as_json)
        _write_certificate(
            "" if published else found.dataset, split, store, sign or settings.signing_key
        )
    raise_if_not_certified(summary)


def _read_targets(targets: Sequence[str]) -> _Targets:
    """The first may be a dataset; ids are those of the store otherwise."""
    first = next(iter(targets), "")
    is_id = _ID.fullmatch(first) or parse_pull_name(first) is not None
    if not first or (is_id and not Path(first).exists()):
        return _Targets(dataset="", ids=targets)
    return _Targets(dataset="" if first == "store" else first, ids=targets[1:])


def _find_published(
    dataset: str, settings: Settings, store: Store, split: str, namespaces: list[str] | None
) -> PublishedSet | None:
    """Return *dataset* if it is rows that curate did not publish."""
    path = Path(dataset)
    if dataset and path.suffix == ".json" and path.is_file():
        paths: tuple[Path, ...] = (path,)
    else:
        source = open_tasks(dataset, settings, store, split)
        if not isinstance(source, RowTasks) or not is_published_set(source.paths):
            return None
        paths = source.paths
    name = str(path.resolve()) if path.exists() else dataset
    chosen = tuple(namespaces or DEFAULT_NAMESPACES)
    return PublishedSet(name=name, paths=paths, namespaces=chosen)


def _choose_ids(
    source: TaskSource, store: Store, names: Sequence[str], *, share: float, dataset: str
) -> Sequence[str]:
    if names:
        return resolve_ids(store, names)
    known = read_known(source, store, dataset)
    if not known.last:
        raise ConfigurationError(
            f"There is nothing to certify: {source.name} has no instances.",
            hint="Run curate validate, or name a release.",
        )
    return choose_sample(known.last, share, datetime.now(UTC), known.suspects)


def _write_certificate(dataset: str, split: str, store: Store, key: Path | None) -> None:
    """Certify the files of a release, too, if *dataset* is one."""
    folder = Path(dataset)
    if not dataset or split != DEFAULT_SPLIT or not (folder / CHECKSUMS_FILE).is_file():
        if key is not None and dataset:
            err_console.print(f"{dataset} is no release, so nothing was signed", soft_wrap=True)
        return
    if problems := check_checksums(folder):
        raise ReleaseChangedError(
            f"{folder} gets no certificate: {problems[0]}", hint="Publish the release again."
        )
    rows = {
        get_str(row, "instance_id"): get_str(row, "image_digest") or get_str(row, "image")
        for row in iter_rows(folder, "train", ["instance_id", "image", "image_digest"])
    }
    path = certify_folder(folder, rows, _find_newest(store, rows), key)
    state = "signed" if key else "unsigned"
    err_console.print(f"Certificate ({state}): {path}", markup=False, soft_wrap=True)


def _find_newest(store: Store, images: dict[str, str]) -> dict[str, Certification]:
    aliases, newest = store.image_ids_by_digest(), store.certifications.newest(images)
    return {
        name: one for name, one in newest.items() if certifications_of(images[name], [one], aliases)
    }


def _verify(targets: _Targets, key: Path | None, *, as_json: bool) -> None:
    folder = Path(targets.dataset)
    if not targets.dataset or targets.ids:
        raise ConfigurationError("--verify takes the directory of one release.")
    content = read_certificate(folder)
    if problems := find_certificate_problems(content, compute_checksums(folder)):
        raise ReleaseChangedError(problems[0], hint="Get the release again from its publisher.")
    comment = verify_signature(folder, content, key) if key else ""
    summary = summarize_certificate(content, is_verified=key is not None)
    if as_json:
        facts = {name: content[name] for name in ("counts", "last_certified_at", "signature")}
        print_json({**facts, "signature_verified": key is not None, "comment": comment})
    else:
        print(summary)
