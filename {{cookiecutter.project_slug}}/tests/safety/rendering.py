"""What a renderer of Markdown or HTML would load or link in a text."""

from selectolax.lexbor import LexborHTMLParser

from app.safety.domain.link_hosts import LinkHosts
from tests.safety.harmless_answers import HOST
from tests.safety.test_markup import HARMLESS, RENDERERS

HOSTS = LinkHosts((HOST,))


def stray_tags(text: str, hosts: LinkHosts = HOSTS) -> list[str]:
    """The tags that are neither harmless nor links and images to the permitted hosts, in three renderers."""
    pages = [text, *(renderer.render(text) for renderer in RENDERERS)]
    tags = [(node.tag, node.attributes) for page in pages for node in LexborHTMLParser(page).css("*") if node.tag]
    return [str(tag) for tag, values in tags if not HARMLESS.fullmatch(tag) and not _permitted(tag, values, hosts)]


def _permitted(tag: str, values: dict[str, str | None], hosts: LinkHosts) -> bool:
    address = values.get("href") or values.get("src") or ""
    return tag in ("a", "img") and values.keys() <= {"href", "src", "alt", "title"} and hosts.permits(address)
