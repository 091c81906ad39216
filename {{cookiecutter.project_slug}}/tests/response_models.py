"""Checks responses of the application against what their route declares: the model, and the status of a failure."""

import functools
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic import TypeAdapter, ValidationError

from app import main
from app.core.http import App, Receive, Scope, Send
from app.core.openapi import problem_statuses
from app.wiring import State

FAILURES: list[str] = []
"""Of every application of this process, until a test reports them."""


class ResponseModels:
    """ASGI middleware, the outermost. failures: gains a line for each response that does not match its route's model.

    FastAPI validates only what a route returns as a value; a route that returns a Response declares a model that
    nothing else compares with its body.
    """

    def __init__(self, app: App, failures: list[str] = FAILURES) -> None:
        self._app = app
        self.failures = failures
        self.checked = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        status, is_json, body = 0, False, b""

        async def record(message: Any) -> None:
            nonlocal status, is_json, body
            if message["type"] == "http.response.start":
                status = message["status"]
                is_json = dict(message["headers"]).get(b"content-type", b"").startswith(b"application/json")
            else:
                body += message.get("body", b"")
            await send(message)

        await self._app(scope, receive, record)
        self._check_status(scope, status)
        model = declared_model(scope.get("route"), status)
        if is_json and model is not None and scope["method"] != "HEAD":
            self._check(f"{scope['method']} {scope['path']} {status}", model, body)

    def _check_status(self, scope: Scope, status: int) -> None:
        """A failure of a route is one that the OpenAPI document names."""
        route = scope.get("route")
        if status < 400 or not isinstance(route, APIRoute) or not route.include_in_schema:
            return
        if status == 405 and scope["method"] not in route.methods:
            return  # the document names operations, and this is none
        named = problem_statuses(scope["method"], route.path not in main.WITHOUT_KEY)
        if status not in named and status not in route.responses:
            self.failures.append(f"{scope['method']} {scope['path']} {status}: the OpenAPI document does not name it")

    def _check(self, request: str, model: Any, body: bytes) -> None:
        self.checked += 1
        try:
            adapter(model).validate_json(body)
        except ValidationError as error:
            self.failures.append(f"{request}: {error}")


@functools.cache
def adapter(model: Any) -> TypeAdapter[Any]:
    return TypeAdapter(model)


def declared_model(route: object, status: int) -> Any:
    """None where the route declares no model for this status."""
    if not isinstance(route, APIRoute) or not 200 <= status < 300:
        return None
    return route.responses.get(status, {}).get("model") or route.response_model


def check_every_response() -> None:
    """From now on, each application that `create_app` makes in this process checks its responses."""
    made = main.create_app

    def create_app(state: State, only: str | None = None) -> FastAPI:
        app = made(state, only)
        app.add_middleware(ResponseModels)
        return app

    main.create_app = create_app
