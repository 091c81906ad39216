"""Provisioning by the identity provider (SCIM): accounts and groups that count at the next request."""

from collections.abc import AsyncIterator, Callable, Collection, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core import audit
from app.core.audit import Act
from app.core.clock import Clock
from app.core.database import Database, notify
from app.core.ids import new_id
from app.identity.domain import IDENTITY_CHANGED, Principal
from app.identity.domain.identification import StoredIdentity
from app.identity.domain.policy import ProvisioningRules
from app.identity.domain.provisioning import (
    AttributeFilter,
    GroupContent,
    NameTaken,
    ProvisionedGroup,
    ProvisionedUser,
    ScimNotFound,
    ScimProblem,
    UserContent,
)
from app.identity.domain.tokens import names_given
from app.identity.repository import identity_rows, provisioning_rows
from app.identity.service.caller_cache import CallerCache


@dataclass(frozen=True)
class Provisioning:
    """Users and groups of each tenant. cache: of verified tokens, from which this process drops who is concerned."""

    database: Database
    clock: Clock
    rules: ProvisioningRules
    cache: CallerCache = field(default_factory=CallerCache)

    async def users(
        self, caller: Principal, where: AttributeFilter | None = None, offset: int = 0, limit: int = 1
    ) -> tuple[int, list[ProvisionedUser]]:
        """The number of all that match, and some of them."""
        async with self.database.read(caller.tenant_id) as connection:
            return await provisioning_rows.list_users(connection, where, offset, limit)

    async def groups(
        self, caller: Principal, where: AttributeFilter | None = None, offset: int = 0, limit: int = 1
    ) -> tuple[int, list[ProvisionedGroup]]:
        """As `users`."""
        async with self.database.read(caller.tenant_id) as connection:
            return await provisioning_rows.list_groups(connection, where, offset, limit)

    async def user(self, caller: Principal, user_id: UUID) -> ProvisionedUser:
        """Errors: ScimNotFound."""
        async with self.database.read(caller.tenant_id) as connection:
            return await _user(connection, user_id)

    async def group(self, caller: Principal, group_id: UUID) -> ProvisionedGroup:
        """Errors: ScimNotFound."""
        async with self.database.read(caller.tenant_id) as connection:
            return await _group(connection, group_id)

    async def put_user(
        self, caller: Principal, user_id: UUID | None, change: Callable[[UserContent | None], UserContent]
    ) -> ProvisionedUser:
        """Store a user as `change` makes it of what is there; None is a new one. No other change comes between.

        Errors: ScimNotFound, NameTaken, those of `change`.
        """
        with _other_has("Another user of this tenant has this userName."):
            async with self._changing(caller) as (connection, changed):
                before = await _user(connection, user_id) if user_id else None
                key, now, content = user_id or new_id(), self.clock.now(), change(before.content if before else None)
                await provisioning_rows.store_user(connection, caller.tenant_id, key, content, now, new=before is None)
                after = await _user(connection, key)
                changed += await self._apply(connection, caller.tenant_id, [each for each in (before, after) if each])
                words = tuple(f"active: {each.active}" if each else None for each in (before, after))
                await self._record(connection, caller, f"user {key}", *words)
        return after

    async def delete_user(self, caller: Principal, user_id: UUID) -> None:
        """Errors: ScimNotFound."""
        async with self._changing(caller) as (connection, changed):
            before = await _user(connection, user_id)
            await provisioning_rows.delete_user(connection, user_id, self.clock.now())
            changed += await self._apply(connection, caller.tenant_id, [before])
            await self._record(connection, caller, f"user {user_id}", f"active: {before.active}", "deleted")

    async def put_group(
        self, caller: Principal, group_id: UUID | None, change: Callable[[GroupContent | None], GroupContent]
    ) -> ProvisionedGroup:
        """As `put_user`, for a group with its members. Errors: ScimProblem too, for a member that is no user."""
        with _other_has("Another group of this tenant has this displayName."):
            async with self._changing(caller) as (connection, changed):
                before = await _group(connection, group_id) if group_id else None
                content = change(before.content if before else None)
                if content.members - await provisioning_rows.existing_users(connection, content.members):
                    raise ScimProblem("invalidValue", "A member is not a user of this service.")
                key, now = group_id or new_id(), self.clock.now()
                await provisioning_rows.store_group(connection, caller.tenant_id, key, content, now, new=before is None)
                after = await _group(connection, key)
                changed += await self._apply_all(connection, caller.tenant_id)
                words = tuple(f"{len(each.members)} members" if each else None for each in (before, after))
                await self._record(connection, caller, f"group {key}", *words)
        return after

    async def delete_group(self, caller: Principal, group_id: UUID) -> None:
        """Errors: ScimNotFound."""
        async with self._changing(caller) as (connection, changed):
            before = await _group(connection, group_id)
            await provisioning_rows.delete_group(connection, group_id)
            changed += await self._apply_all(connection, caller.tenant_id)
            await self._record(connection, caller, f"group {group_id}", f"{len(before.members)} members", "deleted")

    @asynccontextmanager
    async def _changing(self, caller: Principal) -> AsyncIterator[tuple[AsyncConnection, list[UUID]]]:
        """A transaction in which nobody else provisions in this tenant, and a list for the identities that it changes:
        this process forgets them once it is committed.
        """
        changed: list[UUID] = []
        async with self.database.transaction(caller.tenant_id) as connection:
            await provisioning_rows.lock(connection, caller.tenant_id, shared=False)
            yield connection, changed
        for each in changed:
            self.cache.forget(each)

    async def _apply(
        self, connection: AsyncConnection, tenant_id: UUID, users: Collection[ProvisionedUser]
    ) -> list[UUID]:
        """Give the identities of these users what counts now. Returns the ids of those that changed."""
        links = {link for each in users if (link := each.link(self.rules.attribute))}
        return await self._update(connection, tenant_id, await identity_rows.list_linked(connection, links))

    async def _apply_all(self, connection: AsyncConnection, tenant_id: UUID) -> list[UUID]:
        """As `_apply`, for every identity: a value that a group decides about is taken from all who are not in it."""
        return await self._update(connection, tenant_id, await identity_rows.list_linked(connection, None))

    async def _update(
        self, connection: AsyncConnection, tenant_id: UUID, identities: Collection[StoredIdentity]
    ) -> list[UUID]:
        changed = []
        for each in identities:
            values = {source.value for source in each.sources}
            access = await provisioning_rows.access_of(
                connection, tenant_id, self.rules.attribute, each.link or "", values
            )
            suspended = (access.known or self.rules.required) and not access.active
            roles, groups = (sorted(names_given(each.sources, kind, access.withheld)) for kind in ("role", "group"))
            if (suspended, roles, groups) != (each.suspended_at is not None, each.roles, each.groups):
                at = (each.suspended_at or self.clock.now()) if suspended else None
                await identity_rows.set_access(connection, each.id, roles, groups, at)
                await notify(connection, IDENTITY_CHANGED, str(each.id))
                changed.append(each.id)
        return changed

    async def _record(
        self, connection: AsyncConnection, caller: Principal, subject: str, before: str | None, after: str | None
    ) -> None:
        act = Act(caller.name, "account.provision", f"provisioned {subject}", "", before, after, caller.tenant_id)
        await audit.record(connection, act, self.clock.now())


@contextmanager
def _other_has(detail: str) -> Iterator[None]:
    """Errors: NameTaken, for a name that the database refuses to store twice."""
    try:
        yield
    except IntegrityError as error:
        raise NameTaken(detail) from error


async def _user(connection: AsyncConnection, user_id: UUID) -> ProvisionedUser:
    _, found = await provisioning_rows.list_users(connection, AttributeFilter("id", str(user_id)), 0, 1)
    if not found:
        raise ScimNotFound(f"There is no user {user_id}.")
    return found[0]


async def _group(connection: AsyncConnection, group_id: UUID) -> ProvisionedGroup:
    _, found = await provisioning_rows.list_groups(connection, AttributeFilter("id", str(group_id)), 0, 1)
    if not found:
        raise ScimNotFound(f"There is no group {group_id}.")
    return found[0]
