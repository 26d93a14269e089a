"""Text of the Dockerfile of every layer: pure functions, the same input gives the same text.

Layers stack as base -> python -> parts -> environment -> tree -> instance, where parts are large
distributions that environments share (`builders.images.large_packages`), and a tree is the checkout
of the oldest of neighbouring instances; most do without the one or the other. The dialect is that
of Docker 20.10: no heredoc, no `COPY --link`, no named contexts. What a build needs but an image
must not keep (uv, the CA bundle, the index's address, lock, checkout, scripts) lies in the context,
which is mounted at /mnt for the time of one RUN; the caches of uv, ccache and bytecode are mounted
at /media, for several builds at once: all three are made for that. Both folders exist in every
Debian, so not even an empty mount point is left behind.
"""

import shlex
from collections.abc import Mapping, Sequence

from builders.git.checkout import commit_step_commands
from builders.lock.build_constraints import build_constraint
from builders.model import InstanceSpec, RequirementsLock
from builders.rfc3339 import format_rfc3339

CHECKOUT = "/testbed"
VENV = "/opt/venv"
PYTHON = "/opt/python"

# Tools that old sdists and tests expect, and the shared libraries that CPython prefixes need.
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

# What isolated builds of old source distributions ask for without an upper bound.
_BUILD_TOOLS = ("cmake", "cython", "numpy", "scikit-build", "setuptools", "setuptools-scm", "wheel")

_BOUND = "/tmp/build-bound.txt"
_CONTEXT = "--mount=type=bind,target=/mnt"
_CACHE = "--mount=type=cache,id=curate-builds,target=/media"
_SETTINGS = ". /mnt/build.env"
_INSTALL = f"/mnt/uv pip install --python {VENV}/bin/python"
_BYTECODE = f"{VENV}/bin/python -I /mnt/compile_bytecode.py /media"

# The prefix was made for another path: its libpython is found by the linker's cache, and the paths
# that extension builds read are those of the copy.
_RELOCATE = (
    "echo {prefix}/lib > /etc/ld.so.conf.d/python.conf && ldconfig"
    " && old=$({python} -c 'import sysconfig; print(sysconfig.get_config_var(\"LIBDIR\")[:-4])')"
    ' && for file in $(grep -rlIF "$old" {prefix}/lib/python*/_sysconfigdata*.py'
    " {prefix}/lib/python*/config-*/Makefile {prefix}/lib/pkgconfig 2>/dev/null);"
    ' do sed -i "s#$old#{prefix}#g" "$file"; done'
    " && {python} -c 'import bz2, ctypes, lzma, readline, sqlite3, ssl, zlib'"
)


def render_base(base_image: str) -> str:
    """Operating system with a compiler, git and what CPython needs."""
    return _join_lines(
        f"FROM {base_image}",
        "ENV LANG=C.UTF-8",
        f"RUN {_apt_install_command(BASE_PACKAGES)} && git config --system --add safe.directory '*'"
        " && useradd --uid 1000 --create-home curate",
    )


def render_python(base: str, python: str) -> str:
    """*base* with the CPython prefix that is the build context, at a path of its own."""
    relocate = _RELOCATE.format(prefix=PYTHON, python=f"{PYTHON}/bin/python{python}")
    return _join_lines(f"FROM {base}", f"COPY . {PYTHON}", f"RUN {relocate}")


def render_python_dockerignore(python: str) -> str:
    """`.dockerignore` of the python layer: what of a prefix is not copied."""
    library = f"lib/python{python}"
    names = (f"{library}/site-packages/*", f"{library}/test", f"{library}/idlelib", "share/man")
    return "\n".join([*names, "bin/pip*", f"{library}/config-*/*.a", "lib/*.a", ""])


def render_shared_packages(
    below: str, python: str, packages: Sequence[str], *, lowest: bool
) -> str:
    """*below* with pinned *packages* in the virtual environment, which the *lowest* part makes."""
    made = (f"/mnt/uv venv --python {PYTHON}/bin/python{python} {VENV}",) if lowest else ()
    steps = [_SETTINGS, *made, f"{_INSTALL} --no-deps {' '.join(packages)}", _BYTECODE]
    return _join_lines(f"FROM {below}", f"RUN {_CONTEXT} {_CACHE} " + " && ".join(steps))


