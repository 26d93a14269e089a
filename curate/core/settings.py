"""Settings. Precedence: flags, environment variables (CURATE_…), `curate.toml`, defaults."""

import difflib
import hashlib
import os
import socket
import tomllib
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from curate.builders.settings import BuildSettings
from curate.core.errors import ConfigurationError
from curate.core.files import parse_toml, require_ordinary_file

CONFIG_FILE = Path("curate.toml")
ENV_PREFIX = "CURATE_"


def _default_cache_dir() -> Path:
    from platformdirs import user_cache_path

    return user_cache_path("curate")


class Settings(BaseModel):
    """All settings; each is a key of `curate.toml` and an environment variable CURATE_<NAME>."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    data_dir: Path = Path("data")  # store, mirrors, releases
    cache_dir: Path = Field(default_factory=_default_cache_dir)
    mirrors_dir: Path | None = None  # bare repositories `owner__name.git`; default data/mirrors
    recipes_dir: Path | None = None  # extra recipes; they override the built-in ones
    github_api_url: str = "https://api.github.com"
    # seconds that GitHub, the Hub, the engine and registries may be silent before they are given up
    network_timeout: float = Field(default=30, gt=0, le=3600)
    # hosts besides GitHub's whose repositories may be cloned as submodules
    submodule_hosts: str = "github.com gitlab.com bitbucket.org codeberg.org"
    base_image: str = BuildSettings.base_image
    python_install_dir: Path | None = None
    ca_bundle: Path | None = None
    index_url: str = ""
    docker_cli: str = ""
    container_runtime: str = ""
    images_dir: Path | None = None  # exported images; default data/images
    image_namespace: str = BuildSettings.image_namespace
    layer_cache_registry: str = ""  # registry in which environment layers are shared
    shared_files: str = ""  # where the workers of a cluster get mirrors; any URL of fsspec
    min_free_disk_gib: float = 4
    image_disk_limit_gib: float = Field(default=0, ge=0)  # images and build cache; 0 = no limit
    keep_unpushed_images: bool = True  # whether verified images stay until they are pushed
    release_filters: str = "default"  # preset or TOML file: which rows a release excludes
    signing_key: Path | None = None  # minisign secret key that signs certificates of releases
    verification_key: Path | None = None  # minisign public key that certificates must be signed by

    @field_validator("*", mode="before")
    @classmethod
    def refuse_nul(cls, value: object) -> object:
        """No path, address or name holds a NUL; the system calls that take them say so badly."""
        if isinstance(value, str) and "\0" in value:
            raise ValueError("contains a NUL character")
        return value

    @property
    def effective_mirrors_dir(self) -> Path:
        """Directory of the bare repositories."""
        return self.mirrors_dir or self.data_dir / "mirrors"

    @property
    def effective_images_dir(self) -> Path:
        """Directory of exported images; it need not exist."""
        return self.images_dir or self.data_dir / "images"

    @property
    def drafted_recipes_dir(self) -> Path:
        """Directory of drafted recipes, for repositories without any other; it need not exist."""
        return self.data_dir / "recipes"

    def build_settings(self) -> BuildSettings:
        """Return the settings of the `builders` package."""
        return BuildSettings(
            cache_dir=self.cache_dir.absolute(),
            base_image=self.base_image,
            python_install_dir=self.python_install_dir,
            ca_bundle=self.ca_bundle,
            index_url=self.index_url,
            docker_cli=self.docker_cli,
            container_runtime=self.container_runtime,
            image_namespace=self.image_namespace,
            layer_cache_registry=self.layer_cache_registry,
            min_free_disk_bytes=int(self.min_free_disk_gib * 2**30),
            image_disk_limit_bytes=int(self.image_disk_limit_gib * 2**30),
            images_dir=self.effective_images_dir,
            run_owner=self.run_owner,
            network_timeout=self.network_timeout,
        )

    @property
    def run_owner(self) -> str:
        """Label of sandboxes started for this data directory on this machine."""
        place = f"{socket.gethostname()}:{self.data_dir.resolve()}"
        return hashlib.sha256(place.encode()).hexdigest()[:16]


def read_settings(
    flags: Mapping[str, object],
    environment: Mapping[str, str] = os.environ,
    file: Path = CONFIG_FILE,
) -> Settings:
    """Merge flags, environment variables and the configuration file.

    Raises ConfigurationError for an unknown key in the file and for an invalid value.
    """
    values = _read_file_settings(file) | _read_env_settings(environment)
    values |= {key: value for key, value in flags.items() if value is not None}
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise _explain_error(error) from error


def _read_file_settings(file: Path) -> dict[str, object]:
    if not file.exists():
        return {}
    try:
        require_ordinary_file(file)
        return parse_toml(file.read_text(encoding="utf-8"))
    except PermissionError:
        raise
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        hint = "It is a TOML file in UTF-8; docs/settings.md lists its keys."
        raise ConfigurationError(f"{file} cannot be read: {error}.", hint=hint) from error


def _read_env_settings(environment: Mapping[str, str]) -> dict[str, object]:
    names = Settings.model_fields
    found = {name: environment.get(ENV_PREFIX + name.upper(), "") for name in names}
    return {name: value for name, value in found.items() if value}


def _explain_error(error: ValidationError) -> ConfigurationError:
    first = error.errors()[0]
    key = str(first["loc"][0])
    if first["type"] != "extra_forbidden":
        return ConfigurationError(f"Invalid value for setting {key}: {first['msg']}.")
    near = difflib.get_close_matches(key, list(Settings.model_fields), n=1)
    hint = f"Perhaps you meant {near[0]!r}?" if near else "See docs/settings.md for all settings."
    return ConfigurationError(f"{CONFIG_FILE} has an unknown key {key!r}.", hint=hint)
