"""The OpenAPI document says what can come, in the forms in which it comes, and shows an example of every request."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import jsonschema
import pytest
import pytest_asyncio
import yaml

from app.core.openapi import EXAMPLES, EXTENSIONS, TAGS
from app.core.text import LARGEST
from app.wiring.extensions import PREFIX

Json = dict[str, Any]
Operation = tuple[str, Json]


@pytest_asyncio.fixture
async def document(client: httpx.AsyncClient) -> Json:
    found: Json = (await client.get("/openapi.json")).json()
    return found


def operations(document: Json) -> Iterator[Operation]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items() if not path.startswith(PREFIX) else ():
            yield f"{method.upper()} {path}", operation


def schemas_in(value: Any) -> Iterator[Json]:
    if isinstance(value, dict):
        yield value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from schemas_in(each)


async def test_every_operation_is_described_under_one_described_tag(document: Json) -> None:
    tags = {each["name"]: each["description"] for each in document["tags"]}
    ids = [operation["operationId"] for _, operation in operations(document)]
    assert len(ids) == len(set(ids)) > 100
    bad = [
        name
        for name, operation in operations(document)
        if not operation["description"] or len(operation["tags"]) != 1 or operation["tags"][0] not in tags
    ]
    assert bad == []
    assert {name: text for name, text in tags.items() if name not in EXTENSIONS} == TAGS
    assert document["info"]["description"]
    assert document["info"]["contact"]["name"]
    assert document["servers"] == [{"url": "/"}]


async def test_every_component_is_used_and_every_array_says_of_what(document: Json) -> None:
    text = json.dumps(document)
    unused = [name for name in document["components"]["schemas"] if f'"#/components/schemas/{name}"' not in text]
    assert unused == []
    assert "HTTPValidationError" not in text
    vague = [each for each in schemas_in(document["components"]) if each.get("type") == "array" and "items" not in each]
    assert vague == []


async def test_every_failure_is_a_problem(document: Json) -> None:
    for name, operation in operations(document):
        failures = {status: each for status, each in operation["responses"].items() if int(status) >= 400}
        assert {"400", "413", "422", "500", "503"} <= set(failures), name
        assert ("401" in failures) == bool(operation["security"]), name
        if name != "GET /health/ready":
            assert {kind for each in failures.values() for kind in each["content"]} == {"application/problem+json"}


async def test_a_problem_has_the_form_that_the_document_says(client: httpx.AsyncClient, document: Json) -> None:
    for address, form in (("/v1/documents/x", "Problem"), ("/v1/responses/x", "OpenAIProblem")):
        problem = (await client.get(address)).json()
        check(document, {"$ref": f"#/components/schemas/{form}"}, problem)
        with pytest.raises(jsonschema.ValidationError):
            check(document, {"$ref": "#/components/schemas/OpenAIProblem"}, {**problem, "error": {}})


def check(document: Json, schema: Json, value: Any) -> None:
    jsonschema.Draft202012Validator({**schema, "components": document["components"]}).validate(value)


async def test_every_request_with_a_body_has_a_valid_example(document: Json) -> None:
    shown = set()
    for name, operation in operations(document):
        for content in operation.get("requestBody", {}).get("content", {}).values():
            assert "example" in content, name
            check(document, content["schema"], content["example"])
            shown.add(name)
    assert set(yaml.safe_load(EXAMPLES.read_text(encoding="utf-8"))) == shown


FORMS = {
    "GET /metrics": {"text/plain"},
    "GET /v1/costs.csv": {"text/csv"},
    "GET /v1/documents/{document_id}/original": {"application/octet-stream"},
    "GET /v1/evaluations/{run_id}/report.html": {"text/html"},
    "GET /v1/evaluations/{run_id}/report.md": {"text/markdown"},
    "GET /v1/governance/card": {"text/html"},
    "GET /v1/monitoring/business.html": {"text/html"},
    "GET /v1/quarantine/{entry}/original": {"application/octet-stream"},
    "GET /v1/readiness/page": {"text/html"},
    "POST /v1/answers": {"application/json", "text/event-stream"},
    "POST /v1/chat/completions": {"application/json", "text/event-stream"},
    "POST /v1/privacy/exports": {"application/x-ndjson"},
    "POST /v1/responses": {"application/json", "text/event-stream"},
}


async def test_every_form_of_a_response_is_named(document: Json) -> None:
    for name, operation in operations(document):
        found = set(operation["responses"].get("200", {}).get("content", {}))
        assert found <= FORMS.get(name, {"application/json"}), name
        assert not found or found == FORMS.get(name, {"application/json"}), name


@pytest.mark.parametrize("path", ["/metrics", "/v1/costs.csv", "/v1/governance/card", "/v1/readiness/page"])
async def test_a_response_comes_in_the_form_that_is_named(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).headers["content-type"].partition(";")[0] in FORMS[f"GET {path}"]


async def test_bounds_are_exact_and_have_the_names_of_json_schema(document: Json) -> None:
    every = [each for part in ("components", "paths") for each in schemas_in(document[part])]
    assert not [each for each in every if {"ge", "le", "gt", "lt"} & each.keys() and "properties" not in each]
    bounds = [
        each[name] for each in every for name in ("minimum", "maximum") if isinstance(each.get(name), int | float)
    ]
    assert LARGEST in bounds
    assert not [each for each in bounds if isinstance(each, float) and each.is_integer()]
    count = document["components"]["schemas"]["FailureCasesRequest"]["properties"]["count"]
    assert (count["type"], count["minimum"], count["maximum"]) == ("integer", 1, 20)


async def test_what_the_document_says_of_a_text_is_what_the_service_takes(client: httpx.AsyncClient) -> None:
    """Each with a text of the form that the document names, and one of another."""
    lists = ("/v1/answers", "/v1/documents", "/v1/quarantine", "/v1/reviews")
    for address in lists:
        assert (await client.get(address, params={"after": "A" * 32})).status_code == 200, address
        assert (await client.get(address, params={"after": ""})).status_code == 200, address
        assert (await client.get(address, params={"after": "A" * 31})).status_code in (400, 422), address
    for environment, status in (("staging", 200), ("Staging", 422)):
        assert (await client.get(f"/v1/environments/{environment}/moves")).status_code == status
    for source, status in (("wiki", 200), ("-wiki", 422)):
        assert (await client.get("/v1/sources/access", params={"source": source})).status_code == status
