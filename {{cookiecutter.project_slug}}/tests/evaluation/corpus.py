from pathlib import Path

from app.evaluation.service import SuiteFiles

ALTERNATIVES = 4


def keep_some_cases(folder: Path, every: int) -> None:
    """Keep one of `every` evaluation cases: enough where releases answer alike, or one of them very badly."""
    for suite in (folder / "evals").glob("*.jsonl"):
        suite.write_text("".join(suite.read_text().splitlines(keepends=True)[::every]))


def let_no_time_decide(folder: Path) -> None:
    """Of few answers times are too uncertain."""
    quality = folder / "policies" / "quality.yaml"
    text = quality.read_text()
    assert "latency_ms: {tier: supporting" in text
    quality.write_text(text.replace("latency_ms: {tier: supporting", "latency_ms: {tier: advisory"))


def keep_cited_pages(folder: Path) -> None:
    """Remove the pages that no evaluation case needs: they need not be indexed to compare releases. A case that names
    so many sources can be answered from any of them, and the longest pages are named by no other case.
    """
    cases = SuiteFiles(folder / "evals").load().cases
    cited = {source.uri for case in cases if len(case.sources) < ALTERNATIVES for source in case.sources}
    for page in (folder / "docs").rglob("*.md"):
        if page.relative_to(folder / "docs").as_posix() not in cited:
            page.unlink()
