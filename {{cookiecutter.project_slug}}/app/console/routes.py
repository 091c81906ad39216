from typing import Annotated

from fastapi import APIRouter, Cookie, Header
from fastapi.responses import HTMLResponse, JSONResponse, Response

from app.console.service import PAGES, SIGNED_IN, ConsolePage, files, render
from app.core.errors import NotFound
from app.core.http import provided
from app.identity.domain.sessions import (
    AuthorizationResponse,
    RequestForged,
    SessionEnded,
    SignInNotConfigured,
    SignInRefused,
    check_request,
)
from app.identity.service import ConsoleSessions, Identity
from app.identity.service.caller import SESSION_COOKIE

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
"""The last two directives make the browser refuse to parse any string as markup."""
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}

SIGN_IN_COOKIE = "__Host-sign-in"

IdentityService = Annotated[Identity, provided(Identity)]
SessionId = Annotated[str, Cookie(alias=SESSION_COOKIE)]

router = APIRouter(prefix="/console", tags=["console"], include_in_schema=False)


@router.get("/files/{name}")
async def show_file(name: str, if_none_match: Annotated[str | None, Header()] = None) -> Response:
    """A script, a style sheet or an icon of these pages. Errors: NotFound."""
    file = files().get(name)
    if file is None:
        raise NotFound(f"The console has no file {name}.")
    # Revalidated on each load, so that a page never mixes files of two versions.
    headers = HEADERS | {"cache-control": "no-cache", "etag": file.etag}
    if if_none_match and file.etag in if_none_match:
        return Response(None, 304, headers)
    return Response(file.content, 200, headers, file.media_type)


def _add_page(page: ConsolePage) -> None:
    says = f"The page of {page.about}. It holds no data and asks for a key."

    @router.get(f"/{page.name}", name=page.title, description=says)
    async def show_page() -> HTMLResponse:
        return HTMLResponse(render(page), headers=HEADERS | {"cache-control": "no-store"})


for _each in PAGES:
    _add_page(_each)


@router.get("/sign-in")
async def begin_sign_in(identity: IdentityService) -> Response:
    """Sends the browser to the identity provider. Errors: SignInNotConfigured, IssuerUnavailable."""
    address, browser = await _sessions(identity).begin()
    response = _redirect(address)
    _set_cookie(response, SIGN_IN_COOKIE, browser)
    return response


@router.get("/signed-in")
async def complete_sign_in(
    identity: IdentityService,
    browser: Annotated[str, Cookie(alias=SIGN_IN_COOKIE)] = "",
    earlier: SessionId = "",
    code: str = "",
    state: str = "",
    iss: str | None = None,
    error: str = "",
) -> Response:
    """Where the identity provider sends the browser back to. An earlier session of the browser ends.

    Errors: SignInNotConfigured, IssuerUnavailable.
    """
    sessions = _sessions(identity)
    try:
        session = await sessions.complete(AuthorizationResponse(code, state, iss, error), browser)
    except SignInRefused as refused:
        response = _redirect(f"./?{SIGNED_IN}={refused.reason}")
    else:
        await sessions.close(earlier)
        response = _redirect("./")
        _set_cookie(response, SESSION_COOKIE, session)
    _remove_cookie(response, SIGN_IN_COOKIE)
    return response


@router.get("/session")
async def show_session(
    identity: IdentityService, session: SessionId = "", sec_fetch_site: Annotated[str | None, Header()] = None
) -> Response:
    """What a page needs to know: whether there is a sign-in, whether this browser is signed in, and what it must send
    with each write. Errors: RequestForged.
    """
    sessions, csrf_token = identity.sessions, None
    check_request("GET", None, "", sec_fetch_site)
    if sessions and session:
        try:
            await sessions.authenticate(session, "GET", None, sec_fetch_site)
            csrf_token = sessions.csrf_token(session)
        except SessionEnded:
            csrf_token = None
    body = {"sign_in": sessions is not None, "csrf_token": csrf_token}
    return JSONResponse(body, headers=HEADERS | {"cache-control": "no-store"})


@router.post("/sign-out", status_code=204)
async def sign_out(
    identity: IdentityService,
    session: SessionId = "",
    x_csrf_token: Annotated[str | None, Header()] = None,
    sec_fetch_site: Annotated[str | None, Header()] = None,
) -> Response:
    """Ends the session. Errors: SignInNotConfigured, RequestForged."""
    sessions = _sessions(identity)
    if not session:
        raise RequestForged("There is no session to end.")
    check_request("POST", x_csrf_token, sessions.csrf_token(session), sec_fetch_site)
    await sessions.close(session)
    response = Response(None, 204, HEADERS)
    _remove_cookie(response, SESSION_COOKIE)
    return response


def _sessions(identity: Identity) -> ConsoleSessions:
    if identity.sessions is None:
        raise SignInNotConfigured()
    return identity.sessions


def _redirect(address: str) -> Response:
    return Response(None, 303, HEADERS | {"location": address, "cache-control": "no-store"})


def _set_cookie(response: Response, name: str, value: str) -> None:
    """Until the browser is closed; only over TLS, for this host alone, and out of reach of scripts."""
    response.set_cookie(name, value, path="/", secure=True, httponly=True, samesite="lax")


def _remove_cookie(response: Response, name: str) -> None:
    response.delete_cookie(name, path="/", secure=True, httponly=True, samesite="lax")
