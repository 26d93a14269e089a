"""The environment variables of builds on this machine."""

import os
from pathlib import Path

from curate.builders.python.install import find_uv
from curate.builders.settings import BuildSettings


def build_variables(settings: BuildSettings, cache: Path) -> dict[str, str]:
    """Return this process's variables, without those that change what a build installs."""
    excluded_prefixes = ("PIP_", "UV_", "PYTHON", "VIRTUAL_ENV", "GIT_", "SETUPTOOLS_", "CONDA_")
    inherited = {
        name: text for name, text in os.environ.items() if not name.startswith(excluded_prefixes)
    }
    inherited |= {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_CACHE_DIR": "0",
        # Separate from the cache of lock resolution, whose builds use any numpy version.
        "UV_CACHE_DIR": str(cache / "builds"),
        "UV_NO_CONFIG": "1",
        "UV_PYTHON_DOWNLOADS": "never",
    }
    if settings.ca_bundle:
        names = ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
        inherited |= dict.fromkeys(names, str(settings.ca_bundle.resolve()))
    if settings.index_url:
        inherited |= {"UV_DEFAULT_INDEX": settings.index_url, "PIP_INDEX_URL": settings.index_url}
    return inherited


def extend_path(extra: dict[str, str]) -> dict[str, str]:
    """Return PATH with the environment's programs first and uv's folder last."""
    first = [f"{extra['VIRTUAL_ENV']}/bin"] if "VIRTUAL_ENV" in extra else []
    return {"PATH": os.pathsep.join([*first, *os.get_exec_path(), str(Path(find_uv()).parent)])}
