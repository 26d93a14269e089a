"""Changes to an environment that may provide what a run found missing, with their evidence.

The repository is asked first: what it declares at the base commit, in the pull request, and a
little later. Then the table of providers, and last the distribution that has the module's name.
What is in the repository itself is never taken from the index.
"""

import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from posixpath import dirname

from packaging.requirements import Requirement as Parsed
from packaging.utils import canonicalize_name
from packaging.version import Version

from curate.environments.declarations import find_variable
from curate.environments.evidence import RepositoryEvidence
from curate.environments.providers import load_providers
from curate.environments.remedy import EnvironmentState, Remedy, Symptom
from curate.environments.version_remedies import VERSION_KINDS, iter_version_remedies

IMPORTLIB_SINCE = Version("6.0")  # pytest with --import-mode=importlib
IMPORTLIB_MODE = "--import-mode=importlib"
LOG_LEVEL_SINCE = Version("3.3")
LOG_LEVEL = "--log-level=INFO"
# A configuration of OpenSSL for every process of the tests, as OpenSSL 1.0.2 has it by default.
_OPENSSL_CONFIGURATION = (
    "openssl_conf = a",
    "[a]",
    "ssl_conf = b",
    "[b]",
    "system_default = c",
    "[c]",
    "MinProtocol = TLSv1",
    "MaxProtocol = TLSv1.2",
    "CipherString = DEFAULT@SECLEVEL=0",
)
OLD_TLS = (
    "printf '%s\\n' "
    + " ".join(f"'{line}'" for line in _OPENSSL_CONFIGURATION)
    + " > /tmp/openssl.cnf; export OPENSSL_CONF=/tmp/openssl.cnf"
)

_ASYNC_PLUGINS = ("pytest-asyncio", "anyio", "pytest-trio", "pytest-twisted", "pytest-aiohttp")
_STANDARD = sys.stdlib_module_names | {"distutils", "imp", "asynchat", "asyncore", "smtpd"}


def iter_remedies(
    symptom: Symptom, state: EnvironmentState, evidence: RepositoryEvidence
) -> Iterator[Remedy]:
    """Yield what may answer *symptom*, the best first; nothing if there is no answer."""
    providers, name = load_providers(), symptom.name
    if symptom.kind == "expected-module":
        yield from _find_expected(replace(symptom, kind="module"), state, evidence)
    elif symptom.kind == "expected-marker":
        marker = replace(symptom, kind="marker")
        yield from _add([providers.markers[name]], marker, state, evidence, only_named=True)
    elif symptom.kind == "expected-option":
        plugin, option = providers.find_option_plugin(name), replace(symptom, kind="option")
        yield from _add([plugin], option, state, evidence)
    elif symptom.kind == "module":
        yield from _find_module(symptom, state, evidence)
    elif symptom.kind in ("distribution", "plugin"):
        distribution = _name_of(name)
        is_own = evidence.has_files_of(distribution.replace("-", "_"))
        yield from _add([distribution], symptom, state, evidence, only_named=is_own)
    elif symptom.kind == "fixture":
        yield from _add(providers.fixtures.get(name, ()), symptom, state, evidence)
    elif symptom.kind == "async":
        yield from _add(_ASYNC_PLUGINS, symptom, state, evidence, only_named=True)
        yield from _add(_ASYNC_PLUGINS[:1], symptom, state, evidence)
    elif symptom.kind == "option":
        yield from _answer_option(symptom, state, evidence)
    elif symptom.kind in ("ini", "marker"):
        table = providers.ini if symptom.kind == "ini" else providers.markers
        yield from _add([table[name]] if name in table else [], symptom, state, evidence)
    elif symptom.kind == "pytest":
        sentence = f"required pytest>={name}: the project's configuration asks for it"
        yield Remedy(constraints=(f"pytest>={name}",), sentence=sentence)
    elif symptom.kind in VERSION_KINDS:
        yield from iter_version_remedies(symptom, state, evidence)
    else:
        yield from _change_surroundings(symptom, state, evidence)


def _find_module(
    symptom: Symptom, state: EnvironmentState, evidence: RepositoryEvidence
) -> Iterator[Remedy]:
    module = symptom.name
    if evidence.is_own_module(module):
        yield from _extend_path(module, symptom, evidence)
        return
    names = [it for it in load_providers().list_distributions(module) if it != evidence.project]
    locked = [name for name in names if state.find_version(name)]
    if locked:
        version = Symptom(kind="name", name=module, where=symptom.where)
        yield from iter_version_remedies(version, state, evidence)
        return
    yield from _add(names, symptom, state, evidence, only_named=True)
    if evidence.has_files_of(module):
        yield from _extend_path(module, symptom, evidence)
    elif _may_be_in_index(module):
        yield from _add(names, symptom, state, evidence)


def _may_be_in_index(module: str) -> bool:
    """Whether *module* is not of the standard library, or was published for older Pythons, too."""
    providers, top = load_providers(), module.partition(".")[0]
    return top not in _STANDARD or module in providers.modules or top in providers.backports


def _find_expected(
    symptom: Symptom, state: EnvironmentState, evidence: RepositoryEvidence
) -> Iterator[Remedy]:
    """Add what a file imports, before a run has missed it, if the repository names it."""
    module = symptom.name
    if module.partition(".")[0] in _STANDARD or evidence.is_own_module(module):
        return
    names = load_providers().list_distributions(module)
    if not any(map(state.find_version, names)):
        yield from _add(names, symptom, state, evidence, only_named=True)


