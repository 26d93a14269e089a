"""The program `apptainer`: its configuration for runs, and the SIF files that it makes."""

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

from curate.builders.engine.oci_layout import LayoutImage, OciLayout
from curate.builders.errors import EngineUnavailableError, SandboxError
from curate.builders.process.atomic_write import atomic_write
from curate.builders.process.temp_dirs import TEMP_DIR_VARIABLE, temp_dir

INSTALL_HINT = (
    "Install Apptainer 1.2 or newer (not its setuid variant), where the kernel lets plain users"
    " create user namespaces."
)
# What runs need and a site's own configuration may not allow: an installation without setuid takes
# another file. SIZE is in MiB, of all that a run writes outside of /curate/out.
_CONFIGURATION = """\
sessiondir max size = {size}
mount home = no
mount hostfs = no
config passwd = no
config group = no
config resolv_conf = no
"""
# gzip, which every squashfs reads, but quick: the default takes five times as long for a tenth.
_SQUASH = "-comp gzip -Xcompression-level 1"


def find_apptainer() -> str:
    """Return the path of `apptainer`; raises EngineUnavailableError if there is none."""
    found = shutil.which("apptainer")
    if not found:
        raise EngineUnavailableError("apptainer is not installed", hint=INSTALL_HINT)
    return found


@cache
def check_apptainer() -> None:
    """Raise EngineUnavailableError if this Apptainer cannot run without setuid."""
    done = subprocess.run([find_apptainer(), "buildcfg"], capture_output=True, check=False)
    if done.returncode:
        raise EngineUnavailableError(f"apptainer: {_last_line(done.stderr)}", hint=INSTALL_HINT)
    if b"APPTAINER_SUID_INSTALL=1" in done.stdout:
        raise EngineUnavailableError(
            "this apptainer is the setuid variant, which takes no limits from a plain user",
            hint=INSTALL_HINT,
        )


def write_configuration(folder: Path, size: int) -> Path:
    """Write the configuration of a run that may write *size* bytes; return its file."""
    path = folder / "apptainer.conf"
    path.write_text(_CONFIGURATION.format(size=max(size >> 20, 1)))
    return path


def build_sif(source: str, target: Path, temp_parent: Path) -> None:
    """Make the SIF file *target* of *source*, as "oci:FOLDER" or "docker://NAME".

    Raises:
        SandboxError: Apptainer failed.
        OSError: *target* cannot be written.
    """
    with atomic_write(target) as partial, temp_dir(temp_parent, "sif") as folder:
        command = [find_apptainer(), "-q", "build", "--force", "--disable-cache"]
        command += ["--mksquashfs-args", _SQUASH, str(partial), source]
        variables = os.environ | {
            "APPTAINER_TMPDIR": str(folder),
            TEMP_DIR_VARIABLE: str(folder),
        }
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, env=variables, check=False
        )
        if done.returncode:
            raise SandboxError(f"apptainer cannot build {target.name}: {_last_line(done.stderr)}")


def build_sif_of_layout(
    layout: OciLayout, image: LayoutImage, target: Path, temp_parent: Path
) -> None:
    """Make the SIF file *target* of one image of *layout*; raises as `build_sif`."""
    with temp_dir(temp_parent, "layout") as folder:
        layout.write_view(image, folder)
        build_sif(f"oci:{folder}", target, temp_parent)


def _last_line(text: bytes) -> str:
    lines = text.decode("utf-8", "replace").strip().splitlines()
    return lines[-1].removeprefix("FATAL:").strip() if lines else "it ended without a word"
