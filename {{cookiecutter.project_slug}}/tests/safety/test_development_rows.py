"""The development rows of the output filter: every leak and link is stopped, and no harmless answer is changed."""

import json

import pytest

from benchmarks.output_filter import BEFORE, DATA, FIRST, is_right, released

ROWS = [json.loads(line) for line in DATA.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("label", ["leak", "exfil", "ok"])
def test_every_row_is_treated_rightly_whole_and_sign_by_sign(label: str) -> None:
    rows = [row for row in ROWS if row["label"] == label]
    assert len(rows) >= 10
    for row in rows:
        text = f"{FIRST}\n\n{row['output']}"
        left = released(row, [text])
        assert left.startswith(BEFORE)
        assert is_right(row, left.removeprefix(FIRST).strip()), row["id"]
        assert released(row, list(text)) == left, row["id"]
