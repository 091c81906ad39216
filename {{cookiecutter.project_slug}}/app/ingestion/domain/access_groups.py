"""Who may read a document, before and after an upload to its address."""

from collections.abc import Collection, Sequence

from app.identity.domain import Principal
from app.ingestion.domain.documents import AccessGroupsForbidden, ExistingDocument, UploadOptions

NOBODY = "!nobody"
"""A group that no key can hold."""


def access_groups_of(
    common: UploadOptions, defaults: Sequence[str], place: ExistingDocument | None, caller: Principal
) -> tuple[str, ...]:
    """Who may read an upload. defaults: whom its source names.

    Without a word on it, a document keeps its readers. Errors: AccessGroupsForbidden.
    """
    if place is None:
        return common.access_groups or tuple(sorted(defaults))
    if common.access_groups is None:
        return place.wanted
    wanted = common.access_groups or tuple(sorted(defaults))
    opens = widens_access(wanted, place.wanted) or widens_access(wanted, place.readers)
    if opens and not caller.is_command_line and not (caller.reads(place.wanted) and caller.reads(place.readers)):
        raise AccessGroupsForbidden("This would let others read a document that this key may not read itself.")
    return wanted


def common_access_groups(some: Collection[str], others: Collection[str]) -> list[str]:
    """The readers that two sets of access groups have in common, as a set of access groups. None named: everybody."""
    if not some or not others:
        return sorted(some or others)
    return sorted(set(some) & set(others)) or [NOBODY]


def widens_access(new: Collection[str], old: Collection[str]) -> bool:
    """Whether somebody may read with `new` who may not with `old`."""
    return bool(old) and (not new or not set(new) <= set(old))
