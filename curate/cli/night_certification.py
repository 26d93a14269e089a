"""The certification of a night: what goes wrong with it is a problem of the night."""

import logging
from typing import TYPE_CHECKING

from curate.cli.common import err_console
from curate.cli.progress import show_work
from curate.core.settings import Settings
from curate.store import Store

if TYPE_CHECKING:
    from curate.certification.run import CertificationOptions
    from curate.workflows.night_certify import NightCertification
    from curate.workflows.problem import Problem

log = logging.getLogger(__name__)


def certify_sample(
    store: Store, settings: Settings, share: float, options: "CertificationOptions"
) -> "tuple[NightCertification | None, Problem | None]":
    """Certify a sample, and print the drift; an error is a problem of the night."""
    from curate.workflows.night_certify import certify_night
    from curate.workflows.problem import Problem

    try:
        with show_work("certifying"):
            done = certify_night(store, settings, share, options)
    except Exception as error:
        problem = Problem.of(error)
        err_console.print(f"ERROR certification: {problem.message}", markup=False, soft_wrap=True)
        log.debug("certification: the traceback", exc_info=error)
        return None, problem
    for it in done.drift:
        err_console.print(f"DRIFT {it['message']}", markup=False, soft_wrap=True)
    return done, done.problem
