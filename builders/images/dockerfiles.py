"""Dockerfiles of all layers, rendered by pure functions: the same input gives the same text.

Layers stack as base -> python -> shared packages -> environment -> checkout -> instance. Shared
packages are large distributions that environments have in common
(`curate.builders.images.large_packages`); a checkout layer is the checkout of the oldest of several
nearby instances. Most images have neither.

The syntax is that of Docker 20.10: no heredoc, no `COPY --link`, no named contexts. Files that a
build needs and an image must not contain (uv, the CA bundle, the index URL, lock, checkout,
scripts) are in the build context, which is mounted at /mnt during a RUN. The caches of uv, ccache
and bytecode are mounted at /media and may be used by several builds at once, which all three
support. Both folders exist in every Debian image, so no empty mount point is left behind.
"""

import shlex
from collections.abc import Mapping, Sequence

from curate.builders.git.checkout import commit_step_commands
from curate.builders.images.install_packages import pytest_commands, sdist_commands
from curate.builders.lock.build_constraints import build_constraint
from curate.builders.lock.tool_dates import tool_cutoff_options
from curate.builders.model import InstanceSpec, RequirementsLock
from curate.builders.rfc3339 import format_rfc3339

CHECKOUT = "/testbed"
VENV = "/opt/venv"
PYTHON = "/opt/python"

# Tools that old source distributions and tests need, and the shared libraries of CPython prefixes.
BASE_PACKAGES = (
    "build-essential",
    "ca-certificates",
    "curl",
    "git",
    "libbz2-1.0",
    "libexpat1",
    "libffi-dev",
    "liblzma5",
    "libncursesw6",
    "libnsl2",
    "libreadline8",
    "libsqlite3-0",
    "libssl-dev",
    "libtirpc3",
    "libuuid1",
    "patch",
    "pkg-config",
    "procps",
    "tzdata",
    "zlib1g-dev",
)

# What old source distributions require for their isolated builds without an upper bound.
_BUILD_TOOLS = ("cmake", "cython", "numpy", "scikit-build", "setuptools", "setuptools-scm", "wheel")

_BUILD_CONSTRAINTS = "/tmp/build-constraints.txt"
_MOUNT_CONTEXT = "--mount=type=bind,target=/mnt"
_MOUNT_CACHE = "--mount=type=cache,id=curate-builds,target=/media"
_OWNER = "1000:1000"  # of the checkout and the environment: tests may write to both
_LOAD_BUILD_ENV = ". /mnt/build.env"
_INSTALL = f"/mnt/uv pip install --python {VENV}/bin/python"
_BUILD_SDIST = f"{VENV}/bin/python -I /mnt/build_sdist.py /mnt/uv"
_COMPILE_BYTECODE = f"{VENV}/bin/python -I /mnt/compile_bytecode.py /media"

# The prefix was built for another path. So that libpython is found, its folder is added to the
# linker's cache; in files that extension builds read, the old path is replaced. The imports check
# that all shared libraries are installed.
_RELOCATE = (
    "echo {prefix}/lib > /etc/ld.so.conf.d/python.conf && ldconfig"
    " && old=$({python} -c 'import sysconfig; print(sysconfig.get_config_var(\"LIBDIR\")[:-4])')"
    ' && for file in $(grep -rlIF "$old" {prefix}/lib/python*/_sysconfigdata*.py'
    " {prefix}/lib/python*/config-*/Makefile {prefix}/lib/pkgconfig 2>/dev/null);"
    ' do sed -i "s#$old#{prefix}#g" "$file"; done'
    " && {python} -c 'import bz2, ctypes, lzma, readline, sqlite3, ssl, zlib'"
)


def render_base(base_image: str) -> str:
    """Render the base layer: *base_image* with a compiler, git and the libraries of CPython."""
    return _join_lines(
        f"FROM {base_image}",
        "ENV LANG=C.UTF-8",
        f"RUN {_apt_install_command(BASE_PACKAGES)} && git config --system --add safe.directory '*'"
        " && useradd --uid 1000 --create-home curate",
    )


def render_python(base: str, python: str) -> str:
    """Render the python layer: *base* with the CPython prefix that is the build context."""
    relocate = _RELOCATE.format(prefix=PYTHON, python=f"{PYTHON}/bin/python{python}")
    return _join_lines(f"FROM {base}", f"COPY . {PYTHON}", f"RUN {relocate}")


