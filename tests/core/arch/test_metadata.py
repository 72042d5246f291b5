"""The table of metadata fields: ids as the specification spells them, and what follows from an id."""

import pytest

from tdxviz.core.arch import metadata as md
from tdxviz.core.arch import structures as lay

FACTS = {
    "FATAL": 0x8010000000000001, "NUM_TDCX": 0x8010000200000002, "CHLDCNT": 0x8010000300000004,
    "LIFECYCLE_STATE": 0x8010000200000005, "HKID": 0x8110000100000001, "NUM_VCPUS": 0x9010000200000001,
    "NUM_ASSOC_VCPUS": 0x9010000200000002, "OP_STATE": 0x9010000200000004, "ATTRIBUTES": 0x1110000300000000,
    "XFAM": 0x1110000300000001, "NOTIFY_ENABLES": 0x9110000300000010, "HP_LOCK_TIMEOUT": 0x9110000300000011,
    "TD_CTLS": 0x1110000300000017, "TD_EPOCH": 0x9210000300000000, "REFCOUNT": 0x9210000100000001,
    "MRTD": 0x1310000300000000, "RTMR": 0x1310000300000040, "RAX": 0x1020000300000000,
    "VCPU_STATE": 0xA020000000000000, "VCPU_INDEX": 0xA020000200000002, "ASSOC_LPID": 0xA020000200000004,
    "VCPU_EPOCH": 0xA020000300000006, "PEND_NMI": 0x202000000000000B, "Shared EPTP": 0x002400030000203C,
    "Posted-interrupt notification vector": 0x0024000100000002,
    "Posted-interrupt descriptor address": 0x0024000300002016,
    "Pin-based VM-execution controls": 0x0024000200004000,
}  # fmt: skip
"""tdx-architecture 13."""


def test_the_ids_are_those_of_the_specification():
    assert {name: md.named(name).id for name in FACTS} == FACTS


@pytest.mark.parametrize("context", md.TABLES)
def test_no_two_elements_share_an_id_and_every_id_finds_its_row(context):
    seen = set()
    for row in md.TABLES[context]:
        assert row.context == context
        for n in range(row.count):
            key = (row.class_code, row.element_id(n) & md.CODE)
            assert key not in seen
            seen.add(key)
            assert md.well_formed(row.element_id(n))
            assert md.find(context, row.element_id(n)) == (row, n)


def test_what_is_stored_has_a_place_in_its_structure():
    layouts = {"TDR": lay.TDR, "TDCS": lay.TDCS, "TDVPS": lay.TDVPS}
    for row in md.FIELDS:
        if row.where.startswith("="):
            continue
        structure, _, name = row.where.partition(".")
        for n in range(row.fields):
            assert name.format(n=n) in layouts[structure], row.name
        _, _, size = layouts[structure][name.format(n=0)]
        assert size * 8 >= row.bits * row.elements, row.name


def test_masks_fit_and_a_debugger_sees_no_less_than_the_host_of_a_production_td():
    for row in md.FIELDS:
        for access in (row.host, row.debug, row.guest):
            assert 0 <= access.read < 1 << row.bits and 0 <= access.write < 1 << row.bits
        assert row.host.read & ~row.debug.read == 0 and row.host.write & ~row.debug.write == 0


@pytest.mark.parametrize("who", ["host", "debug", "guest"])
@pytest.mark.parametrize("context", md.TABLES)
def test_following_ids_visits_everything_readable_once(context, who):
    wanted = [
        row.element_id(n) for row in md.TABLES[context] if getattr(row, who).read for n in range(row.count)
    ]
    seen, here = [], md.following(context, md.NULL_ID, who)
    while here != md.NULL_ID and len(seen) < 400:
        seen.append(here)
        here = md.following(context, here, who)
    assert seen == wanted[:400]


def test_an_id_of_several_elements_is_not_well_formed():
    assert not md.well_formed(md.named("MRTD").id | 5 << 34)
    assert not md.well_formed(md.NULL_ID)
    assert md.well_formed(md.named("MRTD").id ^ 3 << 32)  # the size in the id is ignored
