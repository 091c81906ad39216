"""Every path of the service that can be read, with the ids that a run of the random test has recorded."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from app.wiring.extensions import PREFIX

VARIANTS = {"/v1/quarantine": ["?waiting=false"], "/v1/reviews": ["?state=decided", "?state=expired"]}
# Path parameters of routes about the whole service, and of receipts, which hold no text.
SERVICE_PARAMETERS = {
    "release_id",
    "run_id",
    "environment",
    "approval_id",
    "name",
    "prefix",
    "privacy_request_id",
    "model",
}
RECORDED = {"answer_id", "document_id", "entry", "review_id", "action_id", "conversation_id", "response_id"}


def readable_paths(document: Mapping[str, Any], ids: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """The paths of the OpenAPI document. Fails for one with a parameter that no operation records an id for."""
    for path, methods in document["paths"].items():
        if "get" in methods and not path.startswith(PREFIX):
            yield from _filled(path, ids)


def _filled(path: str, ids: Mapping[str, Sequence[str]]) -> Iterator[str]:
    names = re.findall(r"{(\w+)(?::\w+)?}", path)
    if SERVICE_PARAMETERS & set(names) or path.startswith(("/docs", "/openapi", "/console", "/health")):
        return
    if not names:
        yield path
        yield from (path + query for query in VARIANTS.get(path, ()))
        return
    [name] = names
    for value in ["1"] if name == "number" else ids.get(name, ()):
        yield re.sub(r"{.*}", value, path)
    if name != "number" and name not in RECORDED:
        raise AssertionError(f"{path} has the parameter {name}, which is not recorded: the route would not be read")
