"""Tokens that must be refused, each with the problem and the reason that it gets."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.identity.issuer import ADDRESS, AUDIENCE, Issuer, ec_key, encoded, jwk_of, rsa_key

INVALID, OTHER, EXPIRED, CLAIM = "token_invalid", "token_for_another", "token_expired", "token_claim_missing"
UNMAPPED = "identity_not_mapped"
GOOD = {"alg": "RS256", "typ": "at+jwt", "kid": "k1"}


@dataclass(frozen=True)
class Attack:
    name: str
    token: Callable[[Issuer], str]
    code: str
    reason: str

    @property
    def status(self) -> int:
        return 403 if self.code == UNMAPPED else 401


def _pem() -> bytes:
    return rsa_key("one").public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _swapped(issuer: Issuer) -> str:
    head, _, signature = issuer.token().split(".")
    return f"{head}.{encoded(issuer.claims(groups=['answers-admins']))}.{signature}"


def header(name: str, code: str, reason: str, alg: str = "RS256", key: Any = None, **headers: Any) -> Attack:
    return Attack(name, lambda issuer: issuer.token(key() if key else None, alg, headers), code, reason)


def claim(name: str, code: str, reason: str, **changed: Any) -> Attack:
    """A value may be a function of the issuer's time."""

    def token(issuer: Issuer) -> str:
        return issuer.token(**{k: v(issuer.now) if callable(v) else v for k, v in changed.items()})

    return Attack(name, token, code, reason)


def raw(name: str, token: Callable[[Issuer], str], reason: str = "malformed") -> Attack:
    return Attack(name, token, INVALID, reason)


P256_ORDER = bytes.fromhex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551")


def _ec_token(issuer: Issuer, signature: Callable[[bytes], bytes]) -> str:
    text = f"{encoded({**GOOD, 'alg': 'ES256', 'kid': 'e1'})}.{encoded(issuer.claims())}"
    return f"{text}.{encoded(signature(text.encode()))}"


def _der(text: bytes) -> bytes:
    return ec_key("two").sign(text, ec.ECDSA(hashes.SHA256()))


SIGNATURES = [
    header("alg none", INVALID, "algorithm", alg="none"),
    header("alg NONE", INVALID, "algorithm", alg="NONE"),
    header("alg nOnE", INVALID, "algorithm", alg="nOnE"),
    header("key confusion: HS256 with the public key as PEM", INVALID, "algorithm", alg="HS256", key=_pem),
    header(
        "key confusion: HS256 with the modulus", INVALID, "algorithm", alg="HS256",
        key=lambda: jwk_of(rsa_key("one"), "k1")["n"].encode(),
    ),
    header("a shared secret that is published", INVALID, "algorithm", alg="HS256", key=lambda: b"x" * 32, kid="s1"),
    header("an algorithm of the family that the policy does not name", INVALID, "algorithm", alg="RS512"),
    header("the padding of another algorithm", INVALID, "algorithm", alg="PS256"),
    header("ES256 under the name of an RSA key", INVALID, "key", alg="ES256", key=lambda: ec_key("two")),
    header("RS256 under the name of an EC key", INVALID, "key", kid="e1"),
    header("a key that is published for encryption", INVALID, "key", kid="enc1"),
    header("another key under the name of the issuer's", INVALID, "signature", key=lambda: rsa_key("attacker")),
    header("another EC key under the name of the issuer's", INVALID, "signature", alg="ES256",
           key=lambda: ec_key("attacker"), kid="e1"),
    raw("other claims under a good signature", _swapped, "signature"),
    raw("no signature", lambda issuer: issuer.token().rpartition(".")[0] + ".", "signature"),
    raw("an EC signature of zeros", lambda issuer: _ec_token(issuer, lambda _: bytes(64)), "signature"),
    raw("an EC signature of the order", lambda issuer: _ec_token(issuer, lambda _: P256_ORDER * 2), "signature"),
    raw("an EC signature in another form", lambda issuer: _ec_token(issuer, _der), "signature"),
    raw("half a signature", lambda issuer: issuer.token()[:-170], "signature"),
]  # fmt: skip

