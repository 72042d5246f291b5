"""The layout of TDREPORT_STRUCT, against a real report where one is at hand."""

import hashlib
import itertools

import pytest

from tdxviz.core.arch import report
from tests.conftest import SHARED


def test_fields_do_not_overlap_and_stay_in_the_structure():
    spans = sorted(report.FIELDS.values())
    assert all(a + n <= b for (a, n), (b, _) in itertools.pairwise(spans))
    assert sum(spans[-1]) <= report.SIZE
    assert set(report.FIELDS) == {*report.MAC_FIELDS, *report.TCB_FIELDS, *report.TD_FIELDS}


def test_both_hashes_of_a_real_report_hold():
    path = SHARED / "data" / "attestation" / "tdreport_sample.bin"
    if not path.is_file():
        pytest.skip("no real report beside this checkout")
    raw = path.read_bytes()
    assert len(raw) == report.SIZE and raw[0] == report.TYPE_TDX
    for name, (at, size) in (("TEE_TCB_INFO_HASH", report.TCB_INFO), ("TEE_INFO_HASH", report.TD_INFO)):
        assert report.cut(raw, name) == hashlib.sha384(raw[at : at + size]).digest()
