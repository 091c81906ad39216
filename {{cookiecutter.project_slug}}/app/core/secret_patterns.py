"""The forms of credentials. Each pattern takes linear time; what only looks like a placeholder is no secret."""

import math
import re
from collections import Counter
from collections.abc import Iterator

_LEFT, _RIGHT = r"(?<![A-Za-z0-9])", r"(?![A-Za-z0-9])"

# A prefix that a provider reserves for its tokens, then characters that nobody writes by hand.
_PREFIXED = {
    "service_key": r"sk_[a-z0-9]{12}_[A-Za-z0-9]{20,}",
    "webhook_secret": r"whsec_[A-Za-z0-9+/=_-]{16,}",
    "stripe_key": r"[sr]k_(?:live|test)_[A-Za-z0-9]{10,}",
    "model_provider_key": r"(?:sk-|gsk_|xai-|pplx-|nvapi-|fw_|r8_|csk-|tgp_v1_)[A-Za-z0-9_-]{16,}",
    "aws_access_key": r"(?:AKIA|ASIA|ABIA|ACCA|A3T[A-Z0-9])[A-Z0-9]{12,}",
    "github_token": r"(?:gh[pousr]_|github_pat_)[A-Za-z0-9_]{16,}",
    "gitlab_token": r"gl(?:pat|ptt|dt|rt|cbt|soat|agent|oas|ft|imt)-[A-Za-z0-9_-]{16,}",
    "slack_token": r"xox[a-z](?:\.xox[a-z])?-[A-Za-z0-9-]{10,}|xapp-\d-[A-Za-z0-9-]{10,}",
    "slack_webhook": r"hooks\.slack\.com/(?:services|workflows)/[A-Za-z0-9/]{20,}",
    "chat_webhook": r"discord(?:app)?\.com/api/webhooks/\d{10,}/[\w-]{40,}|webhook\.office\.com/webhookb2/[\w@/-]{60,}",
    "google_key": r"AIza[A-Za-z0-9_-]{30,}|ya29\.[A-Za-z0-9_-]{20,}|GOCSPX-[A-Za-z0-9_-]{20,}|1//0[A-Za-z0-9_-]{30,}",
    "twilio_key": r"SK[0-9a-f]{30,}",
    "sendgrid_key": r"SG\.[A-Za-z0-9_-]{16,64}\.[A-Za-z0-9_-]{16,64}",
    "mail_provider_key": r"key-[0-9a-f]{30,}|[0-9a-f]{32}-us\d{1,2}|xkeysib-[0-9a-f]{40,}[A-Za-z0-9-]*",
    "package_registry_token": r"npm_[A-Za-z0-9]{30,}|pypi-[A-Za-z0-9_-]{30,}|rubygems_[0-9a-f]{40,}|dckr_pat_[\w-]{20,}"
    r"|oy2[a-z0-9]{43}|AKCp[A-Za-z0-9]{60,}|cio[A-Za-z0-9]{32}",
    "model_hub_token": r"hf_[A-Za-z0-9]{24,}|api_org_[A-Za-z0-9]{30,}",
    "cloud_token": r"dapi[0-9a-f]{28,}|do[opr]_v1_[0-9a-f]{40,}|shp(?:at|ca|pa|ss)_[0-9a-fA-F]{30,}|hv[sbr]\.[\w-]{20,}"
    r"|[A-Za-z0-9]{14}\.atlasv1\.[\w=-]{40,}|gl(?:sa|c)_[\w=+/]{24,}|dp\.(?:pt|st|ct|sa)\.[\w.]{20,}"
    r"|pscale_\w+_[\w.-]{24,}|tskey-[a-z]+-[\w-]{20,}|dt0[a-z]\d\d\.[A-Z0-9]{20,}\.[A-Z0-9]{40,}|pul-[0-9a-f]{40}"
    r"|amzn\.mws\.[0-9a-f-]{36}"
    r"|sb[ps]_[A-Za-z0-9_]{20,}|sq0[a-z]{3}-[\w-]{20,}|EAA[A-Za-z0-9]{60,}|rnd_[A-Za-z0-9]{28,}|fly?v1_[\w-]{30,}",
    "saas_token": r"PMAK-[0-9a-f-]{30,}|figd_[\w-]{30,}|lin_api_\w{30,}|ntn_\w{30,}"
    r"|sq[aup]_[0-9a-f]{40}|pat[A-Za-z0-9]{14}\.[0-9a-f]{64}|EZ[AT]K[A-Za-z0-9]{50,}|\d/\d{10,20}:[0-9a-f]{32}"
    r"|secret_[A-Za-z0-9]{40,}|NRAK-[A-Z0-9]{20,}"
    r"|sntry[su]_[\w=+/]{30,}|phx_\w{30,}|ATATT3[\w=+/-]{40,}|ATCTT3[\w=+/-]{40,}",
    "telegram_token": r"\d{8,10}:AA[A-Za-z0-9_-]{30,}",
    "discord_token": r"[MNO][A-Za-z\d_-]{22,28}\.[\w-]{6}\.[\w-]{27,}",
    "age_key": r"AGE-SECRET-KEY-1[A-Z0-9]{40,}",
    "json_web_token": r"eyJ[A-Za-z0-9_-]{6,}\.eyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]*",
}
_TOKEN = re.compile("|".join(f"(?P<{name}>{_LEFT}(?:{pattern}){_RIGHT})" for name, pattern in _PREFIXED.items()))
# Ordinary text has few words that are long enough for a token, and they are found much faster than tokens are.
_LONG_WORD = re.compile(r"\S{16,}")
_PRIVATE_KEY = re.compile(
    r"(?:-{2,5} ?BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)? ?-{2,5}|PuTTY-User-Key-File-\d)"
    r"(?=[\s\S]{0,400}?[A-Za-z0-9+/=]{32})"
    r"(?:(?!-{2,5} ?END)[\s\S])*(?:-{2,5} ?END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)? ?-{2,5})?"
)
KEY_BEGINS = re.compile(r"BEGIN[\s.]*(?:[A-Z0-9]{2,9}[\s.]*){0,3}?PRIVATE[\s.]*KEY|PuTTY-User-Key-File")
KEY_ENDS = re.compile(r"END (?:[A-Z0-9]+ ){0,3}PRIVATE KEY|Private-MAC:")
KEY_BODY = re.compile(r"[A-Za-z0-9+/=]{32}|^\s*[A-Za-z0-9+/=]{2,}\s*$")
_USER_INFO = re.compile(
    r"\b[a-z][a-z0-9+.-]{1,30}://[^\s/:@\"'<>`]{0,100}:([^\s/\"'<>`]{1,200})@(?=[^\s\"'<>`])", re.IGNORECASE
)
_KEY_AS_USER = re.compile(r"://([0-9a-f]{32})(?::[0-9a-f]{32})?@(?=[^\s\"'<>`])")
_SIGNATURE = re.compile(
    r"[?&](?:amp;)?(?:sig|X-Amz-Signature|X-Goog-Signature)=([A-Za-z0-9%+/_-]{32,500})", re.IGNORECASE
)
_HEADER = re.compile(
    r"(?:\b(?:Bearer|Basic|Token|Digest|SSWS)\s+|\b(?:x-api-key|authorization|(?:set-)?cookie)[\"']?\s*:\s*[\"']?|\"auth\"\s*:\s*\")"
    r"([A-Za-z0-9._~+/=-]{16,}+)",
    re.IGNORECASE,
)
_NAMES = (
    r"pass(?:word|wd|phrase|code)?|pwd|secrets?|tokens?|(?:api|access|auth|account|private|client|signing|encryption"
    r"|master|shared|service|storage|primary|webhook|session|hmac|deploy|unseal|recovery|secret|fernet|jwt|cookie)"
    r"[_ -]?(?:key|secret|token)"
    r"|credentials?|apikey|accesskey|accountkey|sharedaccesskey|passwort|contrase(?:ñ|n)a|mot de passe"
)
_ASSIGNED = re.compile(
    rf"(?:(?<![a-z])(?:[\w.-]{{0,60}}?[_.-])?|(?-i:(?<=[a-z])(?=[A-Z]))|\b(?:pg|db|mysql|redis|ssh|smtp))"
    rf"(?:{_NAMES})(?:[_ -]?(?:prod|production|live|staging|dev|value|v?\d))?"
    r"[\"'`*]{0,3}(?:\s*(?:=>|:=|==|=|:|→)\s*|\s+(?:(?:for|of|to|on|at|für|zu|de|del|pour|para)\s[^.:=\n]{1,40}?\s)?(?:is|was|lautet|es|est)(?:\s*:)?\s+)"
    r"(?:export\s+)?[\"'`*]{0,3}(?:(?<=[*`])\s[\"'`*]{1,3})?([^\s\"'`<>(){}\[\]|;,•]{8,200})",
    re.IGNORECASE,
)
# As in .netrc: nothing between the word and the value.
_FOLLOWS = re.compile(r"\b(?:password|passwd|pwd)[ \t]+([^\s\"'`<>(){}\[\]|;,•]{8,200})", re.IGNORECASE)
_ELEMENT = re.compile(
    rf"<(?:[\w.-]{{0,60}}?[_.:-])?(?:{_NAMES})>\s{{0,20}}([^\s<>]{{8,200}})\s{{0,20}}</", re.IGNORECASE
)
_COMMANDS = re.compile(
    r"\b(?:curl|wget|https?)\b[^\n]{0,120}?\s(?:-u|--user)[ =]{0,2}[\"']?[^\s:\"']{1,60}:([^\s\"'`]{8,200})"
    r"|\bsshpass\s{1,4}-p\s{0,4}[\"']?([^\s\"'`]{8,200})|\bmysql(?:dump|admin)?\b[^\n]{0,120}?\s-p([^\s\"'`]{8,200})"
)
"""Of curl, sshpass and MySQL."""
_PASS_LINE = re.compile(
    r"(?m:^)[ \t]{0,8}[\w.*-]{1,100}:(?:\d{2,5}|\*):[\w*-]{1,60}:[\w.-]{1,60}:([^\s:]{8,200})[ \t]*(?m:$)"
)
"""A line of .pgpass."""
_PASS_COLONS = 4
_KEY_PART = re.compile(r"\"(?:d|p|q|dp|dq|qi|k)\"\s*:\s*\"([A-Za-z0-9_-]{16,})\"")
_SECRET_NAME = re.compile(_NAMES, re.IGNORECASE)
_ROW = re.compile(r"(?m:^)[ \t]*\|([^\n]+)\|[ \t]*(?m:$)")
_CELL = re.compile(r"(?<=\|)[^|\n]*(?=\|)")
_AROUND_CELL = " \t*`"
# What an assignment or a header needs, and most texts lack: found much faster than the patterns fail.
_ASSIGNS = re.compile(r"[=:→]|\s(?:is|was|lautet|es|est)\b", re.IGNORECASE)
_IN_NAMES = ("pass", "pwd", "secret", "token", "key", "credential", "contrase")
_SEPARATES = re.compile(r"[\s:]")
_PLACEHOLDER = re.compile(
    r"^[<${%\[*.#_/-]|^(?:your|my|the|some|changeme|example|placeholder|dummy|sample|redacted|removed|none|null|true|false"
    r"|process|os|env|config|settings|self|this|secrets?|vault|ref|arn|file|https?)(?:[-_./:]|\Z)"
    r"|\.\.\.|…|•|\*\*\*|xxxx|(?:_here|-here)$",
    re.IGNORECASE,
)
_WORDS = re.compile(r"[A-Za-z]{1,24}(?:[-_./:][A-Za-z]{1,24}|[-_./:]\d{1,4})*[.:!?]?")
_WEAK = frozenset({"password", "pass", "secret", "user", "pwd", "postgres", "changeme", "example", "token", "test"})
_MIN_ENTROPY = 2.6


