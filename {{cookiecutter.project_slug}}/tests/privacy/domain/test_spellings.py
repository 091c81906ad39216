"""Which texts hold a name, by the expression that an erasure looks for."""

import re

import pytest

from app.privacy.domain.spellings import pattern_of, words_of


def holds(name: str, text: str) -> bool:
    """As the database is asked: in any case of the letters."""
    return re.search(pattern_of(name), text, re.IGNORECASE) is not None


@pytest.mark.parametrize(
    "text",
    [
        "Ada Quill",
        "ADA quill",
        "(Ada Quill)",
        "ada  \t quill",
        "Ada\u00a0Quill",
        "Ada\u3000Quill",
        "Ada\u200bQuill",
        "Ada\nQuill",
        "Ada\\nQuill",
        "Ada\\tQuill",
        "Ada\\rQuill",
        "Ada\\u00a0Quill",
        "Ada\\u202fQuill",
        "Ada\\u3000Quill",
        "Ada%20Quill",
        "Ada%C2%A0Quill",
        "ada+quill",
        "Ada&nbsp;Quill",
        "Ada&#160;Quill",
        "Ada&#0160;Quill",
        "Ada&#xa0;Quill",
        "Ada&#x00A0;Quill",
        "Ada<br>Quill",
        "Ada<br/>Quill",
        "Ada<br  />Quill",
        "_Ada_ **Quill**",
        "ada_quill.pdf",
        "~~Ada~~ `Quill`",
        "Ada, that is Ada <br>\n&nbsp; Quill",
        "A\u00adda Qu\u200bill",
        "A\u2060da Quill\ufeff",
        "Ada Qu-\nill",
        "Ada Qu\u2010\nill",
        "Ａｄａ Ｑｕｉｌｌ",
        "Ada's friend, Ada Quill's",
    ],
)
def test_a_name_is_found_whatever_stands_between_its_letters_and_words(text: str) -> None:
    assert holds("Ada Quill", text)
    assert holds("\u200bAda \u00a0 _ Quill\u00ad", text), "the name itself may be written so, too"


@pytest.mark.parametrize(
    "text",
    [
        "Adam Quill",
        "Ada Quills",
        "Nada Quill",
        "4Ada Quill",
        "Ada Quill7",
        "Ada Quilĺ",
        "Ada Quill\u0301",
        "Ada-Quill",
        "Ada, Quill",
        "AdaQuill",
        "Ada Quil",
        "Quill Ada",
        "Ada and Quill",
        "A-da Quill",
        "Ada Qu ill",
    ],
)
def test_another_name_is_not_found(text: str) -> None:
    assert not holds("Ada Quill", text)


SPELLINGS = {
    "Zoë": [
        "Zoe\u0308",
        "ZOË",
        "ZOE\u0308",
        "Zo\\u00eb",
        "Zo&euml;",
        "Zo&#235;",
        "Zo&#0235;",
        "Zo&#xeb;",
        "Zo%C3%AB",
        "Zo\\u00EB",
    ],
    "Zoe\u0308": ["Zoë", "Zo&#235;"],
    "Ớng": ["O\u031b\u0301ng", "Ơ\u0301ng", "ớng"],
    "O'Brien": [
        "O\u2019Brien",
        "O\u2018Brien",
        "O\u02bcbrien",
        "O`Brien",
        "O\u00b4Brien",
        "O&apos;Brien",
        "O&#39;Brien",
        "O%27Brien",
        "O\\'Brien",
        "O\uff07Brien",
        "O&rsquo;Brien",
    ],
    "Jean-Luc": [
        "Jean\u2010Luc",
        "Jean\u2011Luc",
        "Jean\u2013Luc",
        "Jean\u2212Luc",
        "Jean-\nLuc",
        "Jean-\\nLuc",
        "JEAN\uff0dLUC",
        "Jean%2DLuc",
        "Jean&#45;Luc",
    ],
    'the "Ace"': ["the “Ace”", "the „Ace“", "the «Ace»", 'the \\"Ace\\"', "the &quot;Ace&quot;", "the %22Ace%22"],
    "Griffith": ["Griﬃth", "Griﬀith", "Grifﬁth", "GRIFFITH", "Griffith"],
    "Wolff": ["Wolﬀ", "WOLFF", "Wol\u200bﬀ"],
    "Shuffle": ["Shuﬄe", "Shuﬀle", "Shufﬂe"],
    "Fifield": ["Fiﬁeld", "ﬁﬁeld", "Fi\u200bfi\u200beld"],
    "Griﬃth": ["Griffith", "Griﬀith"],
    "Strauß": ["strauß", "STRAUSS", "Strau&szlig;", "Strau%C3%9F", "Strau\\u00df"],
    "a&b": ["a&amp;b", "a&#38;b", "a&#x26;b", "a%26b", "a\\&b", "a\uff06b"],
    "x+y": ["x%2By", "x+y", "x\uff0by"],
    "山田": ["山田", "\\u5c71\\u7530", "&#23665;&#30000;", "山\u200b田", "%E5%B1%B1%E7%94%B0"],
    "Ａｄａ": ["Ada", "ADA"],
}


@pytest.mark.parametrize(("name", "texts"), SPELLINGS.items())
def test_a_character_is_found_in_each_way_that_it_is_written(name: str, texts: list[str]) -> None:
    missed = [text for text in texts if not holds(name, f"by {text}, they say")]
    assert not missed


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Zoë", "Zoe"),
        ("Zoe", "Zoë"),
        ("a.b", "axb"),
        ("x|y", "x"),
        ("(x)", "x"),
        ("Jean-Luc", "JeanLuc"),
        ("Jean-Luc", "Jean- Luc"),
        ("O'Brien", "O-Brien"),
        ("Jean-Luc", "Je-\nan-Luc"),
        ("[x]", "x"),
        ("a&b", "a&\nb"),
        ("Griffith", "Grifith"),
    ],
)
def test_what_looks_similar_is_not_the_same(name: str, text: str) -> None:
    assert not holds(name, f"by {text} they say")


def test_a_name_that_begins_or_ends_with_a_sign_may_stand_within_a_word() -> None:
    assert holds("@ada", "mail@ada")
    assert holds("ada@", "ada@mail")
    assert not holds("@ada", "mail@adam")


def test_the_words_of_a_name_are_those_that_are_seen() -> None:
    assert words_of(" Ada\u00a0 _ * Qu\u200bill \u3000 %20 ") == ["Ada", "Quill"]
    assert words_of("Zoe\u0308 ﬁx") == ["Zoë", "fix"]
    assert words_of("* _ ~ &nbsp; <br>") == []


def test_the_expression_of_plain_letters_stays_short() -> None:
    """The database holds it against every text that is stored."""
    assert len(pattern_of("Ada Quill")) < 1000
