"""A word that was broken at the end of a line is one word again, and a hyphen that belongs to a word stays."""

import pytest

from app.adapters.parsers.pdf.hyphens import Hyphens

GERMAN = "Das Haus hat eine Nummer. Am Haus steht die Nummer. Die Mahn-\ngebühr nennt die Haus-\nnummer."
BROKEN = {
    "The speci-\nfication of the con-\ntract": "The specification of the contract",
    "an under-\nstanding of man-\nagement": "an understanding of management",
    "the harsh-\nest gear-\ning": "the harshest gearing",
    "a self-\nservice desk": "a self-service desk",
    "a well-\nknown sub-\nject": "a well-known subject",
    "a long-\nterm and two-\nthirds full box": "a long-term and two-thirds full box",
    "state-\nof-the-art": "state-of-the-art",
    "an OSI-\ncompliant T-\nshirt": "an OSI-compliant T-shirt",
    "from Anglo-\nSaxon times": "from Anglo-Saxon times",
    "the years 2019-\n2024": "the years 2019-2024",
    "die Ein-\nund Ausgabe": "die Ein- und Ausgabe",
    "a dic\u00ad\ntionary of self\u00ad\nservice": "a dictionary of selfservice",
    "a wavefront; the wave-\nfront": "a wavefront; the wavefront",
    "the on-site clerk, on-\nsite again": "the on-site clerk, on-site again",
    "Il est grand, a-t-il dit: il est là. Où est-\nil?": "Il est grand, a-t-il dit: il est là. Où est-il?",
    GERMAN: GERMAN.replace("-\n", ""),
    "a list:\n- one\n- two": "a list:\n- one\n- two",
    "a dash - \nand more": "a dash - \nand more",
}  # fmt: skip


@pytest.mark.parametrize(("broken", "whole"), BROKEN.items())
def test_broken_words_become_whole(broken: str, whole: str) -> None:
    assert Hyphens([broken]).undo(broken) == whole


def test_a_word_elsewhere_in_the_document_decides() -> None:
    assert Hyphens(["a push-button", "the push-\nbutton"]).undo("the push-\nbutton") == "the push-button"
    assert Hyphens(["a pushbutton", "the push-\nbutton"]).undo("the push-\nbutton") == "the pushbutton"