def render_python_dockerignore(python: str) -> str:
    """Render the `.dockerignore` of the python layer: parts of a prefix that are not copied."""
    library = f"lib/python{python}"
    names = (f"{library}/site-packages/*", f"{library}/test", f"{library}/idlelib", "share/man")
    return "\n".join([*names, "bin/pip*", f"{library}/config-*/*.a", "lib/*.a", ""])


def render_shared_packages(
    below: str, python: str, packages: Sequence[str], *, lowest: bool
) -> str:
    """Render a layer of shared packages: *below* with the pinned *packages*.

    The *lowest* such layer creates the virtual environment.
    """
    create = (f"/mnt/uv venv --python {PYTHON}/bin/python{python} {VENV}",) if lowest else ()
    install = f"{_INSTALL} --no-deps {' '.join(packages)}"
    steps = [_LOAD_BUILD_ENV, *create, install, _COMPILE_BYTECODE, _give_to_user(VENV)]
    return _join_lines(
        f"FROM {below}", f"RUN {_MOUNT_CONTEXT} {_MOUNT_CACHE} " + " && ".join(steps)
    )


def render_environment(
    base: str,
    lock: RequirementsLock,
    *,
    system_packages: Sequence[str] = (),
    has_venv: bool = False,
) -> str:
    """Render the environment layer: system packages and a virtual environment with the lock.

    Seed packages (pip; before Python 3.12 setuptools and wheel, too) are as old as the lock's
    cutoff, or as the interpreter if that is newer (`curate.builders.lock.tool_dates`). Source
    distributions get build tools of their own dates
    (`curate.builders.images.install_packages`). Extensions are built against an old numpy if numpy
    is in the lock (`curate.builders.lock.build_constraints`).

    Args:
        base: Image to start from.
        lock: Packages to install, exactly in these versions.
        system_packages: Debian packages to install.
        has_venv: Whether *base* has shared packages, in whose virtual environment to install.
    """
    cutoff = format_rfc3339(lock.exclude_newer)
    own = "".join(f" {it}" for it in tool_cutoff_options(lock.python, lock.exclude_newer))
    old_tools = " ".join(f"--exclude-newer-package {name}={cutoff}" for name in _BUILD_TOOLS)
    if has_venv:
        seed = f"{_INSTALL} --exclude-newer {cutoff}{own} {' '.join(_seed_packages(lock.python))}"
    else:
        seed = f"/mnt/uv venv --seed --exclude-newer {cutoff}{own}"
        seed += f" --python {PYTHON}/bin/python{lock.python} {VENV}"
    install = _install_commands(build_constraint(lock), old_tools, lock)
    install += pytest_commands(lock, VENV)
    steps = [_LOAD_BUILD_ENV, seed, *install, _COMPILE_BYTECODE, _give_to_user(VENV)]
    lines = [f"FROM {base}"]
    if system_packages:
        lines.append(f"RUN {_apt_install_command(sorted(system_packages))}")
    lines.append(f"RUN {_MOUNT_CONTEXT} {_MOUNT_CACHE} " + " && ".join(steps))
    lines.append(f"ENV VIRTUAL_ENV={VENV} PATH={VENV}/bin:$PATH")
    return _join_lines(*lines)


def _install_commands(constraint: str, old_tools: str, lock: RequirementsLock) -> list[str]:
    """Return commands that install what has wheels, then build each source distribution.

    What turns out to have no wheel is built with current build tools, or else with *old_tools*.
    *constraint* bounds the builds; if all fail, the last attempt goes without it.
    """
    install = f"{_INSTALL} --no-deps -r /mnt/lock.txt"
    links = ["--find-links", "/mnt/archives"] if lock.archives else []
    if not constraint:
        builds = sdist_commands(lock, _BUILD_SDIST, links)
        return [f"{{ {install} || {install} {old_tools}; }}", *builds]
    constrained = f"{install} --build-constraints {_BUILD_CONSTRAINTS}"
    attempts = f"{constrained} || {constrained} {old_tools} || {install} {old_tools}"
    return [
        f"echo '{constraint}' > {_BUILD_CONSTRAINTS}",
        f"{{ {attempts}; }}",
        *sdist_commands(lock, _BUILD_SDIST, ["--constraint", _BUILD_CONSTRAINTS, *links]),
        f"rm {_BUILD_CONSTRAINTS}",
    ]