def secrets_in(text: str) -> Iterator[tuple[str, int, int]]:
    """Name, start and end of each credential; of an assignment or an address only its value."""
    yield from tokens_in(text)
    if "PRIVATE KEY" in text or "PuTTY" in text:
        yield from (("private_key", *match.span()) for match in _PRIVATE_KEY.finditer(text))
    if "://" in text:
        found = (match for match in _USER_INFO.finditer(text) if not _is_sample(match[1]))
        yield from (("connection_string", *match.span(1)) for match in found)
    for match in _HEADER.finditer(text) if _SEPARATES.search(text) else ():
        if _is_random(match[1]):
            yield "authorization", *match.span(1)
    for match in _ASSIGNED.finditer(text) if _may_assign(text) else ():
        value = match[1].rstrip(".,:!?*_")
        if len(value) >= 8 and _is_random(value):
            yield "assigned", match.start(1), match.start(1) + len(value)
    yield from _without_sign(text)
    yield from _by_place(text)
    if "|" in text and _SECRET_NAME.search(text):
        yield from _in_tables(text)


def _without_sign(text: str) -> Iterator[tuple[str, int, int]]:
    """The private parts of a JSON web key, and what follows the word password and has three kinds of characters."""
    for match in _KEY_PART.finditer(text) if '"kty"' in text else ():
        yield "json_web_key", *match.span(1)
    for match in _FOLLOWS.finditer(text):
        value = match[1].rstrip(".,:!?*_")
        kinds = (str.isupper, str.islower, str.isdigit)
        if _is_random(value) and len(value) >= 8 and all(any(map(kind, value)) for kind in kinds):
            yield "assigned", match.start(1), match.start(1) + len(value)