def _extend_path(module: str, symptom: Symptom, evidence: RepositoryEvidence) -> Iterator[Remedy]:
    """Make a module of the repository importable, from each folder that has it."""
    for root in evidence.find_roots(module):
        sentence = f"added {root or 'the checkout'} to PYTHONPATH: {symptom.describe()}"
        yield Remedy(python_path=root, sentence=sentence)


def _add(
    names: Iterable[str],
    symptom: Symptom,
    state: EnvironmentState,
    evidence: RepositoryEvidence,
    *,
    only_named: bool = False,
) -> Iterator[Remedy]:
    """Add one of the distributions *names*: as the repository names it, else simply by name."""
    wanted = [name for name in names if not state.find_version(name) and name != evidence.project]
    if not wanted:
        return
    found = evidence.find_declaration(wanted)
    if found:
        yield _make_addition(found.line, symptom, found.origin)
    if only_named:
        return
    named = canonicalize_name(Parsed(found.line).name) if found else ""
    for name in wanted:
        if name != named:
            yield _make_addition(name, symptom, "named nowhere in the repository")


def _make_addition(line: str, symptom: Symptom, origin: str) -> Remedy:
    parsed = Parsed(line)
    parsed.marker = None  # the run has shown that it is needed
    sentence = f"added {parsed}: {symptom.describe()} ({origin})"
    return Remedy(requirements=(str(parsed),), sentence=sentence)


def _answer_option(
    symptom: Symptom, state: EnvironmentState, evidence: RepositoryEvidence
) -> Iterator[Remedy]:
    """Drop an option of the recipe's command; for one of the project, install its plugin."""
    option = re.split(r"[= ]", symptom.name, maxsplit=1)[0]
    plugin = load_providers().find_option_plugin(symptom.name)
    is_in_command = re.search(rf"(?<!\S){re.escape(option)}(?![\w-])", state.test_command)
    if is_in_command and plugin:
        sentence = f"dropped {option} from the test command: {plugin} is not installed"
        yield Remedy(dropped_option=option, sentence=sentence)
    if is_in_command:
        return
    yield from _add([plugin] if plugin else [], symptom, state, evidence)
    sentence = f"overrode addopts of the project: pytest has no option {option}"
    yield Remedy(arguments=("-o", "addopts="), sentence=sentence)


def _change_surroundings(
    symptom: Symptom, state: EnvironmentState, evidence: RepositoryEvidence
) -> Iterator[Remedy]:
    providers, name = load_providers(), symptom.name
    if symptom.kind == "debian-package":
        sentence = f"left out the Debian package {name}: there is none of this name"
        yield Remedy(absent=(name,), sentence=sentence)
    elif symptom.kind == "variable":
        value, origin = find_variable(evidence.base, name) or _guess_variable(name)
        if value:
            sentence = f"set {name}={value}: {symptom.describe()} ({origin})"
            yield Remedy(env_vars=((name, value),), sentence=sentence)
        return
    package = {
        "executable": providers.executables.get(name, ""),
        "library": providers.find_library_package(name),
    }.get(symptom.kind, "")
    if package:
        sentence = f"added the Debian package {package}: {symptom.describe()}"
        yield Remedy(system_packages=(package,), sentence=sentence)
    elif symptom.kind in ("import-mismatch", "duplicate-option"):
        yield from _separate_files(symptom, state)
    elif symptom.kind == "expected-tls":
        sentence = f"ran tests with TLS up to 1.2 and any key: {symptom.describe()}"
        yield Remedy(prelude=OLD_TLS, prelude_name="TLS of its time", sentence=sentence)
    elif symptom.kind == "log-level" and _has_pytest(state, LOG_LEVEL_SINCE):
        sentence = f"ran pytest with {LOG_LEVEL}: {symptom.describe()}"
        yield Remedy(arguments=(LOG_LEVEL,), sentence=sentence)


def _separate_files(symptom: Symptom, state: EnvironmentState) -> Iterator[Remedy]:
    """Import files by their paths, if pytest can; else run only those that go together."""
    is_mismatch = symptom.kind == "import-mismatch"
    if is_mismatch and _has_pytest(state, IMPORTLIB_SINCE):
        sentence = f"ran pytest with {IMPORTLIB_MODE}: {symptom.describe()}"
        yield Remedy(arguments=(IMPORTLIB_MODE,), sentence=sentence)
    folder = dirname(symptom.where)
    apart = tuple(it for it in state.test_files if f"{it}/".startswith(f"{folder}/"))
    together = tuple(it for it in state.test_files if it not in apart)
    for left_out in (apart, together) if apart and together else ():
        sentence = f"left out {', '.join(left_out)}: {symptom.describe()}"
        yield Remedy(left_out=left_out, sentence=sentence)


def _has_pytest(state: EnvironmentState, since: Version) -> bool:
    return Version(state.find_version("pytest") or "0") >= since


def _guess_variable(name: str) -> tuple[str, str]:
    """Return a value for a variable that names a folder for temporary files; "" for others."""
    is_folder = re.search(r"TE?MP", name)
    return (f"/tmp/{name.lower()}", "a folder for temporary files") if is_folder else ("", "")


def _name_of(requirement: str) -> str:
    return canonicalize_name(re.split(r"[\[<>=!~ ;]", requirement, maxsplit=1)[0])
