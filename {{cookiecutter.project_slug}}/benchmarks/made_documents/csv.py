"""Tables as text, in the forms in which spreadsheets and programs write them, with their words."""

import csv
import random
from collections.abc import Iterator
from io import StringIO

from benchmarks.made_documents import MadeDocument

_WORDS = [
    "lamp",
    "desk",
    "berth",
    "ferry",
    "Straße",
    "œuvre",
    "паром",
    "图书馆",
    "12",
    "3,5",
    "2024",
    "-4",
    "note,",
    "with",
    "comma;",
    "or",
    "not",
    "+49",
    "30",
    "1234",
]
_NAMES = ["Name", "City", "Born", "Price", "Note", "Größe", "Цена", "2019", "2020"]


def make(count: int, seed: int) -> Iterator[MadeDocument]:
    for number in range(count):
        chance = random.Random(f"{seed}-{number}")
        width = chance.randint(1, 8)
        header = chance.sample(_NAMES, width)
        if chance.random() < 0.2:
            header[0] = ""
        rows = [[_cell(chance) for _ in range(width)] for _ in range(chance.randint(1, 300))]
        above = chance.choice([[], [], [["Report of the harbour"], []], [["# made by a tool"]]])
        out = StringIO()
        writer = csv.writer(out, delimiter=chance.choice(",;\t|"), lineterminator=chance.choice(["\n", "\r\n"]))
        writer.writerows([*above, header, *rows])
        if width > 2 and chance.random() < 0.2:
            rows = [row[: chance.randint(1, width)] if chance.random() < 0.6 else [*row, "more"] for row in rows]
            out = StringIO()
            csv.writer(out, delimiter=chance.choice(",;\t|")).writerows([*above, header, *rows])
        words = " ".join(cell for row in (*above, header, *rows) for cell in row)
        data = out.getvalue().encode(chance.choice(["utf-8", "utf-8-sig"]))
        yield MadeDocument(f"table-{number:03}.{chance.choice(['csv', 'tsv'])}", data, words)


def _cell(chance: random.Random) -> str:
    text = " ".join(chance.choices(_WORDS, k=chance.randint(0, 4)))
    return text.replace(" ", "\n", 1) if chance.random() < 0.05 else text
