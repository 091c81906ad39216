"""What monitoring stores of answers."""

from app.privacy.domain.stores import Content, Kept, Person, Store

_OF_ANSWERS = "answer_id = any (cast(:answers as uuid[]))"

MONITORED = (
    Store(
        "question_vectors",
        "delete",
        {"embedder": Kept("a name from a setting"), "vector": Content("opaque", None)},
        linked=_OF_ANSWERS,
        key="answer_id",
    ),
    Store(
        "case_candidates",
        "delete",
        {"reason": Kept("one of a fixed set of words"), "note": Content(to=None), "proposed_by": Person()},
        linked=_OF_ANSWERS,
        key="answer_id",
    ),
)
