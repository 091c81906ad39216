"""Failures of one signature and like questions are one pattern; harm and growth rank them."""

from dataclasses import replace
from uuid import UUID

import numpy as np
import pytest

from app.core.clock import ManualClock
from app.core.languages.identification import language_of
from app.inference.domain.answer_record import AnswerRecord, FailedRequest
from app.monitoring.domain.failures.failure_policy import FailurePolicy, HarmWeights
from app.monitoring.domain.failures.grouping import MAX_LINKED, group
from app.monitoring.domain.failures.labels import distinguishing_terms
from app.monitoring.domain.failures.patterns import Failure, FailurePattern, FailureWindow, find_patterns
from app.monitoring.domain.failures.signature import FailureSignature, signature_of, signature_of_problem
from app.monitoring.domain.question_vectors import background_similarity, normalised, pack, unpack, word_vectors
from tests.monitoring.traffic import record_of

CLOCK = ManualClock()
POLICY = FailurePolicy()


def failed(question: str = "How long is the leave?", **values: object) -> AnswerRecord:
    return record_of(CLOCK, question, **values)


class TestSignature:
    @pytest.mark.parametrize(
        ("values", "expected"),
        [
            ({"refusal": "no_evidence"}, ("no_evidence", "", "retrieval", "documents")),
            (
                {"refusal": "no_answer", "degraded": True, "reasons": ("search: out_of_time",)},
                ("no_answer", "", "generation", "wording"),
            ),
            ({"degraded": True, "reasons": ("gpt: model_timeout",)}, ("model_timeout", "", "generation", "provider")),
            ({"degraded": True, "reasons": ("overloaded: 3 passages",)}, ("overloaded", "", "admission", "capacity")),
            (
                {"degraded": True, "reasons": ("gpt: secret_masked",), "findings": ("secret",)},
                ("secret_masked", "secret", "output_filter", "model"),
            ),
            ({"helpful": False}, ("unhelpful", "", "feedback", "wording")),
            ({"outcome": "rejected", "rule": "all", "findings": ("secret",)}, ("rejected", "all", "review", "wording")),
        ],
    )
    def test_the_reason_names_the_step_and_what_it_goes_to(self, values: dict[str, object], expected: object) -> None:
        found = signature_of(failed(**values))
        assert (found.reason, found.rule, found.step, found.responsible) == expected

    def test_a_problem_has_no_question(self) -> None:
        found = signature_of_problem(FailedRequest(CLOCK.now(), "stream_ended", "0" * 64))
        assert found == FailureSignature("stream_ended", "", "request", False, "und")
        assert found.responsible == "provider"

    def test_languages_divide_what_depends_on_the_question_and_no_outage(self) -> None:
        german = "Wie lange dauert die Elternzeit?"
        assert signature_of(failed(german, refusal="no_evidence")).language == "de"
        assert signature_of(failed(german, degraded=True, reasons=("gpt: model_timeout",))).language == "und"


@pytest.mark.parametrize(
    ("question", "language"),
    [
        ("How do I book a room?", "en"),
        ("Wann ist das Büro geöffnet?", "de"),
        ("Où est le manuel pour les nouveaux?", "fr"),
        ("¿Cuándo puedo pedir vacaciones y cómo?", "es"),
        ("Как получить отпуск?", "ru"),
        ("休暇はいつですか", "ja"),
        ("VPN 502", "und"),
        ("", "und"),
    ],
)
def test_the_language_of_a_question(question: str, language: str) -> None:
    assert language_of(question) == language


