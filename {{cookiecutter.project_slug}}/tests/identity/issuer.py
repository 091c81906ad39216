"""An issuer whose keys a test holds, so that it can forge what it likes."""

import base64
import functools
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

ADDRESS = "https://login.example.com"
AUDIENCE = "https://answers.example.com/api"
SERVICE = "https://answers.example.com"
CLIENT, SECRET = "console", "of the console"
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
POLICY = {
    "owner": "tests",
    "tenant": {"claim": "tenant", "values": {}},
    "roles": {
        "claim": "groups",
        "values": {"answers-users": "user", "answers-admins": "admin", "answers-operators": "operator"},
        "service": ["answers-service"],
    },
    "groups": {"claim": "groups", "values": {"dept-hr": "hr", "dept-lab": "lab"}},
    "tokens": {"scope": "answers"},
}


@functools.cache
def rsa_key(name: str) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@functools.cache
def ec_key(name: str) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def encoded(value: bytes | Mapping[str, Any] | list[Any]) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def jwk_of(key: Any, kid: str, **more: Any) -> dict[str, Any]:
    algorithm = jwt.algorithms.RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else jwt.algorithms.ECAlgorithm
    return {**json.loads(algorithm.to_jwk(key.public_key())), "kid": kid, "use": "sig", **more}


