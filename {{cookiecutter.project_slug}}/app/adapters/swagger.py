"""The page at /docs. Its script and style come from an installed package, not from a CDN."""

import importlib.util
from pathlib import Path

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

from app.core.errors import StartRefused

PAGE, FILES = "/docs", "/docs/files"
POLICY = (
    "default-src 'none'; connect-src 'self'; img-src 'self' data:; font-src 'self' data:; "
    "script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'"
)


def add_documentation(app: FastAPI, root: str = "") -> None:
    """Serve the page and its files. The application is created without FastAPI's own pages, which load from a CDN.

    root: the prefix of the service's paths. Errors: StartRefused when the files are not installed.
    """
    app.mount(FILES, StaticFiles(directory=_folder()))

    @app.get(PAGE, include_in_schema=False)
    async def docs() -> HTMLResponse:
        page = get_swagger_ui_html(
            openapi_url=f"{root}{app.openapi_url}",
            title=app.title,
            swagger_js_url=f"{root}{FILES}/swagger-ui-bundle.js",
            swagger_css_url=f"{root}{FILES}/swagger-ui.css",
            swagger_favicon_url=f"{root}{FILES}/favicon.png",
            # By default the page sends the document to a validator of its makers.
            swagger_ui_parameters={"validatorUrl": None},
        )
        page.headers["content-security-policy"] = POLICY
        return page


def _folder() -> Path:
    package = importlib.util.find_spec("fastapi_offline")
    if package is None or package.origin is None:
        raise StartRefused("The files of /docs need the package fastapi-offline: install the locked requirements.")
    return Path(package.origin).parent / "static"
