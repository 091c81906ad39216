"""Sentences and small tables in several languages, the same for the same seed."""

from random import Random

_WORDS = {
    "en": "harbour lamp keeper berth crane fee notice week officer rope tower storm ledger stamp pier boat night oil",
    "de": "Hafen Lampe Wärter Liegeplatz Kran Gebühr Frist Woche Behörde Seil Turm Sturm Straße Größe Brücke Öl",
    "fr": "port lampe gardien quai grue délai semaine événement corde tour tempête façade élève hôtel règlement",
    "ru": "порт лампа смотритель причал кран пошлина срок неделя башня буря мост лодка ночь масло",
    "zh": "港口 灯塔 看守 泊位 吊车 费用 期限 星期 绳索 风暴 桥梁 船只",
}


class Prose:
    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.language = self.random.choice(list(_WORDS))
        self._vocabulary = _WORDS[self.language].split()

    def words(self, count: int) -> str:
        return " ".join(self.random.choice(self._vocabulary) for _ in range(count))

    def sentence(self) -> str:
        return f"{self.words(self.random.randint(4, 14)).capitalize()}."

    def paragraph(self) -> str:
        return " ".join(self.sentence() for _ in range(self.random.randint(1, 5)))

    def title(self) -> str:
        return self.words(self.random.randint(1, 4)).capitalize()

    def table(self, rows: int, columns: int) -> list[list[str]]:
        """A table with a header, each of whose names is another."""
        names = [f"{self.words(1)} {column + 1}" for column in range(columns)]
        return [names, *([self.words(self.random.randint(1, 3)) for _ in range(columns)] for _ in range(rows))]

    def chance(self, share: float = 0.5) -> bool:
        return self.random.random() < share
