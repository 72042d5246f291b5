"""The banner: every word and shape of the core has a band; causes can be walked."""

from PySide6.QtGui import QColor

from tdxviz.ui.present import verdict
from tests.ui import stage_samples as s


def test_neutral_without_attack():
    assert verdict.banner(None).shape == ""
    assert verdict.describe(verdict.banner(None)) == "No attack yet."


def test_every_shape_of_the_core_has_its_own_band():
    from tdxviz.core.verdict import WORDS

    shapes = {shape for _, shape in WORDS.values()}
    assert shapes == set(verdict.BANDS)
    assert len(set(verdict.BANDS.values())) == len(verdict.BANDS)


def test_white_on_every_band_is_readable():
    for band in verdict.BANDS.values():
        assert 1.05 / (_luminance(QColor(band)) + 0.05) >= 5.0


def _luminance(color):
    parts = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in color.getRgbF()[:3]]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


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
