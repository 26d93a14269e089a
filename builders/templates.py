"""Templates of generated text, which lie beside the modules that fill them."""

import shlex
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any


def render_template(
    package: str, name: str, values: Mapping[str, object], **filters: Callable[..., object]
) -> str:
    """Fill the jinja2 template `templates/NAME` of *package*; a missing value is an error.

    Nothing is escaped: `{{ value | quote }}` makes one word of POSIX sh of a value. *filters* are
    further filters by name.
    """
    return str(_load_template(package, name, **filters).render(values))


@cache
def _load_template(package: str, name: str, **filters: Callable[..., object]) -> Any:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader(package),
        autoescape=False,  # shell and Markdown, not HTML
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"quote": shlex.quote, **filters}
    return environment.get_template(name)
