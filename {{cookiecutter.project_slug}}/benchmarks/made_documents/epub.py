from collections.abc import Iterator

from benchmarks.made_documents import MadeDocument
from benchmarks.made_documents.prose import Prose
from tests.adapters.parsers.office_files import epub


def make(count: int, seed: int) -> Iterator[MadeDocument]:
    for number in range(count):
        prose = Prose(seed + number)
        pages, titles, words = {}, {}, []
        for chapter in range(prose.random.randint(1, 7)):
            name, title = f"chapter-{chapter}.xhtml", prose.title()
            body, text = _page(prose)
            pages[name] = f"<h1>{title}</h1>{body}"
            titles[name] = title
            words += [title, text]
        yield MadeDocument(f"book-{number}.epub", epub(pages, titles), " ".join(words))


def _page(prose: Prose) -> tuple[str, str]:
    parts, words = [], []
    for _ in range(prose.random.randint(2, 12)):
        form, text = prose.random.choice(_FORMS), prose.paragraph()
        parts.append(form.replace("TEXT", text))
        words.append(text)
    if prose.chance(0.4):
        table = prose.table(3, 3)
        rows = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in table)
        parts.append(f"<table>{rows}</table>")
        words += [cell for row in table for cell in row]
    return "".join(parts), " ".join(words)


_FORMS = (
    "<p>TEXT</p>",
    "<section><h2>TEXT</h2></section>",
    "<blockquote><p>TEXT</p></blockquote>",
    "<ul><li>TEXT</li></ul>",
    '<p><a id="x"/><em>TEXT</em></p>',
    '<aside epub:type="footnote"><p>TEXT</p></aside>',
    "<p><span/>TEXT<br/></p>",
    "<dl><dd>TEXT</dd></dl>",
    "<figure><figcaption>TEXT</figcaption></figure>",
)