def around(centres: int, each: int, noise: float, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    middle = np.repeat(rng.standard_normal((centres, 64)), each, axis=0)
    return normalised((middle + noise * rng.standard_normal(middle.shape)).astype(np.float32))


class TestGroups:
    @pytest.mark.parametrize("each", [10, MAX_LINKED])
    def test_questions_around_a_centre_are_a_group_however_many_there_are(self, each: int) -> None:
        labels = group(around(4, each, 0.5), 0.4)
        assert [len(set(labels[n * each : (n + 1) * each])) for n in range(4)] == [1, 1, 1, 1]
        assert len(set(labels)) == 4

    def test_unlike_questions_stay_alone(self) -> None:
        assert len(set(group(around(30, 1, 0.0), 0.6))) == 30

    def test_the_order_does_not_matter(self) -> None:
        vectors = around(5, 9, 0.7)
        order = np.random.default_rng(3).permutation(len(vectors))
        before, after = group(vectors, 0.4)[order], group(vectors[order], 0.4)
        assert np.array_equal(before[:, None] == before, after[:, None] == after)

    def test_nothing_is_no_group(self) -> None:
        assert len(group(np.zeros((0, 1), dtype=np.float32), 0.4)) == 0


class TestVectors:
    def test_stored_vectors_come_back_with_the_length_one(self) -> None:
        vectors = np.asarray([[3.0, 4.0], [0.0, 2.0]], dtype=np.float32)
        assert np.allclose(unpack(pack(vectors)), [[0.6, 0.8], [0.0, 1.0]], atol=1e-3)

    def test_without_an_embedder_the_words_decide(self) -> None:
        one, same, other = normalised(word_vectors(["Book the room", "rooms to book", "VPN is down"]))
        assert one @ same == pytest.approx(1.0)
        assert abs(one @ other) < 0.5

    def test_the_background_is_the_mean_over_pairs(self) -> None:
        vectors = around(3, 3, 0.4)
        cosines = vectors @ vectors.T
        pairs = cosines[~np.eye(len(vectors), dtype=bool)]
        assert background_similarity(vectors) == pytest.approx(max(0.0, pairs.mean()), abs=1e-5)
        assert background_similarity(vectors[:1]) == 0


def window(records: list[AnswerRecord], answers: int, vectors: np.ndarray | None = None) -> FailureWindow:
    failures = [Failure.of(each, POLICY.harm) for each in records]
    rows = {} if vectors is None else dict(zip([each.id for each in records], vectors, strict=True))
    return FailureWindow(failures, answers, rows)


NOTHING = FailureWindow((), 100)


def patterns_of(now: FailureWindow, before: FailureWindow = NOTHING) -> list[FailurePattern]:
    return find_patterns(now, before, 0.0, POLICY)


class TestPatterns:
    def test_one_reason_is_divided_by_questions_and_the_rest_is_mixed(self) -> None:
        records = [failed(refusal="off_topic") for _ in range(23)]
        vectors = np.concatenate([around(2, 10, 0.3), around(3, 1, 0.0, seed=9)])
        found = patterns_of(window(records, 100, vectors))
        assert sorted((each.failures, each.mixed) for each in found) == [(3, True), (10, False), (10, False)]
        assert set(found[0].answers) in ({r.id for r in records[:10]}, {r.id for r in records[10:20]})

    def test_an_outage_is_one_pattern_whatever_was_asked(self) -> None:
        records = [failed(degraded=True, reasons=("gpt: model_timeout",)) for _ in range(20)]
        (found,) = patterns_of(window(records, 100, around(20, 1, 0.0)))
        assert (found.failures, found.responsible) == (20, "provider")

    def test_the_most_typical_question_comes_first(self) -> None:
        records = [failed(refusal="off_topic") for _ in range(9)]
        vectors = around(1, 9, 0.4)
        (found,) = patterns_of(window(records, 100, vectors))
        central = vectors @ vectors.mean(axis=0)
        assert found.answers[0] == records[int(central.argmax())].id

    def test_harm_adds_up_and_ranks(self) -> None:
        weights = HarmWeights(refused=1, unhelpful=2, degraded=0.5, rejected=3, problem=3)
        assert Failure.of(failed(refusal="no_answer", helpful=False), weights).harm == 3
        few = [failed(helpful=False) for _ in range(6)]
        many = [failed(refusal="off_topic") for _ in range(7)]
        found = patterns_of(window([*few, *many], 100))
        assert [each.signature.reason for each in found] == ["unhelpful", "off_topic"]

    def test_what_grows_comes_before_what_was_always_there(self) -> None:
        old, new = [[failed(refusal=why) for _ in range(10)] for why in ("off_topic", "no_evidence")]
        found = patterns_of(window([*old, *new], 100), window([failed(refusal="off_topic") for _ in range(10)], 100))
        assert [(each.signature.reason, each.before) for each in found] == [("no_evidence", 0), ("off_topic", 10)]
        assert found[1].growth == pytest.approx(1.0)

    def test_more_traffic_alone_is_no_growth(self) -> None:
        now = window([failed(refusal="off_topic") for _ in range(100)], 1000)
        before = window([failed(refusal="off_topic") for _ in range(10)], 100)
        assert patterns_of(now, before)[0].growth == pytest.approx(1.0, abs=0.1)

    def test_like_failures_of_the_window_before_are_counted(self) -> None:
        vectors = around(2, 10, 0.3)
        now = window([failed(refusal="off_topic") for _ in range(20)], 100, vectors)
        earlier = window([failed(refusal="off_topic") for _ in range(6)], 100, vectors[:6])
        assert sorted(each.before for each in patterns_of(now, earlier)) == [0, 6]


class TestTerms:
    def test_what_is_common_here_and_rare_elsewhere_is_named(self) -> None:
        here = [f"Why does the VPN client {what} on my laptop?" for what in ("drop", "hang", "fail")]
        others = [f"Where is the {what} on my laptop?" for what in ("printer", "charger", "camera", "sticker")]
        terms = distinguishing_terms(here, others)
        assert terms[0] == "vpn client"
        assert not {"laptop", "the", "why"} & {word for term in terms for word in term.split()}

    def test_without_a_question_there_is_no_term(self) -> None:
        assert distinguishing_terms([], ["Where is the printer?"]) == ()

    def test_a_word_of_one_question_among_many_is_no_term(self) -> None:
        here = ["The VPN drops", "The VPN hangs", "The VPN fails", "The zebra VPN"]
        assert "zebra" not in " ".join(distinguishing_terms(here, []))


def test_a_failure_is_one_by_any_sign() -> None:
    good = record_of(CLOCK)
    signs = [{"refusal": "no_answer"}, {"degraded": True}, {"helpful": False}, {"outcome": "rejected"}]
    assert not good.failed
    assert all(replace(good, **sign).failed for sign in signs)
    assert good.id != UUID(int=0)