HEADERS = [
    header("a key in the header", INVALID, "header", key=lambda: rsa_key("attacker"),
           jwk=jwk_of(rsa_key("attacker"), "k1")),
    header("the address of a key in the header", INVALID, "header", jku="https://evil.example.net/jwks.json"),
    header("the issuer's own address of keys in the header", INVALID, "header", jku=f"{ADDRESS}/jwks_uri"),
    header("the address of a certificate in the header", INVALID, "header", x5u="https://evil.example.net/c.pem"),
    header("a certificate in the header", INVALID, "header", x5c=["MIIB"]),
    header("an extension that must be understood", INVALID, "malformed", crit=["exp"]),
    header("a payload that is not encoded", INVALID, "malformed", b64=False),
    header("a payload that is compressed", INVALID, "header", zip="DEF"),
    header("no key named", INVALID, "key", kid=None),
    header("an empty name of a key", INVALID, "key", kid=""),
    header("a number as the name of a key", INVALID, "malformed", kid=1),
    header("a name that is a path", INVALID, "key", kid="../../../../dev/null"),
    header("a name with a line end", INVALID, "key", kid="k1\n"),
    header("a list of types", INVALID, "type", typ=["at+jwt"]),
    header("a name that is SQL", INVALID, "key", kid="k1' union select 'x'--"),
    header("a name that is a command", INVALID, "key", kid="k1|id"),
    header("a key that is not published any more", INVALID, "key", key=lambda: rsa_key("retired"), kid="k0"),
    header("a name with another case", INVALID, "key", kid="K1"),
    header("no type", INVALID, "type", typ=None),
    header("a type that is no access token", INVALID, "type", typ="JWT"),
    header("a logout token", INVALID, "type", typ="logout+jwt"),
    header("a proof of possession", INVALID, "type", typ="dpop+jwt"),
]  # fmt: skip

CLAIMS = [
    claim("another issuer", OTHER, "issuer", iss="https://login.example.net"),
    claim("an issuer that begins alike", OTHER, "issuer", iss=f"{ADDRESS}.evil.example.net"),
    claim("the issuer with a slash", OTHER, "issuer", iss=f"{ADDRESS}/"),
    claim("the issuer in capitals", OTHER, "issuer", iss=ADDRESS.upper()),
    claim("the issuer of another tenant of the provider", OTHER, "issuer", iss=f"{ADDRESS}/other"),
    claim("no issuer", OTHER, "issuer", iss=None),
    claim("a list of issuers", OTHER, "issuer", iss=[ADDRESS]),
    claim("another audience", OTHER, "audience", aud="https://mail.example.com"),
    claim("this audience among others", OTHER, "audience", aud=[AUDIENCE, "https://mail.example.com"]),
    claim("an audience that begins alike", OTHER, "audience", aud=f"{AUDIENCE}.evil.example.net"),
    claim("the audience in capitals", OTHER, "audience", aud=AUDIENCE.upper()),
    claim("no audience", OTHER, "audience", aud=None),
    claim("this audience twice", OTHER, "audience", aud=[AUDIENCE, AUDIENCE]),
    claim("a list in a list of audiences", OTHER, "audience", aud=[[AUDIENCE]]),
    claim("an empty list of audiences", OTHER, "audience", aud=[]),
    claim("expired", EXPIRED, "expired", iat=lambda now: now - 900, exp=lambda now: now - 31),
    claim("no end", INVALID, "time", exp=None),
    claim("a text as the end", INVALID, "time", exp="2999-01-01"),
    claim("a number in a text as the end", INVALID, "time", exp="9999999999"),
    claim("no number as the end", INVALID, "malformed", exp=float("nan")),
    claim("a text as the beginning", INVALID, "time", nbf="0"),
    claim("true as the end", INVALID, "time", exp=True),
    claim("no end at all", INVALID, "malformed", exp=float("inf")),
    claim("valid for years", INVALID, "lifetime", exp=lambda now: now + 10 * 365 * 86_400),
    claim("an end before the beginning", INVALID, "lifetime", iat=lambda now: now + 20, exp=lambda now: now + 10),
    claim("not valid yet", INVALID, "early", nbf=lambda now: now + 300),
    claim("made in the future", INVALID, "early", iat=lambda now: now + 300),
    claim("no time of making", INVALID, "time", iat=None),
    claim("no subject", CLAIM, "claim", sub=None),
    claim("a number as the subject", CLAIM, "claim", sub=7),
    claim("an empty subject", CLAIM, "claim", sub=""),
    claim("a subject with a line end", CLAIM, "claim", sub="ana\nadmin"),
    claim("a subject without end", CLAIM, "claim", sub="a" * 256),
    claim("an ID token", INVALID, "use", nonce="n-0S6"),
    claim("an ID token by its hash", INVALID, "use", at_hash="w1q54"),
    claim("an ID token by the hash of its code", INVALID, "use", c_hash="w1q54"),
    claim(
        "a logout token with the header of an access token",
        INVALID,
        "use",
        events={"http://schemas.openid.net/event/backchannel-logout": {}},
    ),
    claim("an ID token by its use", INVALID, "use", token_use="id"),
    claim("a refresh token", INVALID, "use", token_use="refresh"),
    claim("bound to a key of somebody else", INVALID, "bound", cnf={"jkt": "0ZcOCORZ"}),
    claim("no scope", CLAIM, "scope", scope=None),
    claim("a scope that begins alike", CLAIM, "scope", scope="openid answers.read"),
    claim("a list of scopes", CLAIM, "scope", scope=["answers"]),
]

