"""Run all checks side by side: one that hangs or fails is a value, and none holds up the others."""

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from curate.core.errors import describe_error
from curate.doctor.context import CHECK_SECONDS, CheckContext
from curate.doctor.mask import find_secrets, mask_text
from curate.doctor.model import ALL_JOBS, Check, Job, make_failure, make_warning
from curate.doctor.parallel import call_all
from curate.doctor.probes import accounts, engine, machine, network, stored, tools

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Probe:
    """A function that looks, the checks that it makes, and the jobs that need them."""

    names: tuple[str, ...]
    look: Callable[[CheckContext], Sequence[Check]]
    jobs: tuple[Job, ...] = ()  # that fail if it hangs; none: it is a warning then


PROBES = (
    Probe(names=("python",), look=tools.check_python),
    Probe(names=("versions",), look=tools.check_libraries),
    Probe(names=("git",), look=tools.check_git, jobs=ALL_JOBS),
    Probe(names=("uv",), look=tools.check_uv, jobs=(Job.VALIDATE,)),
    Probe(names=("settings",), look=stored.check_settings),
    Probe(names=("kernel",), look=machine.check_kernel),
    Probe(names=("cgroups",), look=machine.check_cgroups),
    Probe(names=("limits",), look=machine.check_limits),
    Probe(names=("disk", "inodes"), look=machine.check_disks, jobs=ALL_JOBS),
    Probe(names=("sandboxes",), look=engine.check_sandboxes),
    Probe(names=("engine",), look=engine.check_engine, jobs=(Job.VALIDATE,)),
    Probe(names=("buildkit",), look=engine.check_buildkit),
    Probe(names=("proxy",), look=network.check_proxies),
    Probe(names=("ca-bundle",), look=network.check_bundles),
    Probe(names=("network", "clock"), look=network.check_network, jobs=(Job.CRAWL,)),
    Probe(names=("git-host",), look=tools.check_git_host),
    Probe(names=("package-index",), look=network.check_index, jobs=(Job.VALIDATE,)),
    Probe(names=("github-tokens",), look=accounts.check_github_tokens, jobs=(Job.CRAWL,)),
    Probe(names=("hub",), look=accounts.check_hub),
    Probe(names=("registry",), look=accounts.check_registries),
    Probe(names=("data-directory",), look=stored.check_folder, jobs=ALL_JOBS),
    Probe(names=("store",), look=stored.check_store),
    Probe(names=("mirrors",), look=stored.check_mirrors),
)


def run_checks(context: CheckContext, probes: Sequence[Probe] = PROBES) -> list[Check]:
    """Return the checks of all *probes*, in their order, within `CHECK_SECONDS`.

    Secrets and the home folder are masked.
    """
    calls = [partial(_look, probe, context) for probe in probes]
    outcomes = call_all(calls, CHECK_SECONDS)
    checks = [
        check
        for probe, outcome in zip(probes, outcomes, strict=True)
        for check in _read_outcome(probe, outcome)
    ]
    secrets, home = find_secrets(context.environment), _find_home(context)
    return [_mask(check, secrets, home) for check in checks]


def _look(probe: Probe, context: CheckContext) -> Sequence[Check]:
    try:
        return probe.look(context)
    except Exception as error:
        return [_explain(name, error, probe.jobs) for name in probe.names]


def _read_outcome(probe: Probe, outcome: Sequence[Check] | BaseException | None) -> Sequence[Check]:
    if isinstance(outcome, BaseException):
        raise outcome
    if outcome is not None:
        return outcome
    text = f"no answer within {CHECK_SECONDS:.0f} s"
    remedy = "Find out what hangs: run curate -v doctor again, and look at network, disk, engine."
    return [
        make_failure(name, text, remedy, probe.jobs)
        if probe.jobs
        else make_warning(name, text, remedy)
        for name in probe.names
    ]


def _explain(name: str, error: Exception, jobs: tuple[Job, ...]) -> Check:
    """A check that could not be made: by an error for the user, or a bug."""
    if description := describe_error(error):
        message, hint, _ = description
        return (
            make_failure(name, message, hint, jobs) if jobs else make_warning(name, message, hint)
        )
    log.debug("%s: the traceback", name, exc_info=error)
    text = f"this check failed: {type(error).__name__}: {error}"
    return make_warning(name, text, "This is a bug in curate: please report it with this output.")


def _find_home(context: CheckContext) -> str:
    home = context.environment.get("HOME") or os.path.expanduser("~")  # noqa: PTH111
    return home if Path(home) != Path("/") else ""


def _mask(check: Check, secrets: Sequence[str], home: str) -> Check:
    found, remedy = (mask_text(text, secrets, home) for text in (check.found, check.remedy))
    return replace(check, found=found, remedy=remedy)