def _by_place(text: str) -> Iterator[tuple[str, int, int]]:
    """What a command, an element or an address has where credentials stand."""
    looked_for = (
        (_COMMANDS, " -" in text),
        (_PASS_LINE, text.count(":") >= _PASS_COLONS),
        (_ELEMENT, "</" in text),
    )
    for pattern, may_match in looked_for:
        for match in pattern.finditer(text) if may_match else ():
            if _is_random(match[match.lastindex or 0]):
                yield "assigned", *match.span(match.lastindex or 0)
    for match in _SIGNATURE.finditer(text) if "=" in text else ():
        yield "signed_address", *match.span(1)
    for match in _KEY_AS_USER.finditer(text) if "://" in text else ():
        yield "connection_string", *match.span(1)


def _in_tables(text: str) -> Iterator[tuple[str, int, int]]:
    """The cells of a Markdown table under or beside one that names a credential."""
    column, end = None, -1
    for row in _ROW.finditer(text):
        column, end = column if row.start() == end + 1 else None, row.end()
        cells = list(_CELL.finditer(text, row.start(1), row.end(1) + 1))
        named = [place for place, cell in enumerate(cells) if _SECRET_NAME.fullmatch(cell[0].strip(_AROUND_CELL))]
        if named:
            column = named[0]
        place = None if column is None else column + bool(named)
        if place is not None and place < len(cells):
            value = cells[place][0].strip(_AROUND_CELL)
            if len(value) >= 8 and " " not in value and _is_random(value):
                start = text.index(value, cells[place].start())
                yield "assigned", start, start + len(value)


