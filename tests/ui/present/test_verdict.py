"""The banner: what is said; causes can be walked."""

from tdxviz.ui.present import verdict
from tests.ui import stage_samples as s


def test_neutral_without_attack():
    assert verdict.banner(None).shape == ""
    assert verdict.describe(verdict.banner(None)) == "No attack yet."


def test_banner_carries_word_properties_and_causes():
    shown = verdict.banner(s.verdict())
    assert shown.word == "NO GAIN"
    assert [p.state for p in shown.properties] == ["kept"] * 4
    assert shown.why == "why? ▸ 2 events"
    assert verdict.banner(s.verdict(causes=(3,))).why == "why? ▸ 1 event"
    assert verdict.banner(s.verdict(causes=())).why == ""


def test_grouped_properties_say_the_same_in_fewer_words():
    mixed = (verdict.Property("Confidentiality", "kept", "good"),
             verdict.Property("Integrity", "detected", "warn"),
             verdict.Property("Freshness", "kept", "good"))  # fmt: skip
    assert [(p.name, p.state) for p in verdict.grouped(mixed)] == [
        ("Confidentiality, freshness", "kept"), ("Integrity", "detected"),
    ]  # fmt: skip


def test_why_goes_to_the_first_cause_and_then_on():
    assert verdict.next_cause((2, 4, 9), 20) == 2
    assert verdict.next_cause((2, 4, 9), 3) == 4
    assert verdict.next_cause((2, 4, 9), 5) == 9
    assert verdict.next_cause((2, 4, 9), 10) == 2
    assert verdict.next_cause((), 5) is None


def test_describe_is_one_spoken_paragraph():
    words = verdict.describe(verdict.banner(s.verdict()))
    assert words.startswith("Verdict: NO GAIN.")
    assert "confidentiality kept" in words.lower()
    assert "2 events caused it" in words