@dataclass
class Issuer:
    """Publishes its keys over HTTP. reads: how often they were read. down: it does not reply. refresh_tokens: those
    that are valid, each once; None: it gives none.
    """

    now: float
    published: list[dict[str, Any]] = field(default_factory=list)
    reads: int = 0
    down: bool = False
    names_itself: bool = True
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    id_claims: dict[str, Any] = field(default_factory=dict)
    access_claims: dict[str, Any] = field(default_factory=dict)
    id_key: Any = None
    refresh_tokens: list[str] | None = None
    refresh_status: int = 200
    refreshes: int = 0

    def __post_init__(self) -> None:
        self.published = [
            jwk_of(rsa_key("one"), "k1", alg="RS256"),
            jwk_of(ec_key("two"), "e1"),
            jwk_of(rsa_key("one"), "enc1", use="enc"),
            {"kty": "oct", "kid": "s1", "k": encoded(b"x" * 32), "alg": "HS256"},
        ]

    @property
    def transport(self) -> httpx.AsyncBaseTransport:
        return httpx.MockTransport(self._reply)

    def _reply(self, request: httpx.Request) -> httpx.Response:
        if self.down:
            raise httpx.ConnectError("down")
        if request.url.path == "/.well-known/openid-configuration":
            addresses = ("jwks_uri", "authorization_endpoint", "token_endpoint")
            names = {"authorization_response_iss_parameter_supported": self.names_itself}
            body = {"issuer": ADDRESS, **{name: f"{ADDRESS}/{name}" for name in addresses}, **names}
            return httpx.Response(200, json=body)
        if request.url.path == "/token_endpoint":
            return self._redeem(request)
        self.reads += 1
        return httpx.Response(200, json={"keys": self.published})

    def authorize(self, address: str) -> dict[str, str]:
        """What the browser brings back after the person at the address has agreed."""
        query = dict(httpx.URL(address).params)
        assert (query["response_type"], query["code_challenge_method"]) == ("code", "S256")
        code = f"code-{len(self.codes)}-{query['state'][:8]}"
        self.codes[code] = query
        return {"code": code, "state": query["state"], "iss": ADDRESS}

    def _redeem(self, request: httpx.Request) -> httpx.Response:
        form = dict(httpx.QueryParams(request.content.decode()))
        client = f"Basic {base64.b64encode(f'{CLIENT}:{SECRET}'.encode()).decode()}"
        if form["grant_type"] == "refresh_token":
            return self._refresh(form["refresh_token"], request.headers.get("authorization") == client)
        query = self.codes.pop(form["code"], None)
        challenge = encoded(hashlib.sha256(form["code_verifier"].encode()).digest())
        expected = query and (query["code_challenge"], query["redirect_uri"], client)
        if expected != (challenge, form["redirect_uri"], request.headers.get("authorization")) or query is None:
            return httpx.Response(400, json={"error": "invalid_grant"})
        person = {"aud": CLIENT, "nonce": query["nonce"], "scope": None, "groups": None, "tenant": None}
        id_token = self.token(self.id_key, headers={"typ": "JWT"}, **{**person, **self.id_claims})
        tokens = {"id_token": id_token, "access_token": self.token(**self.access_claims)}
        return httpx.Response(200, json=tokens | self._new_refresh_token())

    def _new_refresh_token(self) -> dict[str, str]:
        if self.refresh_tokens is None:
            return {}
        self.refreshes += 1
        self.refresh_tokens = [*self.refresh_tokens, f"refresh-{self.refreshes}"]
        return {"refresh_token": self.refresh_tokens[-1]}

    def _refresh(self, token: str, by_the_client: bool) -> httpx.Response:
        """Each refresh token counts once. A provider may leave the ID token out: `id_claims` decides."""
        if self.refresh_status != 200:
            return httpx.Response(self.refresh_status, json={"error": "server_error"})
        if not by_the_client or token not in (self.refresh_tokens or ()):
            return httpx.Response(400, json={"error": "invalid_grant"})
        assert self.refresh_tokens
        self.refresh_tokens.remove(token)
        tokens = {"access_token": self.token(**self.access_claims)}
        if self.id_claims:
            person = {"aud": CLIENT, "scope": None, "groups": None, "tenant": None, **self.id_claims}
            tokens["id_token"] = self.token(self.id_key, headers={"typ": "JWT"}, **person)
        return httpx.Response(200, json=tokens | self._new_refresh_token())

    def logout_token(self, key: Any = None, headers: Mapping[str, Any] | None = None, **changed: Any) -> str:
        """A good logout token of ana, with changes; None removes a claim."""
        good = {
            "iss": ADDRESS,
            "aud": CLIENT,
            "sub": "ana",
            "iat": self.now,
            "exp": self.now + 120,
            "jti": f"logout-{uuid4()}",
            "events": {LOGOUT_EVENT: {}},
        }
        claims = {name: value for name, value in {**good, **changed}.items() if value is not None}
        head = {"alg": "RS256", "typ": "logout+jwt", "kid": "k1", **(headers or {})}
        return self.signed({name: value for name, value in head.items() if value is not None}, claims, key)

    def claims(self, **changed: Any) -> dict[str, Any]:
        """Those of a good access token, with changes; None removes one."""
        good = {
            "iss": ADDRESS,
            "aud": AUDIENCE,
            "sub": "ana",
            "iat": self.now,
            "exp": self.now + 600,
            "groups": ["answers-users", "dept-hr"],
            "tenant": "acme",
            "scope": "openid answers",
        }
        return {name: value for name, value in {**good, **changed}.items() if value is not None}

    def token(
        self, key: Any = None, alg: str = "RS256", headers: Mapping[str, Any] | None = None, **changed: Any
    ) -> str:
        """headers: added to those of a good token; None removes one."""
        head = {"alg": alg, "typ": "at+jwt", "kid": "k1", **(headers or {})}
        return self.signed(
            {name: value for name, value in head.items() if value is not None}, self.claims(**changed), key
        )

    def signed(self, header: Mapping[str, Any], payload: Mapping[str, Any] | list[Any] | bytes, key: Any = None) -> str:
        """Of any header and any payload, with the algorithm of the header."""
        text = f"{encoded(header)}.{encoded(payload)}"
        if str(header["alg"]).lower() == "none":
            return f"{text}."
        algorithm = jwt.get_algorithm_by_name(str(header["alg"]))
        # Not by prepare_key, which refuses a public key as a shared secret: an attacker's library does not.
        return f"{text}.{encoded(algorithm.sign(text.encode(), key or rsa_key('one')))}"
