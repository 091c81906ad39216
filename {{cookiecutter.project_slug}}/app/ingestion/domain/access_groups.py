"""Access groups of documents and of uploads to existing ones. No access groups: everybody of the tenant."""

from collections.abc import Collection, Sequence

from app.identity.domain import Principal
from app.ingestion.domain.documents import AccessGroupsForbidden, ExistingDocument, UploadOptions

NOBODY = "!nobody"
"""A group that no key can have."""


def access_groups_of(
    options: UploadOptions, defaults: Sequence[str], existing: ExistingDocument | None, caller: Principal
) -> tuple[str, ...]:
    """The access groups of an upload. defaults: those of its source.

    Without groups of its own, an upload keeps those of the existing document. Errors: AccessGroupsForbidden.
    """
    if existing is None:
        return options.access_groups or tuple(sorted(defaults))
    if options.access_groups is None:
        return existing.newest_groups
    groups = options.access_groups or tuple(sorted(defaults))
    widens = widens_access(groups, existing.newest_groups) or widens_access(groups, existing.live_groups)
    reads_it = caller.reads(existing.newest_groups) and caller.reads(existing.live_groups)
    if widens and not caller.is_command_line and not reads_it:
        raise AccessGroupsForbidden("This would let others read a document that this key may not read itself.")
    return groups


def common_access_groups(some: Collection[str], others: Collection[str]) -> list[str]:
    """Access groups for the readers that both sets have in common."""
    if not some or not others:
        return sorted(some or others)
    return sorted(set(some) & set(others)) or [NOBODY]


def widens_access(new: Collection[str], old: Collection[str]) -> bool:
    """Whether `new` admits readers that `old` does not."""
    return bool(old) and (not new or not set(new) <= set(old))
