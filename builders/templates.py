"""Templates of generated shell scripts, which lie beside the modules that fill them."""

import shlex
from functools import cache
from typing import Any


@cache
def load_template(package: str, name: str) -> Any:
    """Return the jinja2 template `templates/NAME` of *package*; a missing variable is an error.

    `{{ value | quote }}` makes one word of POSIX sh of a value.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader(package),
        autoescape=False,  # shell, not HTML
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["quote"] = shlex.quote
    return environment.get_template(name)
