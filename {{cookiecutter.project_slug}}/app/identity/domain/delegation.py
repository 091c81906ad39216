"""What a key that is made by another one may have at most."""

from collections.abc import Collection
from ipaddress import IPv4Network, IPv6Network, ip_network

from app.identity.domain import InvalidKeyTerms, KeyTerms, Principal


def check_delegated(terms: KeyTerms, granter: Principal) -> None:
    """A key that ends, works from some networks or has a limit of its own makes no key that outlives it, works from
    elsewhere or may send more.

    terms: as they are stored. Errors: InvalidKeyTerms.
    """
    ends, limit = granter.expires_at, granter.requests_per_minute
    if ends and (terms.expires_at is None or terms.expires_at > ends):
        raise InvalidKeyTerms(f"A key that this one makes must end by {ends:%Y-%m-%d %H:%M} UTC, as this one does.")
    if granter.hosts and not (terms.hosts and all(_within(each, granter.hosts) for each in terms.hosts)):
        raise InvalidKeyTerms(f"A key that this one makes may work from its networks only: {', '.join(granter.hosts)}.")
    if limit and (terms.requests_per_minute is None or terms.requests_per_minute > limit):
        raise InvalidKeyTerms(f"A key that this one makes may send at most {limit} requests a minute.")


def _within(network: str, networks: Collection[str]) -> bool:
    return any(_contains(ip_network(each), ip_network(network)) for each in networks)


def _contains(outer: IPv4Network | IPv6Network, inner: IPv4Network | IPv6Network) -> bool:
    if isinstance(outer, IPv4Network):
        return isinstance(inner, IPv4Network) and inner.subnet_of(outer)
    return isinstance(inner, IPv6Network) and inner.subnet_of(outer)
