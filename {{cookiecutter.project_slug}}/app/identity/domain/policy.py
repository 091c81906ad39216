"""policies/identity.yaml: what the claims of a token give."""

from collections.abc import Iterable, Mapping
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from app.core.base_models import ExactModel
from app.core.policies import PolicyModel
from app.identity.domain import InvalidGroupName, check_groups
from app.identity.domain.provisioning import LinkAttribute, user_key
from app.identity.domain.tokens import (
    GrantSource,
    IdentityNotMapped,
    JsonValues,
    TokenClaimMissing,
    TokenGrant,
    TokenRules,
    issued_at,
    names_claim,
    names_given,
    optional_text_claim,
    text_claim,
)

TenantRole = Literal["user", "reviewer", "operator", "admin"]
Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]


class TokenAcceptance(ExactModel):
    """Which tokens are accepted, besides issuer and audience, which are settings."""

    algorithms: tuple[Algorithm, ...] = Field(
        ("RS256", "ES256"), min_length=1, description="Algorithms of signatures; a token with another is refused."
    )
    types: tuple[str, ...] = Field(
        ("at+jwt",), min_length=1, description="Values of the header typ. Some providers write JWT into access tokens."
    )
    scope: str = Field("", description="A scope that every access token must have; empty: none.")
    leeway_seconds: int = Field(30, ge=0, le=300, description="By how much clocks may differ.")
    lifetime_seconds: int = Field(3600, ge=60, le=86_400, description="A token that is valid for longer is refused.")
    keys_seconds: int = Field(
        600, ge=60, le=86_400, description="How long the provider's public keys are kept before they are read again."
    )
    refresh_seconds: int = Field(
        30, ge=5, le=3600, description="A key that is not known is looked for at most once in so many seconds."
    )


class TenantMapping(ExactModel):
    """The tenant of an identity: one for all, or by a claim."""

    name: str = Field("default", description="The tenant of everybody, where claim is empty.")
    claim: str = Field("", description="The claim that decides about the tenant.")
    values: Mapping[str, str] = Field({}, description="The tenant by the value of that claim; no other value gets in.")

    def tenant_of(self, claims: JsonValues) -> str:
        """Errors: TokenClaimMissing, IdentityNotMapped."""
        if not self.claim:
            return self.name
        tenant = self.values.get(text_claim(claims, self.claim))
        if tenant is None:
            raise IdentityNotMapped(f"The policy maps this value of the claim {self.claim} to no tenant.")
        return tenant


class RoleMapping(ExactModel):
    """The roles of an identity by the values of a claim, compared exactly."""

    claim: str = Field("groups", min_length=1, description="The claim that decides about roles.")
    values: Mapping[str, TenantRole] = Field({}, description="The role by a value of that claim.")
    service: tuple[str, ...] = Field(
        (), description="Values of that claim that give the role service, which is above all tenants."
    )

    def sources_of(self, claims: JsonValues) -> frozenset[GrantSource]:
        """Errors: TokenClaimMissing."""
        roles = {**self.values, **dict.fromkeys(self.service, "service")}
        held = names_claim(claims, self.claim)
        return frozenset(GrantSource(value, "role", role) for value, role in roles.items() if value in held)


class GroupMapping(ExactModel):
    """The access groups of an identity by the values of a claim, compared exactly."""

    claim: str = Field("groups", min_length=1, description="The claim that decides about access groups.")
    values: Mapping[str, str] = Field({}, description="The access group by a value of that claim.")

    @field_validator("values")
    @classmethod
    def _valid_names(cls, values: Mapping[str, str]) -> Mapping[str, str]:
        _check_names(values.values())
        return values

    def sources_of(self, claims: JsonValues) -> frozenset[GrantSource]:
        """Errors: TokenClaimMissing."""
        if not self.values:
            return frozenset()
        held = names_claim(claims, self.claim)
        return frozenset(GrantSource(value, "group", group) for value, group in self.values.items() if value in held)


