from app.adapters.parsers.xml_parts import Element, Parts, attribute


class OpenDocumentVisibility:
    """What the styles of an OpenDocument file hide: text, slides and sheets."""

    def __init__(self, parts: Parts, content: Element) -> None:
        styles = [content, *([parts.xml("styles.xml")] if "styles.xml" in parts else [])]
        self._unseen: set[str] = set()
        self._pages: set[str] = set()
        self._tables: set[str] = set()
        for style in (each for root in styles for each in root.iter("{*}style")):
            name = attribute(style, "name") or ""
            for properties in style:
                if attribute(properties, "display") == "none":
                    self._unseen.add(name)
                if attribute(properties, "display") == "false":
                    self._tables.add(name)
                if attribute(properties, "visibility") == "hidden":
                    self._pages.add(name)

    def hides_text(self, element: Element) -> bool:
        return bool(self._unseen) and attribute(element, "style-name") in self._unseen

    def hides_page(self, page: Element) -> bool:
        return bool(self._pages) and attribute(page, "style-name") in self._pages

    def hides_table(self, table: Element) -> bool:
        return bool(self._tables) and attribute(table, "style-name") in self._tables
