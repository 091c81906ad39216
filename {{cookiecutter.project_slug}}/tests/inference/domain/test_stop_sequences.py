import pytest

from app.inference.domain.stop_sequences import StopSequences


@pytest.mark.parametrize(
    ("stops", "pieces", "text", "stopped"),
    [
        (["END"], ["one ", "two END three"], "one two ", True),
        (["END"], ["one E", "N", "D two", " three"], "one ", True),
        (["END"], ["one EN", "ough"], "one ENough", False),
        (["END"], ["one E", "N"], "one EN", False),
        (["\n\n", "##"], ["a\n", "b#", "#c"], "a\nb", True),
        (["x"], ["x"], "", True),
        (["aab"], ["a", "a", "a", "b"], "a", True),
    ],
)
def test_a_text_ends_before_the_first_stop_sequence(
    stops: list[str], pieces: list[str], text: str, stopped: bool
) -> None:
    stop = StopSequences(stops)
    assert "".join(map(stop.feed, pieces)) + stop.end() == text
    assert stop.stopped == stopped
