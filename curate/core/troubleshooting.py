"""Which entry of docs/troubleshooting.md an error leads to: by its sentence, else by its class.

Errors wrap others, as in "… the first a__b-1: no container engine responds": the sentence that is
found anywhere in the message counts before the class. Classes are named, as those of the packages
above this one cannot be imported here.
"""

import re
from dataclasses import dataclass

PAGE = "docs/troubleshooting.md"


@dataclass(frozen=True, kw_only=True)
class Topic:
    """An entry of the page."""

    anchor: str
    sentences: str = ""  # a regular expression for parts of messages
    errors: tuple[str, ...] = ()  # names of classes, and of those that inherit from them


TOPICS = (
    # GitHub and git
    Topic(anchor="no-github-token", sentences="No GitHub token found"),
    Topic(
        anchor="github-token-rejected",
        sentences="GitHub rejected the token|git server rejected the credentials",
        errors=("BadCredentialsError",),
    ),
    Topic(anchor="github-access-denied", sentences="GitHub denied access"),
    Topic(
        anchor="github-rate-limit",
        sentences="GitHub's rate limit is exceeded",
        errors=("RateLimitExceededError",),
    ),
    Topic(
        anchor="proxy",
        sentences="The proxy does not let|answered 403 without a message|without JSON, unlike",
    ),
    Topic(anchor="ca-bundle", sentences="No secure connection to"),
    Topic(
        anchor="github-address",
        sentences="no GitHub API at|GitHub answered 404|setting github_api_url"
        "|redirects (?:without end|to another host)",
        errors=("WrongAddressError",),
    ),
    Topic(
        anchor="repository-not-found",
        sentences="not found on GitHub|Repository not found on the git server"
        "|GitHub does not show this",
        errors=("UnavailableError",),
    ),
    Topic(anchor="git-server", sentences="git fetch failed|The git server accepts requests"),
    Topic(
        anchor="no-connection",
        sentences="No connection to|The host .* is not found|No valid response from"
        "|(?<!registry )\\S+ accepts requests but does not answer",
        errors=("UnreachableError", "NetworkError", "ConnectionError", "TimeoutError"),
    ),
    Topic(
        anchor="github-answers",
        sentences="GitHub(?:'s)? (?:answered|could not|rejected|errors|answer|list|response)"
        "|has not finished its answer|sends an answer without end",
        errors=("MalformedAnswerError", "TransientError"),
    ),
    Topic(
        anchor="missing-objects",
        sentences="missing-objects|mirror has no commit|lacks its base commit",
        errors=("MissingObjectsError",),
    ),
    Topic(
        anchor="mirror",
        sentences="No mirror (?:in|of)|not a bare git repository|has no branches"
        "|already contains a clone|shards of .* candidates are not known",
        errors=("InvalidMirrorError", "SubmoduleError"),
    ),
    Topic(anchor="git-failed", errors=("GitCommandError",)),
    # engine, builds, sandboxes
    Topic(anchor="buildkit", sentences="no docker client with BuildKit"),
    Topic(anchor="podman", sentences="podman"),
    Topic(anchor="apptainer", sentences="apptainer|The .* sandbox builds no environments"),
    Topic(
        anchor="no-engine",
        sentences="no container engine responds|container engine does not respond",
        errors=("EngineUnavailableError",),
    ),
    Topic(anchor="inodes", sentences="inodes"),
    Topic(
        anchor="disk-full",
        sentences="[Dd]isk (?:is |of .* is )?full|disk of .* is full|MiB are reserved",
        errors=("DiskFullError",),
    ),
    Topic(anchor="out-of-memory", sentences="ran out of memory"),
    Topic(
        anchor="build-network",
        sentences="network error during build|does not build on this machine"
        "|build could not be run|build was stopped",
    ),
    Topic(
        anchor="package-index",
        sentences="package index|not the file of the lock",
    ),
    Topic(
        anchor="python-version",
        sentences="could not download Python|older than every available Python",
    ),
    Topic(
        anchor="image-missing",
        sentences=r"the image of|has no image|its (?:own )?image (?:is|cannot)|was not built by"
        "|does not exist, so it cannot be pushed",
        errors=("MissingImageError", "ImageGoneError", "NoEnvironmentError"),
    ),
    Topic(anchor="layer-cache", sentences="layer cache|layer of that key"),
    Topic(anchor="local-images", sentences="images exist only on this machine"),
    Topic(
        anchor="store-merge",
        sentences="stores were not merged",
        errors=("SourceError",),
    ),
    Topic(
        anchor="registry",
        sentences=r"Invalid registry|images could not be pushed|the registry |\S:\S+ was refused",
        errors=("RegistryError", "PushIncompleteError"),
    ),
    # the Hub and releases
    Topic(anchor="hub-token", sentences="Hub denied write access"),
    Topic(
        anchor="hub",
        sentences="[Tt]he Hub|on the Hub|private repository was requested|already has a tag"
        "|changed by someone else|Invalid dataset name",
    ),
    Topic(
        anchor="release-refused",
        sentences="The release has .* errors|not evaluated as validated|exceed the budget"
        "|occurs twice in one split|no files to push|No release in",
    ),
    Topic(
        anchor="certificate",
        sentences="certificate|cannot be trusted|is not signed|public key|minisign"
        "|signature|could not be signed|not what they were|gets no",
        errors=(
            "InvalidCertificateError",
            "NotCertifiedError",
            "ReleaseChangedError",
            "SigningError",
            "SignatureError",
        ),
    ),
    Topic(anchor="newer-schema", sentences="has schema .*; this curate reads"),
    # the store
    Topic(
        anchor="store-locked",
        sentences="Another process of curate|locked by another",
        errors=("LockedError",),
    ),
    Topic(anchor="store-format", sentences="store format"),
    Topic(
        anchor="store-damaged",
        sentences="is damaged or not a curate database|was not made by curate"
        "|is missing or damaged",
    ),
    Topic(
        anchor="store-empty",
        sentences="store in .* is empty|has not been crawled|Nothing to publish|Name repositories",
    ),
    Topic(anchor="store-unusable", errors=("StoreError",)),
    # names and input
    Topic(
        anchor="unknown-id",
        sentences="Unknown id|is no candidate|has no task|instances are unknown|No ID given"
        "|Nothing was changed",
    ),
    Topic(
        anchor="not-validated",
        sentences="has not been validated|No such log|There are no tasks|nothing to certify"
        "|No candidate was rejected for|No rows match",
    ),
    Topic(anchor="recipe", sentences="The recipe|No recipe", errors=("RecipeError",)),
    Topic(
        anchor="settings",
        sentences=r"Invalid value for setting|has an unknown key|curate.toml cannot be read"
        "|contains an invalid character",
    ),
    Topic(
        anchor="release-filters",
        sentences="Invalid release filters|Invalid WHERE|Invalid --where|Invalid --subset"
        "|Invalid --lite|Two --subset",
    ),
    Topic(
        anchor="predictions",
        sentences="predictions",
        errors=("InvalidPredictionsError", "NotGradedError"),
    ),
    Topic(
        anchor="dataset",
        sentences=r"No dataset|has no split|not a file of rows|has no rows|no column instance_id"
        "|not a list of rows|Parquet|not a JSON object|Cannot read the columns|is not JSON"
        "|rows cannot be certified|cannot be (?:graded|certified)",
    ),
    Topic(
        anchor="output-path",
        sentences="exists already|is a directory|would be a directory|would replace|is not empty"
        "|No format is known|Format .* (?:cannot|requires)|not named like format|Directory .* does"
        "|is not a file name",
    ),
    Topic(anchor="shard", sentences="Invalid --shard|are more than the .* of a matrix"),
    Topic(
        anchor="missing-package",
        sentences="needs the package|needs packages that are not installed|is not installed",
    ),
    Topic(
        anchor="cluster",
        sentences="shared_files|Invalid cluster|on worker",
        errors=("ClusterError", "WorkerLostError", "RemoteFailureError"),
    ),
    Topic(
        anchor="server",
        sentences="[Tt]he server|of a server|for a server|as curate serve does|does not answer:"
        "|token is required|is too short for",
        errors=("BusyError", "LimitReachedError", "ServerError"),
    ),
    Topic(
        anchor="episode",
        sentences="[Ee]pisode|environment is closed|option of the environment|keeps none"
        "|snapshots are on top",
    ),
    # what a command could not finish
    Topic(
        anchor="time-limit",
        sentences="[Tt]ime limit|Not all was done",
        errors=("TimeLimitReachedError", "CertificationTimeError", "CrawlStoppedError"),
    ),
    Topic(anchor="unexpected", sentences="unexpected [A-Z]", errors=("UnexpectedError",)),
    Topic(anchor="sandbox", errors=("SandboxError",)),
    Topic(anchor="permission", errors=("PermissionError", "AuthenticationError")),
    Topic(anchor="not-found", errors=("NotFoundError", "FileNotFoundError")),
    Topic(
        anchor="invalid-input",
        errors=("ConfigurationError", "OSError", "RuntimeError", "UnicodeEncodeError"),
    ),
    Topic(anchor="machine-failed", errors=("BuilderError",)),
    Topic(anchor="incomplete", errors=("CurateError",)),
)
_BY_CLASS = {name: topic.anchor for topic in TOPICS for name in topic.errors}
_SENTENCES = [(re.compile(it.sentences), it.anchor) for it in TOPICS if it.sentences]


def find_anchor(error: BaseException, message: str) -> str:
    """Return the anchor of the entry for *error*, which is told as *message*; "" for a bug."""
    return find_anchor_by_names([it.__name__ for it in type(error).__mro__], message)


def find_anchor_by_names(classes: list[str], message: str) -> str:
    """Return what `find_anchor` returns; *classes* are the names of its class and those above."""
    own = _BY_CLASS.get(classes[0]) if classes else None
    found = next((anchor for pattern, anchor in _SENTENCES if pattern.search(message)), None)
    return found or own or next((_BY_CLASS[it] for it in classes if it in _BY_CLASS), "")


def locate_entry(anchor: str) -> str:
    """Return where the entry is, as it is printed; "" for none."""
    return f"{PAGE}#{anchor}" if anchor else ""


def reason_anchor(stage: str, reason: str) -> str:
    """Return the anchor of what to do about a rejection."""
    return f"{stage}-{reason}".replace("_", "-")
