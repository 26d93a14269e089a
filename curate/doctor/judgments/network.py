"""The network: servers, clock, proxies, certificates, the package index."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from curate.doctor.model import (
    Check,
    Job,
    make_failure,
    make_ok,
    make_skipped,
    make_warning,
)

MAX_SKEW = 60.0  # seconds that matter to nobody
WRONG_SKEW = 86_400.0  # at which certificates and tokens look expired


@dataclass(frozen=True, kw_only=True)
class IndexFacts:
    """What the package index says of one package."""

    address: str  # without a password
    files: int = 0
    dated_files: int = 0  # with the time of their upload
    is_json: bool = False
    fault: str = ""


@dataclass(frozen=True, kw_only=True)
class BundleFacts:
    """A file of certificates; with `fault`, why it is none."""

    name: str  # the setting or variable that names it
    path: str
    certificates: int = 0
    fault: str = ""


def judge_network(faults: Mapping[str, str]) -> Check:
    """Whether servers answer; *faults* has for each host why not, or nothing.

    The first is GitHub's, which a crawl needs. The package index is also judged by itself.
    """
    reached = [host for host, fault in faults.items() if not fault]
    missed = [fault for fault in faults.values() if fault]
    github = next(iter(faults), "")
    remedy = "Check the network, the proxy, and the setting github_api_url."
    if github and faults[github]:
        return make_failure("network", "; ".join(missed), remedy, [Job.CRAWL])
    if missed:
        text = f"reached: {', '.join(reached)}; {'; '.join(missed)}"
        return make_warning("network", text, "Check the network and the proxy.")
    return make_ok("network", f"reached: {', '.join(reached)}")


def judge_clock(skew: float | None) -> Check:
    """Whether this clock is right; *skew* is its lead in seconds, None if nobody could be asked."""
    if skew is None:
        return make_skipped("clock", "no server told its time")
    off = timedelta(seconds=round(abs(skew)))
    found = f"{off} {'ahead' if skew > 0 else 'behind'}"
    remedy = "Set the clock: timedatectl set-ntp true"
    if abs(skew) > WRONG_SKEW:
        return make_failure("clock", found, remedy)
    if abs(skew) > MAX_SKEW:
        return make_warning("clock", found, remedy)
    return make_ok("clock", f"within {max(abs(skew), 1):.0f} s of a server's")


def judge_proxies(faults: Mapping[str, str]) -> Check:
    """Whether proxies that are set take connections; *faults* by address, empty if one does."""
    if not faults:
        return make_skipped("proxy", "none is set")
    broken = [f"{address}: {fault}" for address, fault in faults.items() if fault]
    if broken:
        remedy = "Start it, or correct http_proxy, https_proxy and no_proxy."
        return make_failure("proxy", "; ".join(broken), remedy)
    return make_ok("proxy", ", ".join(faults))


def judge_bundles(bundles: Sequence[BundleFacts]) -> Check:
    """Whether files of certificates that are named are such."""
    if not bundles:
        return make_skipped("ca-bundle", "none is set: the system's certificates are used")
    broken = [it for it in bundles if it.fault]
    if broken:
        text = "; ".join(f"{it.name} = {it.path}: {it.fault}" for it in broken)
        names = " and ".join(it.name for it in broken)
        remedy = f"Let {names} name a PEM file of certificates, or unset it."
        return make_failure("ca-bundle", text, remedy)
    shown = (f"{it.name} ({it.certificates:,} certificates)" for it in bundles)
    return make_ok("ca-bundle", ", ".join(shown))


def judge_index(facts: IndexFacts) -> Check:
    """Whether the package index answers, and tells when files were uploaded."""
    jobs = [Job.VALIDATE]
    if facts.fault:
        remedy = "Check the network, index_url and ca_bundle."
        return make_failure("package-index", facts.fault, remedy, jobs)
    if not facts.files:
        text = f"{facts.address} lists no files"
        return make_failure("package-index", text, "Check index_url.", jobs)
    if not facts.dated_files:
        why = "no upload-time" if facts.is_json else "HTML instead of JSON"
        text = f"{facts.address} does not tell when files were uploaded ({why})"
        remedy = (
            "Use an index with upload times, which locks of a date need: PyPI, devpi or a proxy"
            " that passes PyPI's JSON on."
        )
        return make_failure("package-index", text, remedy, jobs)
    if facts.dated_files < facts.files:
        text = f"{facts.address}: {facts.files - facts.dated_files:,} of {facts.files:,} files"
        remedy = "Files without an upload time do not exist for locks of a date."
        return make_warning("package-index", f"{text} have no upload time", remedy)
    return make_ok("package-index", f"{facts.address}, with upload times")