MAPPINGS = [
    claim("groups are absent, which is not none", CLAIM, "claim", groups=None),
    claim("groups are elsewhere", CLAIM, "claim", groups=None, _claim_names={"groups": "src1"}),
    claim("an object of groups", CLAIM, "claim", groups={"answers-admins": True}),
    claim("groups that are numbers", CLAIM, "claim", groups=[1, 2]),
    claim("no group at all", UNMAPPED, "unmapped", groups=[]),
    claim("a group in another case", UNMAPPED, "unmapped", groups=["Answers-Admins"]),
    claim("a group with a space", UNMAPPED, "unmapped", groups=["answers-admins "]),
    claim("the name of a role as a group", UNMAPPED, "unmapped", groups=["admin", "service"]),
    claim("groups in one text", UNMAPPED, "unmapped", groups="answers-users answers-admins"),
    claim("roles in a claim of their own", UNMAPPED, "unmapped", groups=["dept-hr"], roles=["admin"]),
    claim("a tenant that the policy does not name", UNMAPPED, "unmapped", tenant="globex"),
    claim("no tenant", CLAIM, "claim", tenant=None),
    claim("a list of tenants", CLAIM, "claim", tenant=["acme", "globex"]),
]

SHAPES = [
    raw("too long", lambda issuer: issuer.token(groups=["answers-users"] * 2000)),
    raw("five parts, as an encrypted token has", lambda issuer: f"{issuer.token()}.x.y"),
    raw("a token in a token", lambda issuer: issuer.signed({**GOOD, "cty": "JWT"}, issuer.token().encode())),
    raw("padding", lambda issuer: f"{issuer.token()}=="),
    raw("two parts", lambda issuer: issuer.token().rpartition(".")[0]),
    raw("nothing but dots", lambda issuer: ".."),
    raw("a header that is no object", lambda issuer: f"{encoded([1])}.{encoded(issuer.claims())}.x"),
    raw("a payload that is no object", lambda issuer: issuer.signed(GOOD, [1])),
    raw("a payload that is no JSON", lambda issuer: issuer.signed(GOOD, b"ana")),
    raw("a header of ten thousand brackets", lambda issuer: f"{encoded(b'[' * 10_000)}.{encoded(b'{}')}.x"),
]  # fmt: skip

ATTACKS = [*SIGNATURES, *HEADERS, *CLAIMS, *MAPPINGS, *SHAPES]
