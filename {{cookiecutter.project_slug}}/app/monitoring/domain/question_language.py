"""The language of a question, by its script and its function words: it is too short for statistics of letters."""

import re
from collections import Counter
from unicodedata import name as unicode_name

UNKNOWN = "und"
_WORD = re.compile(r"[^\W\d_]+")
_SCRIPTS = {
    "HIRAGANA": "ja",
    "KATAKANA": "ja",
    "HANGUL": "ko",
    "CJK": "zh",
    "ARABIC": "ar",
    "HEBREW": "he",
    "GREEK": "el",
    "DEVANAGARI": "hi",
    "THAI": "th",
    "CYRILLIC": "ru",
}
_WORDS = {
    "en": """the is are what how do does can who when where which of my we for to an and if i it in on why should until
        please explain show me get""",
    "de": """der die das ist sind was wie wer wann wo welche kann ich wir für und ein eine von den dem nicht warum im zu
        mein meine muss darf soll auf mit""",
    "fr": """le la les est sont que quel quelle comment qui quand où je nous pour et un une des du de dans pourquoi
        peut""",
    "es": """el la los las es son qué que cómo quién cuándo dónde yo nosotros para y un una de del en por puedo cuál""",
    "it": """il lo gli è sono che cosa come chi quando dove io noi per e un una di del della nel perché posso quale""",
    "pt": """o a os as é são que como quem quando onde eu nós para e um uma de do da em por posso qual não""",
    "nl": """de het een is zijn wat hoe wie wanneer waar welke kan ik wij voor en van niet in op waarom mijn""",
}
_LANGUAGES = {language: frozenset(words.split()) for language, words in _WORDS.items()}
FUNCTION_WORDS = frozenset().union(*_LANGUAGES.values())
"""Of all languages that are recognised by words."""


def language_of(question: str) -> str:
    """A code of ISO 639-1, or `und`. Deterministic; a question without any known function word is `und`."""
    if script := _script_of(question):
        return script
    words = [word.lower() for word in _WORD.findall(question)]
    scores = {language: sum(word in known for word in words) for language, known in _LANGUAGES.items()}
    best = max(scores.values(), default=0)
    leaders = [language for language, score in scores.items() if score == best]
    return leaders[0] if best and len(leaders) == 1 else UNKNOWN


def _script_of(text: str) -> str:
    """The language of the script that most letters have, if it stands for one; empty for Latin letters. Beside kana,
    Chinese characters are Japanese."""
    letters = [_script(each) for each in text if each.isalpha()]
    counted = Counter(_SCRIPTS.get(each, "") for each in letters)
    if counted["ja"]:
        counted["ja"] += counted.pop("zh", 0)
    language, count = max(counted.items(), key=lambda pair: pair[1], default=("", 0))
    return language if 2 * count > len(letters) else ""


def _script(letter: str) -> str:
    """The first word of its name in Unicode, whatever its width."""
    return unicode_name(letter, "").removeprefix("HALFWIDTH ").split(" ")[0].split("-")[0]
