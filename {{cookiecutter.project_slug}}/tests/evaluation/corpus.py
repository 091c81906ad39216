from pathlib import Path

from app.evaluation.service import SuiteFiles


def keep_cited_pages(folder: Path) -> None:
    """Remove the pages that no evaluation case asks about: they need not be indexed to compare releases."""
    cited = {source.uri for case in SuiteFiles(folder / "evals").load().cases for source in case.sources}
    for page in (folder / "docs").rglob("*.md"):
        if page.relative_to(folder / "docs").as_posix() not in cited:
            page.unlink()
