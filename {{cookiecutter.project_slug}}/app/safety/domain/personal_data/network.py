"""Addresses: e-mail, names of users in URLs, IP and MAC addresses."""

import re
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address

from app.safety.domain.personal_data.findings import PersonalData

MAX_LOCAL = 64
_LOCAL = re.compile(r"[\w%+'-](?:[\w.%+'-]*[\w%+'-])?\Z")
_DOMAIN = re.compile(
    r"(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,8}(?:xn--[a-z0-9-]{2,59}|[^\W\d_]{2,63})(?![\w-])", re.IGNORECASE
)
_RETINA = re.compile(r"\dx\.", re.IGNORECASE)
_REMOTE = re.compile(r":[\w~/.]")
# Users of databases and queues are services, not people.
_URL = re.compile(
    r"(?<![a-z])(?:https?|s?ftp|ftps|ssh|git\+ssh|smb|imaps?|smtps?|webdav|sip|xmpp)://"
    r"([^\s/@:\"'<>]{1,64})(?::[^\s/@\"'<>]{0,128})?@(?=[\w\[])",
    re.IGNORECASE,
)
_PROFILE = re.compile(
    r"(?:linkedin\.com/(?:in|pub)|facebook\.com/people|medium\.com/@)/?([\w%.-]{2,80})", re.IGNORECASE
)
_SHARED = frozenset(
    ("user", "username", "name", "root", "admin", "postgres", "git", "app", "service", "guest", "test", "oauth2")
)
_IPV4 = re.compile(r"(?<!(?a:[\w.]))(?:\d{1,3}\.){3}\d{1,3}(?!(?a:\w)|-[A-Za-z]|\.\d|/\d)")
_IPV6 = re.compile(
    r"(?<!(?a:[\w:.]))(?:[0-9a-f]{1,4}:|::)(?:[0-9a-f]{0,4}:){1,6}(?:(?:\d{1,3}\.){3}\d{1,3}|[0-9a-f]{1,4})?(?!(?a:\w)|[:/.]\w)",
    re.IGNORECASE,
)
_LONG_GROUP = re.compile(r"[0-9a-f]{3}", re.IGNORECASE)
_VERSION = re.compile(
    r"(?:version|release|firmware|build|upgrade[sd]?|section|chapter|v|ver)\.?[ :=]*(?:from +|to +)?$", re.IGNORECASE
)
_SECTION = re.compile(r"[ \t]+[^\W\d_]")
_MAC = re.compile(r"(?<!(?a:[\w:-]))[0-9a-f]{2}([:-])(?:[0-9a-f]{2}\1){4}[0-9a-f]{2}(?!(?a:[\w:-]))", re.IGNORECASE)
_DOTTED_MAC = re.compile(r"\.[0-9a-f]{4}\.", re.IGNORECASE)
_WHOLE_DOTTED_MAC = re.compile(r"(?<![\w.])[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4}(?![\w.])", re.IGNORECASE)
_HEX_LETTER = re.compile(r"[a-f]", re.IGNORECASE)


class EmailDetector:
    """E-mail addresses of any top-level domain; not user@host of a URL, nor what only looks like one."""

    def find(self, text: str) -> Iterator[PersonalData]:
        at = text.find("@")
        while at >= 0:
            local = _LOCAL.search(text, max(0, at - MAX_LOCAL), at)
            domain = _DOMAIN.match(text, at + 1)
            if local and domain and not self._is_other(text, local.start(), at, domain.end()):
                start = local.start() + (len(local[0]) - len(local[0].lstrip("'-%")))
                yield PersonalData("email", start, domain.end(), why="its form")
            at = text.find("@", at + 1)

    def _is_other(self, text: str, start: int, at: int, end: int) -> bool:
        if _RETINA.match(text, at + 1) or (_REMOTE.match(text, end) and text[start:at] == "git"):
            return True
        before = text[max(0, start - MAX_LOCAL) : start]
        return "://" in before and not re.search(r"[\s/?&=,;]", before.rpartition("://")[2])


class UrlUserDetector:
    """The user (and password) in front of a URL's host, and the names in addresses of profiles."""

    def find(self, text: str) -> Iterator[PersonalData]:
        if "@" in text and "://" in text:
            for match in _URL.finditer(text):
                if match[1].lower() not in _SHARED and not match[1].startswith(("$", "{", "<", "%")):
                    yield PersonalData("url_user", match.start(1), match.end() - 1, why="before the host of a URL")
        if ".com/" in text:
            for match in _PROFILE.finditer(text):
                yield PersonalData("url_user", match.start(1), match.end(1), why="the address of a profile")


class IpDetector:
    """IPv4 and IPv6 addresses of machines; not loopback, masks, networks, versions or numbers of sections."""

    def find(self, text: str) -> Iterator[PersonalData]:
        for match in _IPV6.finditer(text) if text.count(":") > 1 else ():
            # What slices and scopes of programs look like has neither.
            if any(each.isdigit() for each in match[0]) and (match[0].count(":") > 4 or _LONG_GROUP.search(match[0])):
                yield from self._address(match, IPv6Address)
        for match in _IPV4.finditer(text) if "." in text else ():
            if not self._is_number(text, match):
                yield from self._address(match, IPv4Address)

    def _address(self, match: re.Match[str], kind: type[IPv4Address] | type[IPv6Address]) -> Iterator[PersonalData]:
        try:
            address = ip_address(match[0])
        except ValueError:
            return
        if isinstance(address, kind) and not (address.is_loopback or address.is_unspecified):
            yield PersonalData("ip_address", match.start(), match.end(), why=f"a valid IPv{address.version} address")

    def _is_number(self, text: str, match: re.Match[str]) -> bool:
        """Whether it is the number of a version, a section or a network mask."""
        if match[0].startswith("255."):
            return True
        if _VERSION.search(text, max(0, match.start() - 20), match.start()):
            return True
        starts_line = match.start() == 0 or text[match.start() - 1] in "\n#"
        small = all(int(part) < 32 for part in match[0].split("."))
        return starts_line and small and bool(_SECTION.match(text, match.end()))


class MacDetector:
    def find(self, text: str) -> Iterator[PersonalData]:
        matches = [*_MAC.finditer(text)] if max(text.count(":"), text.count("-")) >= 5 else []
        if _DOTTED_MAC.search(text):
            matches += _WHOLE_DOTTED_MAC.finditer(text)
        for match in matches:
            digits = re.sub(r"[:.-]", "", match[0]).lower()
            if len(set(digits)) > 1 and (":" in match[0] or _HEX_LETTER.search(digits)):
                yield PersonalData("mac_address", match.start(), match.end(), why="its form")