def _may_assign(text: str) -> bool:
    lower = text.lower()
    return any(each in lower for each in _IN_NAMES) and _ASSIGNS.search(text) is not None


def may_name_secret(name: str) -> bool:
    """Whether a value of this name may be a credential for its name alone."""
    return _SECRET_NAME.search(name) is not None


def tokens_in(text: str) -> Iterator[tuple[str, int, int]]:
    """The credentials whose form alone gives them away, wherever they stand."""
    for word in _LONG_WORD.finditer(text):
        for match in _TOKEN.finditer(text, *word.span()):
            if len(set(match[0][-16:])) >= 5:
                yield match.lastgroup or "token", *match.span()


def _is_sample(value: str) -> bool:
    return bool(_PLACEHOLDER.search(value)) or value.lower() in _WEAK


def _is_random(value: str) -> bool:
    """Letters with digits or signs among them, and no words: what a person chose or a machine drew as a secret."""
    if _is_sample(value) or _WORDS.fullmatch(value):
        return False
    mixed = any(c.isalpha() for c in value) and any(c.isdigit() for c in value)
    return mixed and _entropy(value) >= _MIN_ENTROPY


def _entropy(value: str) -> float:
    """Shannon entropy of its characters, in bits."""
    counts = Counter(value)
    return -sum(n / len(value) * math.log2(n / len(value)) for n in counts.values())
