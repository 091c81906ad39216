import re
from pathlib import Path

import pytest

from app.evaluation.domain.cases import Case
from app.evaluation.service import SuiteFiles

NOTHING = re.compile("(?!)")


@pytest.mark.parametrize("mark", ["\u2028", "\u2029", "\x85", "\x0c", "\r", "\n"])
@pytest.mark.parametrize("by", ["its id", "its text"])
def test_a_case_whose_question_has_an_end_of_a_line_is_kept_and_removed_whole(
    tmp_path: Path, mark: str, by: str
) -> None:
    files = SuiteFiles(tmp_path)
    other = Case(id="other", question=f"Where{mark}is it?", should_refuse=True, slices=("x",))
    (tmp_path / "golden.jsonl").write_text(other.model_dump_json() + "\n", encoding="utf-8")
    files.add(Case(id="review-1", question=f"Who is{mark}Zoe Quistgard?", should_refuse=True, slices=("x",)))
    assert [case.question for case in files.load().cases] == [f"Where{mark}is it?", f"Who is{mark}Zoe Quistgard?"]
    removed = files.remove({"review-1"}, NOTHING) if by == "its id" else files.remove((), re.compile("Quistgard"))
    assert (removed, files.load().cases) == (1, (other,))
