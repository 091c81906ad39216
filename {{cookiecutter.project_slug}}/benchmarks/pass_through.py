"""The baseline: a bare FastAPI route that forwards its body to a model server, over the same HTTP client.

Run by hot_path.py.
"""

import argparse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import Response

from app.adapters.outbound import make_client


def create_app(upstream: str) -> FastAPI:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with make_client() as client:
            app.state.client = client
            yield

    app = FastAPI(lifespan=lifespan)

    @app.post("/v1/answers")
    async def pass_through(request: Request) -> Response:
        body = await request.body()
        headers = {"content-type": "application/json"}
        reply = await request.app.state.client.post(f"{upstream}/chat/completions", content=body, headers=headers)
        return Response(reply.content, media_type="application/json")

    return app


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--upstream", required=True)
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    uvicorn.run(
        create_app(options.upstream),
        port=options.port,
        log_config=None,
        access_log=False,
        loop="uvloop",
        http="httptools",
    )
