"""Every place of the OpenAPI document where a caller can put a value, and requests with one of them poisoned."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx

Json = dict[str, Any]
HERE = "@poison@"
UUID_LIKE = "0190a0a0-0000-7000-8000-000000000000"


@dataclass(frozen=True)
class Place:
    """One value of one route. where: path, query, header or body, and the way to it from there."""

    method: str
    route: str
    where: tuple[str, ...]
    schema: Json

    def __str__(self) -> str:
        return f"{self.method} {self.route} {'.'.join(self.where)}"


@dataclass(frozen=True)
class Document:
    """An OpenAPI document, read for what it takes."""

    whole: Json

    def places(self) -> Iterator[Place]:
        for route, methods in self.whole["paths"].items():
            for method, operation in methods.items():
                for each in operation.get("parameters", []):
                    yield Place(method.upper(), route, (each["in"], each["name"]), self.plain(each["schema"]))
                if schema := self.body_of(operation):
                    for way, found in self.inside(schema):
                        yield Place(method.upper(), route, ("body", *way), found)

    def body_of(self, operation: Json) -> Json | None:
        content = operation.get("requestBody", {}).get("content", {})
        return self.plain(content["application/json"]["schema"]) if "application/json" in content else None

    def plain(self, schema: Json) -> Json:
        """Without references, and of several kinds the first that is not null."""
        if "$ref" in schema:
            found = self.whole
            for part in schema["$ref"].removeprefix("#/").split("/"):
                found = found[part]
            return self.plain(found)
        for several in ("anyOf", "allOf", "oneOf"):
            if several in schema:
                kinds = [self.plain(each) for each in schema[several]]
                return next(each for each in kinds if each.get("type") != "null")
        return schema

    def inside(self, schema: Json, way: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Json]]:
        """Every field, and every element of a list or of a free object."""
        for name, each in schema.get("properties", {}).items():
            inner = self.plain(each)
            yield (*way, name), inner
            yield from self.inside(inner, (*way, name))
            for kind in each.get("anyOf", []):
                if (other := self.plain(kind)) != inner and other.get("type") != "null":
                    yield from self.inside(other, (*way, name))
        if schema.get("type") == "array":
            inner = self.plain(schema["items"])
            yield (*way, "0"), inner
            yield from self.inside(inner, (*way, "0"))
        elif schema.get("type") == "object" and "properties" not in schema:
            yield (*way, "free"), {}

    def example(self, schema: Json) -> Any:
        """A value that the schema takes."""
        schema = self.plain(schema)
        if "const" in schema or "enum" in schema:
            return schema.get("const", schema.get("enum", [None])[0])
        kind = schema.get("type")
        if kind == "object":
            wanted = schema.get("required", [])
            return {name: self.example(schema["properties"][name]) for name in wanted}
        if kind == "array":
            return [self.example(schema["items"])] * schema.get("minItems", 0)
        if kind in ("integer", "number"):
            return max(1, int(schema.get("minimum", 1)))
        if kind == "boolean":
            return False
        return _text(schema)

    def requests(self, place: Place, poison: str) -> httpx.Request:
        """The request of the place's route, valid but for this value. poison: JSON."""
        operation = self.whole["paths"][place.route][place.method.lower()]
        kind, name = place.where[0], place.where[1]
        path, query, headers = place.route, {}, {}
        for each in operation.get("parameters", []):
            given = self.example(each["schema"])
            if each["in"] == kind and each["name"] == name:
                given = _spelled(poison)
            elif not each.get("required"):
                continue
            if each["in"] == "path":
                path = path.replace(f"{{{each['name']}}}", quote(str(given), safe="", errors="surrogatepass"))
            elif each["in"] == "query":
                query[each["name"]] = str(given)
            else:
                headers[each["name"]] = str(given)
        content = None
        if schema := self.body_of(operation):
            body = self.example(schema)
            if kind == "body":
                body = _put(body, place.where[1:])
            content = json.dumps(body).replace(f'"{HERE}"', poison).encode()
            headers["content-type"] = "application/json"
        asked = "&".join(f"{key}={quote(value, safe='', errors='surrogatepass')}" for key, value in query.items())
        safe = {key: value.encode("utf-8", "surrogatepass") for key, value in headers.items()}
        url = f"http://service{path}{'?' + asked if asked else ''}"
        return httpx.Request(place.method, url, headers=list(safe.items()), content=content)


def _text(schema: Json) -> str:
    known = {"uuid": UUID_LIKE, "date": "2026-01-31", "date-time": "2026-01-31T00:00:00Z"}
    if (form := schema.get("format")) in known:
        return known[form]
    return "a" * 64 if "{64}" in schema.get("pattern", "") else "a" * max(1, schema.get("minLength", 1))


def _spelled(poison: str) -> str:
    """What a path, a query or a header would say in its place."""
    if poison.startswith('"'):
        found: str = json.loads(poison)
        return found
    return poison[:2000]


def _put(body: Any, way: tuple[str, ...]) -> Any:
    if not way:
        return HERE
    first, rest = way[0], way[1:]
    if first == "0":
        return [_put(body[0] if isinstance(body, list) and body else {}, rest)]
    inner = body.get(first) if isinstance(body, dict) else None
    return {**(body if isinstance(body, dict) else {}), first: _put(inner, rest)}
