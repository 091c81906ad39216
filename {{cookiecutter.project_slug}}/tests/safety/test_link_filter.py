"""The link filter and the parser's check of permitted links, each without the other."""

import pytest

from app.safety.domain.link_hosts import LinkHosts
from app.safety.domain.output_filter.link_filter import LinkFilter, closes_its_code, outside_code
from app.safety.domain.output_filter.permitted_links import PermittedLinks

HOSTS = LinkHosts(("docs.example",))
PERMITTED = PermittedLinks(HOSTS)
OWN, EVIL = "https://docs.example/a", "https://evil.example/b"


def passed(*parts: str, known: tuple[str, ...] = ()) -> tuple[list[str], int]:
    """What is left of each part, and how many were removed."""
    links = LinkFilter(known, HOSTS)
    return [links.passes(part) for part in parts], links.removed


def test_parts_do_not_combine_to_a_link() -> None:
    for parts in (("See [here]", f"({OWN.replace('docs', 'evil')})"), ("[a]: ", "<//evil.example/x>")):
        left, removed = passed(*parts)
        assert removed >= 1, parts
        assert "evil" not in "".join(left)
    assert passed("See [here]", " and there.") == (["See [here]", " and there."], 0)


def test_two_parts_that_are_each_harmless_are_not_when_they_are_a_link_together() -> None:
    assert passed("See [here]", "(x) now.") == (["See [here]", ""], 1)
    assert passed("See [here]", "(x) now.", "It is good.") == (["See [here]", "", "It is good."], 1)
    assert passed("(x) now.", "See [here]") == (["(x) now.", "See [here]"], 0)


def test_a_link_in_what_came_before_makes_no_later_part_a_link() -> None:
    text = f"[The guide]({OWN}) is here. "
    assert passed(text, "It is long.", "It is good.") == ([text, "It is long.", "It is good."], 0)


def test_a_text_without_anything_is_nothing_that_was_removed() -> None:
    assert passed("", " \n") == (["", " \n"], 0)
    assert passed(EVIL) == ([""], 1)


@pytest.mark.parametrize(
    ("text", "known", "left"),
    [
        (f"Open {EVIL} now", (), ""),
        (f"Open {EVIL} now", (f"It is at {EVIL}.",), "Open https:/ /evil.example/b now"),
        (f"Open {EVIL} and https://other.example/c", (f"It is at {EVIL}.",), ""),
        (f"Open <{EVIL}> now", (f"It is at {EVIL}.",), "Open < https:/ /evil.example/b> now"),
        ("See ![a](&#120;)", (), ""),
        ("Ask at host.example.org", (), "Ask at host.example. org"),
        ("Ask at host.example.org.", ("It is host.example.org",), "Ask at host.example.org."),
    ],
)
def test_an_address_that_was_read_is_repeated_and_not_linked(text: str, known: tuple[str, ...], left: str) -> None:
    assert passed(text, known=known)[0] == [left]


def test_code_is_left_as_it_is_until_it_is_not_closed() -> None:
    code = "Write `[a](b)` or `<b>`."
    assert passed(code) == ([code], 0)
    assert passed("An open ` sign. ", "Write [a](b) or `<b>`.")[0][1] == "Write [a] (b) or `< b>`."
    assert passed("An open ` sign. ", "It is `<b>` there.")[0][1] == "It is `< b>` there."
    assert closes_its_code("a `b` c")
    assert not closes_its_code("a ` b")
    assert outside_code("a `b` c", str.upper) == "A `b` C"
    assert outside_code("a `b` c `d`", str.upper) == "A `b` C `d`"
    assert outside_code("`b` c", str.upper) == "`b` C"


@pytest.mark.parametrize(
    ("text", "only"),
    [
        ("no markup", True),
        (f"[a]({OWN})", True),
        (f"[a]({EVIL})", False),
        (f"![a]({OWN})", True),
        (f"![a]({EVIL})", False),
        (f"[![a]({EVIL})]({OWN})", False),
        (f"![a [b]({EVIL})]({OWN})", False),
        (f'<a href="{OWN}">x</a>', True),
        (f'<a href="{EVIL}">x</a>', False),
        (f'<img src="{OWN}" alt="x" title="y">', True),
        (f'<img src="{OWN}" onload="x">', False),
        ("<b>x</b>", True),
        ("<b onclick='x'>x</b>", False),
        ("<video>x</video>", False),
        ("<?php x ?>", False),
        (f"[a]\n\n[a]: {EVIL}", False),
    ],
)
def test_only_permitted_addresses_are_loaded_or_linked(text: str, only: bool) -> None:
    assert PERMITTED.only(text) is only


@pytest.mark.parametrize(
    ("text", "links"),
    [
        (f"[a]({OWN}) and {OWN}.", [f"[a]({OWN})", OWN]),
        (f"[![a]({OWN})]({OWN})", 2),
        (f"[[![a]({OWN})]({OWN})]({OWN})", 2),
        (f'<a href="{OWN}">x</a>', [f'<a href="{OWN}">', "</a>"]),
        (f'{OWN} <a href="{OWN}">x</a>', 3),
        (f'<img src="{OWN}"> </a>', [f'<img src="{OWN}">']),
        (f"[a]({EVIL})", []),
        (f"[a {EVIL}]({OWN})", []),
        (f"\ue000 [a]({OWN})", []),
        ("no link", []),
    ],
)
def test_the_plain_forms_of_permitted_links_are_taken_out_and_put_back(text: str, links: list[str] | int) -> None:
    rest, found = PERMITTED.extract(text)
    assert (len(found) if isinstance(links, int) else found) == links
    assert PERMITTED.restore(rest, found) == text
    assert PermittedLinks(LinkHosts()).extract(text) == (text, [])


def test_no_more_links_are_taken_out_than_there_are_signs_for_them() -> None:
    text = f"[a]({OWN}) " * 2050
    rest, found = PERMITTED.extract(text)
    assert (len(found), rest.count(OWN)) == (2048, 2)
    assert PERMITTED.restore(rest, found) == text


def test_labels_stand_for_their_links() -> None:
    assert PERMITTED.labels(f"[a]({OWN}) b ![c]({OWN}) {OWN}") == "a b c "