class ServiceAccount(ExactModel):
    """A program that gets its tokens by client credentials. Such tokens have no groups of a person."""

    tenant: str = Field("default", description="Its tenant.")
    roles: tuple[TenantRole, ...] = Field(("user",), min_length=1, description="Its roles.")
    groups: tuple[str, ...] = Field((), description="Its access groups.")

    @field_validator("groups")
    @classmethod
    def _valid_names(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        _check_names(values)
        return values


class SessionRules(ExactModel):
    """How long a person stays signed in to the console."""

    idle_minutes: int = Field(30, ge=1, le=1440, description="Without a request, a session ends after so long.")
    claims_of: Literal["access_token", "id_token"] = Field(
        "access_token",
        description="Which of the two tokens of a sign-in decides about tenant, roles and groups. id_token only for a "
        "provider whose access tokens are not for this service.",
    )
    absolute_hours: int = Field(8, ge=1, le=24, description="A session ends after so long in any case.")
    refresh_minutes: int = Field(
        5,
        ge=1,
        le=1440,
        description="Where the provider gives a refresh token: roles and groups of a session are asked for again after "
        "so long, and the session ends when the provider refuses.",
    )
    stale_minutes: int = Field(30, ge=1, le=1440, description="A session that could not be refreshed for so long ends.")


class ProvisioningRules(ExactModel):
    """How the accounts that the provider provisions (SCIM) are found by tokens."""

    claim: str = Field("sub", min_length=1, description="The claim of tokens that names the provisioned account.")
    attribute: LinkAttribute = Field(
        "external_id", description="The attribute of accounts that is compared with it: external_id or user_name."
    )
    required: bool = Field(False, description="Whether a person without an account does not get in.")

    def link_of(self, claims: JsonValues) -> str:
        """Errors: TokenClaimMissing."""
        value = text_claim(claims, self.claim)
        return user_key(value) if self.attribute == "user_name" else value


class IdentityPolicy(PolicyModel):
    """policies/identity.yaml: who signs in with a token of the identity provider, and what the token's claims give.

    It has no effect until APP_OIDC_ISSUER names a provider. API keys are not affected.
    """

    person: str = Field(
        "sub",
        min_length=1,
        description="The claim that names a person, in approvals, reviews and the audit log. It must never change.",
    )
    tokens: TokenAcceptance = TokenAcceptance()
    tenant: TenantMapping = TenantMapping()
    roles: RoleMapping = RoleMapping()
    groups: GroupMapping = GroupMapping()
    accounts: Mapping[str, ServiceAccount] = Field({}, description="Service accounts, by the subject of their tokens.")
    sessions: SessionRules = SessionRules()
    provisioning: ProvisioningRules = ProvisioningRules()

    @model_validator(mode="after")
    def _no_role_by_accident(self) -> Self:
        if double := sorted(set(self.roles.service) & self.roles.values.keys()):
            raise ValueError(f"'{double[0]}' gives the role service; name it under roles.values or roles.service")
        return self

    def rules(self, issuer: str, audience: str) -> TokenRules:
        """The rules of access tokens of this issuer for this audience."""
        tokens = self.tokens
        return TokenRules(
            issuer=issuer,
            audience=audience,
            algorithms=tokens.algorithms,
            types=tokens.types,
            leeway_seconds=tokens.leeway_seconds,
            lifetime_seconds=tokens.lifetime_seconds,
            scope=tokens.scope,
        )

    def grant_of(self, claims: JsonValues) -> TokenGrant:
        """What the claims of a checked token give. Errors: TokenClaimMissing, IdentityNotMapped."""
        subject, issuer, at = text_claim(claims, "sub"), str(claims["iss"]), issued_at(claims)
        account, session = self.accounts.get(subject), optional_text_claim(claims, "sid")
        if account:
            roles, groups = frozenset[str](account.roles), frozenset(account.groups)
            return TokenGrant(account.tenant, issuer, subject, subject, roles, groups, at, session)
        person = _person(text_claim(claims, self.person))
        tenant, sources = self.tenant.tenant_of(claims), self.roles.sources_of(claims)
        if not sources:
            raise IdentityNotMapped(f"The policy gives a role for none of the values of the claim {self.roles.claim}.")
        sources, link = sources | self.groups.sources_of(claims), self.provisioning.link_of(claims)
        role_names, group_names = (names_given(sources, kind) for kind in ("role", "group"))
        return TokenGrant(tenant, issuer, subject, person, role_names, group_names, at, session, link, sources)


def _person(name: str) -> str:
    """The same person in any case and with blanks around. Errors: TokenClaimMissing."""
    person = name.strip().casefold()
    if not person:
        raise TokenClaimMissing("The claim that names the person holds nothing but blanks.")
    return person


def _check_names(names: Iterable[str]) -> None:
    try:
        check_groups(names)
    except InvalidGroupName as error:
        raise ValueError(str(error)) from error
