from pathlib import Path

import pytest

from app.actions.domain import ActionPolicy
from app.core.errors import StartRefused
from app.core.ownership import OwnershipPolicy
from app.core.policies import load_policies, read_policies
from app.core.slo import SloPolicy
from app.evaluation.domain.policy import QualityPolicy
from app.safety.domain.privacy_policy import PrivacyPolicy

MODELS = {"slo": SloPolicy}


def test_a_policy_is_known_by_the_digest_of_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "slo.yaml").write_text("owner: team\nanswer_p95_ms: 800\n")
    first = load_policies(tmp_path, MODELS)
    (tmp_path / "slo.yaml").write_text("owner: team\nanswer_p95_ms: 900\n")
    second = load_policies(tmp_path, MODELS)
    assert first.digests["slo"] != second.digests["slo"]
    assert (first.get(SloPolicy).answer_p95_ms, second.get(SloPolicy).answer_p95_ms) == (800, 900)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("owner: team\nanswer_p95_ms: soon\n", "answer_p95_ms"),
        ("owner: team\nanswer_p95_ms: 800\nfaster: yes\n", "faster"),
        ("answer_p95_ms: 800\n", "owner"),
        ("owner: [", "not valid YAML"),
        ("owner: 2024-13-45\n", "not valid YAML"),
        ("owner: !!bool team\n", "not valid YAML"),
        ("", "the file"),
    ],
)
def test_a_bad_policy_stops_the_start_with_its_file_and_field(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "slo.yaml").write_text(text)
    with pytest.raises(StartRefused, match=words) as refused:
        load_policies(tmp_path, MODELS)
    assert "slo.yaml" in str(refused.value)


def test_a_policy_that_nothing_enforces_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "slo.yaml").write_text("owner: team\nanswer_p95_ms: 800\n")
    (tmp_path / "kindness.yaml").write_text("owner: team\n")
    with pytest.raises(StartRefused, match=r"kindness\.yaml: no part of the service enforces"):
        load_policies(tmp_path, MODELS)


def test_a_missing_policy_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(StartRefused, match=r"slo\.yaml: cannot be read"):
        load_policies(tmp_path, MODELS)


def test_the_start_fails_when_an_owner_is_missing(tmp_path: Path) -> None:
    (tmp_path / "ownership.yaml").write_text(
        "owner: team\nservice: s\non_call: a@b.c\nrisk_tier: low\ndata_sensitivity: public\n"
        "owners: {model: m, prompts: p, data: d}\n"
    )
    with pytest.raises(StartRefused, match=r"owners\.policies"):
        load_policies(tmp_path, {"ownership": OwnershipPolicy})


def test_an_old_key_is_rejected_with_its_new_name(tmp_path: Path) -> None:
    (tmp_path / "actions.yaml").write_text("owner: team\nmost_rounds: 2\n")
    with pytest.raises(StartRefused, match=r"actions\.yaml: most_rounds is now called max_rounds"):
        load_policies(tmp_path, {"actions": ActionPolicy})


def test_an_old_key_within_a_section_is_rejected_with_its_new_name(tmp_path: Path) -> None:
    (tmp_path / "quality.yaml").write_text("owner: team\ncanary: {look_every_seconds: 60}\n")
    with pytest.raises(StartRefused, match=r"quality\.yaml: look_every_seconds is now called check_every_seconds"):
        load_policies(tmp_path, {"quality": QualityPolicy})


def test_a_stored_release_with_an_old_key_stays_readable() -> None:
    stored = {"actions": b"owner: team\nmost_rounds: 2\n"}
    assert read_policies(stored, {"actions": ActionPolicy}, "release 1").get(ActionPolicy).max_rounds == 2


def test_a_key_that_decides_nothing_any_more_stops_the_start_but_no_stored_release(tmp_path: Path) -> None:
    raw = b"owner: ada\npersonal_data: {logs: mask, traces: mask, exports: keep}\n"
    (tmp_path / "privacy.yaml").write_bytes(raw)
    with pytest.raises(StartRefused, match=r"privacy\.yaml: logs decides nothing any more; remove the key"):
        load_policies(tmp_path, {"privacy": PrivacyPolicy})
    read = read_policies({"privacy": raw}, {"privacy": PrivacyPolicy}, "release 1")
    assert read.get(PrivacyPolicy).personal_data.exports == "keep"
