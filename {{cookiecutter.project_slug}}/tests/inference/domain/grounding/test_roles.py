"""Who did what to whom and when, where the evidence has it of another thing."""

import pytest

from app.inference.domain.grounding.agreement import disagreement

FERRY = (
    "The present ship, the Tove, entered service in 2012 and replaced the Sigrid, which had sailed since 1974. "
    "The pier was closed in March 2023 after a storm and reopened on 4 November of the same year. "
    "The mayor had asked for a second pier. Minister Ruth Adeyemi promised a wall 4 metres high. "
    "Method 14-B replaced method 9 in January 2024. The company Nordsee was bought by Lund Holding in 2020. "
    "The crew of Brand met the crew of Keld in 1998. The ferry sails every second day, and lunch is at noon. "
    "Hail nets cover the western pier only. The works cost 50 million euros, of which the state pays 60 %."
)
ALL_OF_IT = (
    "The Sigrid replaced the Tove.",
    "Method 9 replaced method 14-B in January 2024.",
    "Nordsee bought Lund Holding in 2020.",
    "The Greens promised a wall 4 metres high.",
    "The pier reopened in March 2023.",
    "Both piers are covered by hail nets.",
    "Of the cost of the works the state pays 32 million euros.",
)
AS_IT_IS = (
    "The Tove replaced the Sigrid.",
    "The Sigrid was replaced by the Tove.",
    "Method 9 was replaced by method 14-B.",
    "Lund Holding bought Nordsee in 2020.",
    "Nordsee was bought by Lund Holding.",
    "Ruth Adeyemi promised a wall 4 metres high.",
    "The pier reopened in November 2023.",
    "The pier was closed in March 2023.",
    "The crew of Keld met the crew of Brand in 1998.",
    "The ferry sails every two days.",
    "Lunch is at 12 noon.",
    "Of the cost of the works the state pays 30 million euros.",
)


@pytest.mark.parametrize("sentence", ALL_OF_IT)
def test_what_the_evidence_says_of_another_thing_is_not_said_of_this_one(sentence: str) -> None:
    assert disagreement(sentence, [FERRY])


@pytest.mark.parametrize("sentence", AS_IT_IS)
def test_the_same_in_another_order_agrees(sentence: str) -> None:
    assert disagreement(sentence, [FERRY]) is None