def _seed_packages(python: str) -> tuple[str, ...]:
    """Return the packages that `uv venv --seed` installs."""
    return ("pip",) if int(python.partition(".")[2]) >= 12 else ("pip", "setuptools", "wheel")


def render_checkout(base: str, commit: str) -> str:
    """Render the checkout layer: *base* with the checkout of *commit*, which instances update."""
    steps = f"cp -a /mnt/checkout {CHECKOUT} && chown -R {_OWNER} {CHECKOUT}"
    return _join_lines(
        f"FROM {base}", f"RUN {_MOUNT_CONTEXT} {steps}", f"LABEL curate.commit={commit}"
    )


def render_instance(base: str, spec: InstanceSpec) -> str:
    """Render the instance layer: *base* with the checkout of *spec*, installed, owned by uid 1000.

    It is one RUN, so that files changed by the install are stored once. Files of a checkout layer
    are left untouched, as even a change of owner would store them again.
    """
    copy = () if spec.checkout_layer_commit else (f"cp -a /mnt/checkout {CHECKOUT}",)
    steps = [
        _LOAD_BUILD_ENV,
        *copy,
        f"cd {CHECKOUT}",
        *_checkout_steps(spec),
        "PATH=$PATH:/mnt sh /mnt/install.sh",
        _give_to_user(CHECKOUT, VENV),
        f"{{ git update-index -q --refresh || true; }} && chown {_OWNER} .git/index",
        "rm -rf /root/.cache /tmp/*",
    ]
    variables = [f"ENV {key}={_quote_value(value)}" for key, value in sorted(spec.env_vars.items())]
    return _join_lines(
        f"FROM {base}",
        *variables,
        f"RUN {_MOUNT_CONTEXT} {_MOUNT_CACHE} " + " && ".join(steps),
        f"WORKDIR {CHECKOUT}",
        f"LABEL curate.instance={_quote_value(spec.name)} curate.commit={spec.base_commit}",
    )


def _checkout_steps(spec: InstanceSpec) -> list[str]:
    """Return commands that update a checkout layer and its submodules to those of *spec*."""
    if spec.checkout_layer_commit in ("", spec.base_commit):
        return []
    commands = [
        *commit_step_commands(spec.checkout_layer_commit, spec.base_commit, "/mnt/step.pack")
    ]
    for number, (path, (older, commit)) in enumerate(sorted(spec.moved_submodules.items())):
        commands.append(f"cd {shlex.quote(f'{CHECKOUT}/{path}')}")
        commands += commit_step_commands(older, commit, f"/mnt/step-{number}.pack")
    return [*commands, f"cd {CHECKOUT}"] if spec.moved_submodules else commands


def render_build_env(*, ca_bundle: bool, index_url: str) -> str:
    """Render the `build.env` of a context: shell variables that are set only during the build."""
    variables: Mapping[str, str] = {
        "CCACHE_DIR": "/media/ccache",
        "HOME": "/root",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_CACHE_DIR": "0",
        "PIP_ROOT_USER_ACTION": "ignore",
        "UV_CACHE_DIR": "/media",
        "UV_LINK_MODE": "copy",
        "UV_PYTHON_DOWNLOADS": "never",
    }
    if ca_bundle:
        names = ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
        variables = {**variables, **dict.fromkeys(names, "/mnt/ca.pem")}
    if index_url:
        variables = {**variables, "UV_DEFAULT_INDEX": index_url, "PIP_INDEX_URL": index_url}
    return "".join(f"export {name}={shlex.quote(text)}\n" for name, text in variables.items())


def _give_to_user(*folders: str) -> str:
    """Return a command that changes the owner of new files; touching others would store them."""
    return f"find {' '.join(folders)} ! -user 1000 -exec chown -h {_OWNER} {{}} +"


def _apt_install_command(packages: Sequence[str]) -> str:
    return (
        "apt-get update && DEBIAN_FRONTEND=noninteractive"
        " apt-get install -y --no-install-recommends "
        + " ".join(packages)
        + " && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/*-old"
        " /var/cache/ldconfig/aux-cache /var/log/apt /var/log/dpkg.log /var/log/alternatives.log"
    )


def _quote_value(value: str) -> str:
    """Quote *value* for a Dockerfile's ENV or LABEL."""
    for character in ("\\", '"', "$"):
        value = value.replace(character, "\\" + character)
    return f'"{value}"'


def _join_lines(*lines: str) -> str:
    return "\n".join(lines) + "\n"
