"""How the columns of a table differ from those of another one."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

_ALIKE = 0.6


@dataclass(frozen=True, slots=True)
class ColumnChange:
    """renamed: names before and after. The order of columns does not count."""

    added: tuple[str, ...]
    missing: tuple[str, ...]
    renamed: tuple[tuple[str, str], ...]

    @classmethod
    def between(cls, before: Sequence[str], after: Sequence[str]) -> "ColumnChange":
        """A column that is missing was renamed if a new one has a similar name, or alone stands in its place."""
        missing = [name for name in before if name not in set(after)]
        added = [name for name in after if name not in set(before)]
        renamed = []
        for name in list(missing):
            new = _new_name(name, before, after, added)
            if new is not None:
                renamed.append((name, new))
                missing.remove(name)
                added.remove(new)
        return cls(tuple(added), tuple(missing), tuple(renamed))

    @property
    def size(self) -> int:
        """How many columns differ."""
        return len(self.added) + len(self.missing) + len(self.renamed)


def _new_name(name: str, before: Sequence[str], after: Sequence[str], added: Sequence[str]) -> str | None:
    folded = {each.casefold(): each for each in added}
    if close := get_close_matches(name.casefold(), folded, 1, _ALIKE):
        return folded[close[0]]
    place = before.index(name)
    if len(before) == len(after) and after[place] in added:
        return after[place]
    return None
