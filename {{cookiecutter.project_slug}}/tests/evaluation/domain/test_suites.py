import json
from pathlib import Path
from typing import Any

import pytest

from app.evaluation.domain.cases import Case
from app.evaluation.domain.suites import (
    CaseLeaked,
    Suite,
    SuiteRefused,
    check_leaks,
    merge,
    parse_corpus,
    parse_suite,
)

GOOD: dict[str, Any] = {"id": "one", "question": "How high is it?", "facts": [["410 metres"]], "slices": ["answerable"]}


def line(**changes: Any) -> str:
    return json.dumps({**GOOD, **changes})


def suite(*lines: str, name: str = "golden") -> Suite:
    return parse_suite(name, "\n".join(lines))


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        ("{", "golden.jsonl:2: is not a JSON object on one line"),
        ("[1]", "golden.jsonl:2: is not a JSON object."),
        (line(id="two", colour="red"), "golden.jsonl:2: colour: Extra inputs are not permitted."),
        (line(id="two", question=7), "golden.jsonl:2: question: Input should be a valid string."),
        (line(id="two", slices=[]), "golden.jsonl:2: slices: Tuple should have at least 1 item"),
        (line(id="two", risk="huge"), "golden.jsonl:2: risk: Input should be 'low', 'medium' or 'high'."),
        (line(id="two", facts=[]), "golden.jsonl:2: nothing to check"),
        (line(id="two", should_refuse=True), "golden.jsonl:2: should_refuse cannot be combined with facts"),
        (
            line(id="two", facts=[], should_refuse=None),
            "golden.jsonl:2: nothing to check: a case that allows a refusal",
        ),
        (line(id="two", forbidden=["[99]"]), "golden.jsonl:2: '[99]' consists of formatting only"),
        (line(), "golden.jsonl:2: the id 'one' is already used in line 1."),
    ],
)
def test_a_bad_line_is_refused_with_its_file_and_number(broken: str, told: str) -> None:
    with pytest.raises(SuiteRefused) as refused:
        suite(line(), broken)
    assert str(refused.value).startswith(f"evals/{told}")
    assert "\n" not in str(refused.value)


def test_a_file_without_cases_is_refused() -> None:
    with pytest.raises(SuiteRefused, match="contains no case"):
        suite("", "  ")


def test_the_digest_of_a_case_changes_with_each_of_its_fields() -> None:
    one = Case.model_validate(GOOD)
    others = [
        {"question": "How high is the tower?"},
        {"facts": [["411 metres"]]},
        {"groups": ["board"]},
        {"corpus_version": 3},
        {"protected": True},
        {"forbidden": ["x"]},
    ]
    digests = {Case.model_validate({**GOOD, **change}).digest for change in others} | {one.digest}
    assert len(digests) == len(others) + 1
    assert Case.model_validate(dict(reversed(GOOD.items()))).digest == one.digest


def test_the_digest_of_a_suite_does_not_depend_on_the_order_of_its_lines() -> None:
    first, second = line(), line(id="two")
    assert suite(first, second).digest == suite(second, "", first).digest
    assert suite(first).digest != suite(first, second).digest


def test_two_suites_with_the_same_id_are_not_put_together() -> None:
    with pytest.raises(SuiteRefused, match="red_team"):
        merge([suite(line()), suite(line(), name="red_team")])
    assert len(merge([suite(line()), suite(line(id="two"), name="red_team")]).cases) == 2


def test_cases_cluster_by_their_first_source_or_alone() -> None:
    sources = [{"uri": "bridge.md"}, {"uri": "tower.md"}]
    assert Case.model_validate({**GOOD, "sources": sources}).cluster_id == "bridge.md"
    assert Case.model_validate({**GOOD, "sources": sources, "cluster": "sarn"}).cluster_id == "sarn"
    assert Case.model_validate(GOOD).cluster_id == "case:one"


@pytest.mark.parametrize(
    ("change", "prompt", "what"),
    [
        ({}, "Answer shortly. Example: it is **410  metres** high.", "answer"),
        ({"facts": [], "answer": "It was opened in 1931."}, "E.g. 'it was opened in 1931.'", "answer"),
        ({"question": "How long is the main span?"}, "Q: how long is the main span? A: …", "question"),
    ],
)
def test_a_case_whose_answer_occurs_in_a_prompt_is_refused_by_name(
    change: dict[str, Any], prompt: str, what: str
) -> None:
    with pytest.raises(CaseLeaked, match=f"prompts/answer.md contains the {what} of case 'one'"):
        check_leaks(suite(line(**change)), {"answer": prompt, "other": "Be kind."})


@pytest.mark.parametrize("prompt", ["It is 1410 metres high.", "410 metresticks", "Name heights in metres."])
def test_a_prompt_that_only_resembles_the_answer_is_no_leak(prompt: str) -> None:
    check_leaks(suite(line()), {"answer": prompt})


def test_the_corpus_names_its_folders_and_nothing_else() -> None:
    folder = {"path": "docs", "source": "handbook"}
    assert parse_corpus(json.dumps({"folders": [folder]})).folders[0].tenant == "evaluation"
    with pytest.raises(SuiteRefused, match=r"corpus\.json: folders\.0\.group: Extra"):
        parse_corpus(json.dumps({"folders": [{**folder, "group": "board"}]}))
    with pytest.raises(SuiteRefused, match="is not JSON"):
        parse_corpus("{")


EVALS = Path(__file__).parents[3] / "evals"


@pytest.fixture(scope="module")
def shipped() -> dict[str, Suite]:
    return {path.stem: parse_suite(path.stem, path.read_text("utf-8")) for path in EVALS.glob("*.jsonl")}


def test_the_shipped_suites_are_as_large_and_as_varied_as_promised(shipped: dict[str, Suite]) -> None:
    golden, red = shipped["golden"], shipped["red_team"]
    slices = [name for case in golden.cases for name in case.slices]
    least = {
        "answerable": 30,
        "unanswerable": 10,
        "off_topic": 10,
        "multi_source": 8,
        "paraphrase": 15,
        "typo": 8,
        "ambiguous": 6,
        "access_restricted": 8,
    }
    assert {name: slices.count(name) >= count for name, count in least.items()} == dict.fromkeys(least, True)
    assert len(golden.cases) >= 60
    assert len(red.cases) >= 40
    assert all(case.attack for case in red.cases)
    assert len({case.attack for case in red.cases}) >= 8
    merge(shipped.values())


def test_no_shipped_question_occurs_in_the_pages_and_no_answer_in_a_prompt(shipped: dict[str, Suite]) -> None:
    every = merge(shipped.values())
    pages = [path.read_text("utf-8").casefold() for path in (EVALS.parent / "docs").rglob("*.md")]
    found = [case.id for case in every.cases if any(case.question.casefold() in page for page in pages)]
    assert [name for name in found if not name.startswith(("ambiguous-", "off-wine"))] == []
    prompts = {path.stem: path.read_text("utf-8") for path in (EVALS.parent / "prompts").glob("*.md")}
    check_leaks(every, prompts)