def render_environment(
    base: str,
    lock: RequirementsLock,
    *,
    system_packages: Sequence[str] = (),
    has_venv: bool = False,
) -> str:
    """*base* with system packages and a virtual environment that holds exactly the lock's packages.

    The seeds (pip, and setuptools and wheel before Python 3.12) are those of the lock's cut-off.
    Source distributions that no longer build with today's tools get those of the cut-off, too.
    Extensions are built against an old numpy, where it is in the lock
    (`builders.lock.build_constraints`). Where parts have *has_venv* the environment, it is gone on
    with.
    """
    cutoff = format_rfc3339(lock.exclude_newer)
    dated = " ".join(f"--exclude-newer-package {name}={cutoff}" for name in _BUILD_TOOLS)
    if has_venv:
        seeded = f"{_INSTALL} --exclude-newer {cutoff} {' '.join(_seed_packages(lock.python))}"
    else:
        seeded = f"/mnt/uv venv --seed --exclude-newer {cutoff}"
        seeded += f" --python {PYTHON}/bin/python{lock.python} {VENV}"
    steps = [_SETTINGS, seeded, *_install_commands(build_constraint(lock), dated), _BYTECODE]
    lines = [f"FROM {base}"]
    if system_packages:
        lines.append(f"RUN {_apt_install_command(sorted(system_packages))}")
    lines.append(f"RUN {_CONTEXT} {_CACHE} " + " && ".join(steps))
    lines.append(f"ENV VIRTUAL_ENV={VENV} PATH={VENV}/bin:$PATH")
    return _join_lines(*lines)


def _install_commands(bound: str, dated: str) -> list[str]:
    """Commands that install the lock: with today's build tools, or else with *dated* ones."""
    install = f"{_INSTALL} --no-deps -r /mnt/lock.txt"
    if not bound:
        return [f"{{ {install} || {install} {dated}; }}"]
    bounded = f"{install} --build-constraints {_BOUND}"
    tries = f"{bounded} || {bounded} {dated} || {install} {dated}"
    return [f"echo '{bound}' > {_BOUND}", f"{{ {tries}; }}", f"rm {_BOUND}"]


def _seed_packages(python: str) -> tuple[str, ...]:
    """What `uv venv --seed` puts into an environment."""
    return ("pip",) if int(python.partition(".")[2]) >= 12 else ("pip", "setuptools", "wheel")


def render_checkout(base: str, commit: str) -> str:
    """*base* with the checkout of *commit*, for instances that are a small step from it."""
    steps = f"cp -a /mnt/checkout {CHECKOUT} && chown -R 1000:1000 {CHECKOUT}"
    return _join_lines(f"FROM {base}", f"RUN {_CONTEXT} {steps}", f"LABEL curate.commit={commit}")


def render_instance(base: str, spec: InstanceSpec) -> str:
    """*base* with the checkout of *spec*, installed; the checkout belongs to uid 1000.

    One RUN, so files that the install changes are stored once. Files of a tree layer are left
    untouched: changing as little as an owner would store them again.
    """
    made = () if spec.checkout_layer_commit else (f"cp -a /mnt/checkout {CHECKOUT}",)
    steps = [
        _SETTINGS,
        *made,
        f"cd {CHECKOUT}",
        *_checkout_steps(spec),
        "PATH=$PATH:/mnt sh /mnt/install.sh",
        f"find {CHECKOUT} ! -user 1000 -exec chown -h 1000:1000 {{}} +",
        "{ git update-index -q --refresh || true; } && chown 1000:1000 .git/index",
        "rm -rf /root/.cache /tmp/*",
    ]
    variables = [f"ENV {key}={_quote_value(value)}" for key, value in sorted(spec.env_vars.items())]
    return _join_lines(
        f"FROM {base}",
        *variables,
        f"RUN {_CONTEXT} {_CACHE} " + " && ".join(steps),
        f"WORKDIR {CHECKOUT}",
        f"LABEL curate.instance={_quote_value(spec.name)} curate.commit={spec.base_commit}",
    )


def _checkout_steps(spec: InstanceSpec) -> list[str]:
    """Commands that make the checkout of a tree layer, and its submodules, those of *spec*."""
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
    """`build.env` of a context: shell variables that hold during the build only."""
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


def _apt_install_command(packages: Sequence[str]) -> str:
    return (
        "apt-get update && DEBIAN_FRONTEND=noninteractive"
        " apt-get install -y --no-install-recommends "
        + " ".join(packages)
        + " && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/*-old"
        " /var/cache/ldconfig/aux-cache /var/log/apt /var/log/dpkg.log /var/log/alternatives.log"
    )


def _quote_value(value: str) -> str:
    """Spelling of *value* in a Dockerfile's ENV or LABEL."""
    for character in ("\\", '"', "$"):
        value = value.replace(character, "\\" + character)
    return f'"{value}"'


def _join_lines(*lines: str) -> str:
    return "\n".join(lines) + "\n"
