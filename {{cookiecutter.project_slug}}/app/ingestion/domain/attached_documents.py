"""Who may read the attachments of a message: those who may read the message, or fewer."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from app.ingestion.domain.access_groups import common_access_groups
from app.ingestion.domain.attachment_addresses import is_below
from app.ingestion.domain.documents import Upload


@dataclass(frozen=True, slots=True)
class AttachedDocument:
    """A document that came with a message, at any depth.

    message, message_groups: the message and the access groups of its published version. live_groups: those of its own
    published version. newest_groups, name and sha256: of its newest one, which may still be processed or in quarantine.
    """

    id: UUID
    message: UUID
    uri: str
    name: str
    sha256: bytes
    live_groups: tuple[str, ...]
    newest_groups: tuple[str, ...]
    message_groups: tuple[str, ...]

    @property
    def own_groups(self) -> list[str]:
        return common_access_groups(self.live_groups, self.newest_groups)

    @property
    def is_narrowed(self) -> bool:
        """Whether somebody took it from readers of the message."""
        return common_access_groups(self.own_groups, self.message_groups) != sorted(self.message_groups)


def groups_of_attachment(
    file: Upload, message_groups: Sequence[str], earlier: Sequence[AttachedDocument], removed: Collection[UUID]
) -> tuple[str, ...]:
    """The access groups of an attachment of a message's new version: those of the message, without the readers from
    whom the attachment was taken before.

    removed: the ones of `earlier` that are at no address of the new version. Where one of them has the name or the
    content of the file, it was moved within the message.
    """
    before = [each.uri for each in earlier if _is_same(each, file, removed)]
    groups = sorted(message_groups)
    for each in _narrowed(earlier):
        if each.uri in before or (each.id in removed and is_below(each.uri, before)):
            groups = common_access_groups(groups, each.own_groups)
    return tuple(groups)


def _is_same(earlier: AttachedDocument, file: Upload, removed: Collection[UUID]) -> bool:
    moved = earlier.id in removed and (earlier.name == file.name or earlier.sha256 == file.digest)
    return moved or earlier.uri == file.uri


def _narrowed(earlier: Sequence[AttachedDocument]) -> Iterator[AttachedDocument]:
    return (each for each in earlier if each.is_narrowed)
