import pytest
from jinja2 import UndefinedError

from app.core.templates import template_environment


def test_values_are_escaped_in_every_template() -> None:
    template = template_environment("app.governance").from_string("<p>{{ name }}</p>")

    assert template.render(name="<script>") == "<p>&lt;script&gt;</p>"


def test_a_name_that_was_not_passed_is_an_error() -> None:
    template = template_environment("app.governance").from_string("{{ name }}")

    with pytest.raises(UndefinedError, match="'name' is undefined"):
        template.render()
