"""What `app ingest` prints of what became of each file."""

import pytest

from app.cli.ingest import SHOWN, FileResult, show_results


def printed(capsys: pytest.CaptureFixture[str], *ended: FileResult) -> list[str]:
    show_results(ended)
    return capsys.readouterr().out.splitlines()


def test_what_is_served_is_only_counted(capsys: pytest.CaptureFixture[str]) -> None:
    done = [FileResult("a.md", "published"), FileResult("b.md", "published"), FileResult("c.md", "duplicate")]
    assert printed(capsys, *done) == ["1 duplicate, 2 published."]


@pytest.mark.parametrize("result", ["refused", "quarantined", "unreadable"])
def test_what_is_not_served_is_named_with_its_reason(capsys: pytest.CaptureFixture[str], result: str) -> None:
    assert printed(capsys, FileResult("a.md", "published"), FileResult("b.md", result, "it is empty")) == [
        f"b.md: {result}: it is empty",
        f"1 published, 1 {result}." if result > "published" else f"1 {result}, 1 published.",
        *(
            ["What is in quarantine waits for a decision: app quarantine list, or /console/quarantine of the service."]
            if result == "quarantined"
            else []
        ),
    ]


def test_what_is_served_with_findings_is_named_and_counted_apart(capsys: pytest.CaptureFixture[str]) -> None:
    done = [FileResult("a.md", "published", "talks to the model", flagged=True), FileResult("b.md", "published")]
    assert printed(capsys, *done) == [
        "a.md: published, flagged: talks to the model",
        "2 published (1 flagged).",
        "What is flagged is served, and its readers see why: app documents list, app documents show ID.",
    ]


def test_a_name_or_reason_with_brackets_is_printed_as_it_stands(capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        printed(capsys, FileResult("[red]a.md", "refused", "[bold]no[/bold]"))[0]
        == "[red]a.md: refused: [bold]no[/bold]"
    )


def test_every_refused_file_is_named_and_of_the_quarantined_ones_so_many(capsys: pytest.CaptureFixture[str]) -> None:
    refused = [FileResult(f"r{number}", "refused") for number in range(SHOWN + 10)]
    quarantined = [FileResult(f"q{number}", "quarantined") for number in range(SHOWN + 10)]
    lines = printed(capsys, *refused, *quarantined)
    assert sum(line.startswith("r") for line in lines) == SHOWN + 10
    assert sum(line.startswith("q") for line in lines) == SHOWN
    assert lines[-3] == "… and 10 more."
    assert lines[-2] == f"{SHOWN + 10} quarantined, {SHOWN + 10} refused."
