from app.adapters.parsers.builder import TextBuilder, squeeze
from app.adapters.parsers.sheet_rows import Row, write_rows


class RtfTable:
    """The rows of a table, which RTF marks by words between its cells."""

    def __init__(self) -> None:
        self.in_row = False
        self._rows: list[tuple[int, Row]] = []
        self._cells: Row = {}
        self._column = 0
        self._merged: list[bool] = []
        self._merges = False

    def define(self, word: bytes) -> bool:
        """Take a word that defines a row; False for another one."""
        if word == b"trowd":
            self._merged.clear()
        elif word == b"clvmrg":
            self._merges = True
        elif word == b"cellx":
            self._merged.append(self._merges)
            self._merges = False
        elif word == b"intbl":
            self.in_row = True
        else:
            return False
        return True

    def end_cell(self, text: str) -> None:
        if text := squeeze(text):
            self._cells[self._column] = text
        self._column += 1
        self.in_row = True

    def end_row(self) -> None:
        above = self._rows[-1][1] if self._rows else {}
        for column, merged in enumerate(self._merged):
            if merged and column in above and column not in self._cells:
                self._cells[column] = above[column]
        self._rows.append((len(self._rows), self._cells))
        self._cells, self._column, self.in_row = {}, 0, False

    def write(self, builder: TextBuilder) -> None:
        """Write what was read, and begin anew."""
        if self._cells:
            self.end_row()
        write_rows(builder, self._rows)
        self._rows = []
