from collections.abc import Iterator

from benchmarks.made_documents import MadeDocument
from benchmarks.made_documents.prose import Prose

_HEAD = (
    r"{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0\fcharset0 Arial;}{\f1\fcharset204 Times;}}"
    r"{\stylesheet{\s0 Normal;}{\s1 heading 1;}}{\*\generator x;}"
)


def make(count: int, seed: int) -> Iterator[MadeDocument]:
    for number in range(count):
        prose, words = Prose(seed + number), []
        body = []
        for _ in range(prose.random.randint(4, 30)):
            form, text = prose.random.choice(_FORMS), prose.sentence()
            body.append(form.replace("TEXT", _escaped(prose, text)))
            words.append(text)
        if prose.chance(0.3):
            body.append(rf"\pard 10{{\super {number % 10}}} pier\par ")
            words.append(f"10{number % 10} pier")
        if prose.chance():
            table = prose.table(4, 3)
            words += [cell for row in table for cell in row]
            rows = ("".join(f"{_escaped(prose, cell)}\\cell " for cell in row) for row in table)
            body += [rf"\trowd\cellx1\cellx2\cellx3\pard\intbl {row}\row" for row in rows]
        data = f"{_HEAD}{''.join(body)}}}".encode("ascii")
        yield MadeDocument(f"letter-{number}.rtf", data, " ".join(words))


def _escaped(prose: Prose, text: str) -> str:
    pieces = []
    for letter in text:
        if letter.isascii():
            pieces.append(letter)
        elif ord(letter) < 256 and prose.chance():
            pieces.append(f"\\'{ord(letter):02x}")
        else:
            code = ord(letter)
            pieces.append(f"\\u{code - 65_536 if code > 32_767 else code}?")
    return "".join(pieces)


_FORMS = (
    r"\pard\plain TEXT\par ",
    r"\pard\s1 TEXT\par ",
    r"\pard{\b TEXT}{\v secret words}\par ",
    r"\pard{\field{\*\fldinst HYPERLINK x}{\fldrslt TEXT}}\par ",
    r"\pard{\listtext\tab}TEXT\par ",
    r"\pard x\chftn{\footnote\chftn  TEXT}\par ",
    r"\pard{\shp{\*\shpinst{\sp{\sn a}{\sv b}}{\shptxt TEXT\par}}}\par ",
    r"\pard{\*\bkmkstart a}TEXT{\*\bkmkend a}{\pict\pngblip 00ff}\par ",
)
