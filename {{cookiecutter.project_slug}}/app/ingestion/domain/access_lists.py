"""Access lists of sources: who may read which of a source's documents, by their addresses.

A rule names one address; or, ending in a slash, all addresses below it; or, as `*`, all addresses of the source. Where
several rules name a document, the one of the address itself counts, then the one of the longest folder.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from app.core.errors import Invalid
from app.identity.domain import GROUP_PATTERN, Principal
from app.ingestion.domain.access_groups import widens_access
from app.ingestion.domain.attachment_addresses import message_address
from app.ingestion.domain.documents import AccessGroupsForbidden, UnsafeName, check_uri

EVERY_ADDRESS: Final = "*"
MAX_RULES: Final = 1000
MAX_GROUPS: Final = 100


class BadAccessList(Invalid):
    code, title = "bad_access_list", "The access list is not valid"
    action = "Name an address, a folder with a slash at its end or '*' once each, with names of access groups."


@dataclass(frozen=True, slots=True)
class AccessRule:
    """access_groups: sorted; none is everybody of the tenant."""

    uri: str
    access_groups: tuple[str, ...]

    def names(self, uri: str) -> bool:
        """Whether the rule is about this address, or about all of this folder."""
        return self.uri in (uri, EVERY_ADDRESS) or (self.uri.endswith("/") and uri.startswith(self.uri))


@dataclass(frozen=True, slots=True)
class SourceAccess:
    """The access list of a source. set_at, set_by: of the newest change; None where no list was ever set."""

    source: str
    rules: tuple[AccessRule, ...] = ()
    set_at: datetime | None = None
    set_by: str | None = None

    def groups_of(self, uri: str) -> tuple[str, ...] | None:
        """The access groups of a document at this address; None where no rule names it. An attachment has those of its
        message.
        """
        uri = message_address(uri)
        named = [rule for rule in self.rules if rule.names(uri)]
        best = max(named, key=lambda rule: (rule.uri == uri, rule.uri != EVERY_ADDRESS, len(rule.uri)), default=None)
        return best.access_groups if best else None


@dataclass(frozen=True, slots=True)
class SharedDocument:
    """A document whose access is to change: its published version's access groups, its newest version's, and those
    that both are to have.
    """

    id: UUID
    live_groups: tuple[str, ...]
    newest_groups: tuple[str, ...]
    new_groups: tuple[str, ...]

    @property
    def changes(self) -> bool:
        return not self.live_groups == self.newest_groups == self.new_groups

    @property
    def opens(self) -> bool:
        """Whether somebody may read it now who could not before."""
        return widens_access(self.new_groups, self.live_groups) or widens_access(self.new_groups, self.newest_groups)

    def may_be_opened_by(self, caller: Principal) -> bool:
        return caller.is_command_line or (caller.reads(self.live_groups) and caller.reads(self.newest_groups))


@dataclass(frozen=True, slots=True)
class AccessChange:
    """What a change of access did. documents: it was about so many; opened: readers were added to so many of them."""

    documents: int
    changed: int
    opened: int

    @property
    def warnings(self) -> tuple[str, ...]:
        if not self.opened:
            return ()
        what = "1 document" if self.opened == 1 else f"{self.opened} documents"
        return (f"{what} can now be read by more callers than before, with everything derived from it.",)


def access_groups_named(groups: Iterable[str]) -> tuple[str, ...]:
    """Sorted, without duplicates. Errors: BadAccessList."""
    names = tuple(sorted(set(groups)))
    if invalid := [name for name in names if not GROUP_PATTERN.fullmatch(name)]:
        raise BadAccessList(f"'{invalid[0][:100]}' is not a valid name of an access group.")
    if len(names) > MAX_GROUPS:
        raise BadAccessList(f"{len(names)} access groups; {MAX_GROUPS} is the limit.")
    return names


def access_rules(rules: Sequence[tuple[str, Collection[str]]]) -> tuple[AccessRule, ...]:
    """The rules of a list, checked, by address. Errors: BadAccessList."""
    if len(rules) > MAX_RULES:
        raise BadAccessList(f"{len(rules)} rules; {MAX_RULES} is the limit.")
    checked: dict[str, AccessRule] = {}
    for uri, groups in rules:
        try:
            check_uri(uri)
        except UnsafeName as error:
            raise BadAccessList(error.detail) from error
        if not uri or uri in checked:
            raise BadAccessList(f"The address '{uri[:100]}' stands there twice." if uri else "An address is empty.")
        checked[uri] = AccessRule(uri, access_groups_named(groups))
    return tuple(checked[uri] for uri in sorted(checked))


def check_list(old: SourceAccess, new: SourceAccess, defaults: Sequence[str], caller: Principal) -> None:
    """Whether the caller may give this list to later documents. defaults: of documents that no rule names.

    Errors: AccessGroupsForbidden, where documents that it could not read would be open to others.
    """
    for uri in {rule.uri for rule in (*old.rules, *new.rules)} | {EVERY_ADDRESS}:
        before, after = (tuple(defaults) if g is None else g for g in (old.groups_of(uri), new.groups_of(uri)))
        if widens_access(after, before) and not caller.is_command_line and not caller.reads(before):
            raise AccessGroupsForbidden(f"The rule for '{uri[:100]}' would open documents that this key may not read.")


def check_opening(documents: Iterable[SharedDocument], caller: Principal) -> None:
    """Errors: AccessGroupsForbidden: only a reader of a document may open it to others."""
    if any(each.opens and not each.may_be_opened_by(caller) for each in documents):
        raise AccessGroupsForbidden("This would let others read a document that this key may not read itself.")


def rules_of_file(content: object) -> Mapping[str, Collection[str]]:
    """The rules in a parsed access file: a mapping of addresses to lists of groups. Errors: BadAccessList."""
    if not isinstance(content, dict) or not all(isinstance(uri, str) for uri in content):
        raise BadAccessList("The file is no mapping of addresses to lists of access groups.")
    for uri, groups in content.items():
        if not isinstance(groups, list) or not all(isinstance(group, str) for group in groups):
            raise BadAccessList(f"'{uri[:100]}' is followed by something else than a list of access groups.")
    return content
