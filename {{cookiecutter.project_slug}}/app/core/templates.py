"""Jinja2 templates of a package. Every value is escaped unless it is Markup."""

from functools import lru_cache

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape


@lru_cache
def template_environment(package: str) -> Environment:
    """The templates in the folder `templates` of a package, such as 'app.governance'.

    Escaping is on for .html and for a template made from a string. A name that was not passed is an error.
    """
    return Environment(
        loader=PackageLoader(package),
        autoescape=select_autoescape(default_for_string=True, default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
