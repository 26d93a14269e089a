"""Settings of builds with the engine, base image and interpreters that the environment names."""

import os
from dataclasses import replace
from pathlib import Path

from curate.builders.settings import BuildSettings


def read_engine_settings(cache_dir: Path) -> BuildSettings:
    """Return the settings of the `CURATE_…` variables, with *cache_dir*; defaults without them."""
    bundle, folder = (os.environ.get(f"CURATE_{it}") for it in ("CA_BUNDLE", "PYTHON_INSTALL_DIR"))
    known = BuildSettings(
        cache_dir=cache_dir,
        ca_bundle=Path(bundle) if bundle else None,
        python_install_dir=Path(folder) if folder else None,
    )
    image = os.environ.get("CURATE_BASE_IMAGE")
    return replace(known, base_image=image) if image else known
