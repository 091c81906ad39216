"""Which cells of a table a spreadsheet would evaluate. Notes and telephone numbers begin with the same signs."""

import re
import unicodedata

SIGNS = frozenset("=+-@＝＋－＠")
"""What a formula begins with."""
_NO_EQUATION = re.compile(r"=\s*(?:[=<>~]|$)")
_OPERATOR = re.compile(r"[+*/^&(!|<>{]|\s-\s")
_START = r"(?:^[-+@=\s(]*|[-+*/^&=,(]\s*)"
_PROGRAMS = "cmd|command|powershell|pwsh|mshta|msexcel|winword|rundll32|regsvr32|wscript|cscript|certutil|calc|soffice"
_DDE = re.compile(rf"{_START}'?(?:(?:{_PROGRAMS})(?:\.exe)?'?\||[A-Z_][\w.]*'?\|[^|]*!)", re.IGNORECASE)
_FUNCTIONS = (
    "abs and arrayformula average call cell char choose code concat concatenate count counta countif date dde ddeauto"
    " evaluate exec filter filterxml find googlefinance hyperlink if iferror ifs image importdata importfeed importhtml"
    " importrange importxml index indirect info int isblank iserror left len lookup lower match max mid min mod not now"
    " offset or pi power product query rand register rept right round row rtd search sqrt substitute sum sumif sumifs"
    " sumproduct text textjoin time today trim upper value vlookup webservice xlookup year"
)
_KNOWN = frozenset(_FUNCTIONS.split())
_CALL = re.compile(
    rf"{_START}(?P<name>[A-Z][A-Z0-9.]*)\((?:[^()]|\([^()]*\))*(?:\)\s*(?:$|[-+*/^&=<>%,])|$)", re.IGNORECASE
)
_REFERENCE = r"(?:'[^']+'!|\w+!)?\$?[A-Z]{1,3}\$?[1-9]\d{0,6}(?::\$?[A-Z]{1,3}\$?\d{1,7})?"
_OPERAND = rf"[-+(\s]*(?:{_REFERENCE}|\d+(?:[.,]\d+)?%?)[)\s]*"
_REFERENCES = re.compile(rf"[-+@](?=\S)(?=.*[A-Z]){_OPERAND}(?:[-+*/^&,]{_OPERAND})*", re.IGNORECASE)
_MAX_CHARACTERS = 2_000


def is_formula(cell: str) -> bool:
    """Whether the cell begins like a formula, and goes on with a function, a reference or a call of another program."""
    start = cell.lstrip()[:1]
    if start not in SIGNS:
        return False
    text = unicodedata.normalize("NFKC", cell[:_MAX_CHARACTERS]).strip()
    if text[0] == "=":
        return _is_equation(text)
    if _DDE.search(text) or _REFERENCES.fullmatch(text):
        return True
    if re.match(r"[-+@\s]+=", text):
        return _is_equation(text.lstrip("-+@ \t"))
    bullet = text[1:2].isspace()
    return any(_is_call(match["name"], bullet=bullet) for match in _CALL.finditer(text))


def _is_equation(text: str) -> bool:
    """Not "=> next", nor "= as above": a few words are no expression."""
    if _NO_EQUATION.match(text):
        return False
    return len(text[1:].split()) < 2 or bool(_OPERATOR.search(text[1:]))


def _is_call(name: str, *, bullet: bool) -> bool:
    return name.lower() in _KNOWN or (name.isupper() and len(name) > 1 and not bullet)
