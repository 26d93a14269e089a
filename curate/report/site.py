"""Pages and assets of the site: templates filled, and what they load copied beside them.

Every page works from `file://`, where a page may load scripts and stylesheets by relative address
but may fetch nothing. Nothing comes from the network; the pages' content security policy says so.
"""

import shutil
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING

from curate import __version__
from curate.report.navigation import NAVIGATION

if TYPE_CHECKING:
    import jinja2

ASSETS_FOLDER = "assets"


def render_page(template: str, *, title: str, active: str, depth: int = 0, **values: object) -> str:
    """Fill a template of this package that extends `base.html`; a missing value is an error.

    Args:
        template: Path below `templates`. What it prints is escaped, unless it is `markupsafe`
            Markup.
        title: Of the page, without the name of the site.
        active: Key of the page in `NAVIGATION`; "" if it is none of them.
        depth: Folders between the page and the root of the site. Templates write addresses as
            `{{ root }}assets/site.css`.
        values: For the template.
    """
    known = {
        "title": title,
        "active": active,
        "root": "../" * depth,
        "navigation": NAVIGATION,
        "version": __version__,
    }
    return load_templates().get_template(template).render(known | values)


@cache
def load_templates() -> "jinja2.Environment":
    """Return the templates of this package; everything they print is escaped."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("curate.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["count"] = "{:,}".format
    return environment


def write_page(folder: Path, name: str, text: str) -> None:
    """Write the page *name*, a path below the root of the site."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def write_assets(folder: Path) -> None:
    """Copy stylesheets and scripts to the folder `assets` of the site."""
    with as_file(files("curate.report").joinpath(ASSETS_FOLDER)) as assets:
        shutil.copytree(assets, folder / ASSETS_FOLDER, dirs_exist_ok=True)
