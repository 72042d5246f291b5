"""What the host reads and writes of a TD: production and debug, counted by the table of fields."""

import pytest

from tdxviz.core.arch import metadata as md
from tdxviz.core.arch import status as s
from tdxviz.core.host import layout
from tests.core.tdx import kit

ALL = (1 << 64) - 1
READS = {md.TD: ("TDH.MNG.RD", layout.TDR), md.VP: ("TDH.VP.RD", layout.TDVPR)}


@pytest.fixture(scope="module")
def production():
    return kit.before("TDH.MR.FINALIZE")


@pytest.fixture(scope="module")
def debug():
    machine = kit.before("TDH.MR.FINALIZE")
    kit.tdcs_field("ATTRIBUTES", 1)(machine)
    return machine


def read(machine, context: int, field_id: int, version: int = 0):
    leaf, page = READS[context]
    return kit.answer(kit.seamcall(machine, leaf, version=version, rcx=page, rdx=field_id))


def write(machine, leaf: str, name: str, value: int, mask: int = ALL, index: int = 0):
    page = layout.TDR if leaf == "TDH.MNG.WR" else layout.TDVPR
    field_id = md.named(name).element_id(index)
    return kit.answer(kit.seamcall(machine, leaf, rcx=page, rdx=field_id, r8=value, r9=mask))


@pytest.mark.parametrize("kind", ["host", "debug"])
@pytest.mark.parametrize("context", [md.TD, md.VP])
def test_every_field_answers_as_its_masks_say(context, kind, request):
    machine = request.getfixturevalue("production" if kind == "host" else "debug").copy()
    for row in md.TABLES[context]:
        returned = read(machine, context, row.element_id(row.count - 1))
        mask = getattr(row, kind).read
        expected = "TDX_SUCCESS" if mask else "TDX_METADATA_FIELD_NOT_READABLE"
        assert s.name_of(returned.status) == expected, row.name
        assert returned.outputs["R8"] & ~mask == 0


def test_what_the_host_may_know_of_a_production_td(production):
    machine = production.copy()
    values = {
        name: read(machine, md.TD, md.named(name).id).outputs["R8"]
        for name in (
            "OP_STATE",
            "LIFECYCLE_STATE",
            "HKID",
            "NUM_VCPUS",
            "NUM_ASSOC_VCPUS",
            "TD_EPOCH",
            "CHLDCNT",
        )
    }
    assert values == {
        "OP_STATE": 1, "LIFECYCLE_STATE": 1, "HKID": layout.HKIDS[0], "NUM_VCPUS": 1,
        "NUM_ASSOC_VCPUS": 1, "TD_EPOCH": 1, "CHLDCNT": kit.td(machine).tdr["CHLDCNT"],
    }  # fmt: skip
    assert read(machine, md.VP, md.named("ASSOC_LPID").id).outputs["R8"] == 0
    machine.do(kit.valid("TDH.VP.FLUSH"))
    assert kit.vcpu(machine).lp == -1
    assert (
        read(machine, md.VP, md.named("ASSOC_LPID").id).outputs["R8"] == 0
    )  # reading ties it to this processor
    assert kit.vcpu(machine).lp == 0


def test_a_debugger_reads_and_writes_registers(debug):
    machine = debug.copy()
    rip = md.named("Guest RIP")
    assert read(machine, md.VP, rip.id).outputs["R8"] == 0xFFFF_FFF0
    assert write(machine, "TDH.VP.WR", "Guest RIP", 0x1234).outputs["R8"] == 0xFFFF_FFF0
    assert read(machine, md.VP, rip.id).outputs["R8"] == 0x1234
    assert write(machine, "TDH.VP.WR", "RAX", 0xAA55, mask=0xFF).status == 0
    assert kit.vcpu(machine).vps["RAX"] == 0x55
    xbuff = read(machine, md.VP, md.named("XBUFF").element_id(0xA0 // 8 + 2)).outputs["R8"]
    assert xbuff == kit.vcpu(machine).vps["XMM1"] & ALL


def test_version_1_hands_out_ids_from_the_first_to_the_last(production):
    machine = production.copy()
    first = read(machine, md.TD, ALL, version=1)
    assert s.name_of(first.status) == "TDX_METADATA_FIRST_FIELD_ID_IN_CONTEXT"
    here, seen = first.outputs["RDX"], 0
    while here != ALL:
        returned = read(machine, md.TD, here, version=1)
        assert returned.status == 0
        here, seen = returned.outputs["RDX"], seen + 1
    assert seen == sum(row.count for row in md.TD_FIELDS if row.host.read)


def test_posted_interrupts_need_vector_and_descriptor_first(production):
    machine = production.copy()
    switch = ("TDH.VP.WR", "Pin-based VM-execution controls", 0x80, 0x80)
    refused = write(machine, *switch)
    assert refused.status == s.STATUS["TDX_TD_VMCS_FIELD_NOT_INITIALIZED"] | 2
    assert write(machine, "TDH.VP.WR", "Posted-interrupt notification vector", 0xE0).status == 0
    assert write(machine, *switch).status & 0xFFFF == 0x2016
    descriptor = write(machine, "TDH.VP.WR", "Posted-interrupt descriptor address", 0x30_0000, ALL & ~63)
    assert descriptor.status == 0
    assert write(machine, *switch).status == 0
    assert kit.vcpu(machine).vps["PIN_BASED_CONTROLS"] == 0x80


@pytest.mark.parametrize("value", [0x21 << 46, 0x0F00_0000])
def test_the_shared_eptp_stays_out_of_private_keys_and_the_seam_range(production, value):
    machine = production.copy()
    frames = md.FRAMES
    assert s.name_of(write(machine, "TDH.VP.WR", "Shared EPTP", value, frames).status) == (
        "TDX_METADATA_FIELD_VALUE_NOT_VALID"
    )
    assert write(machine, "TDH.VP.WR", "Shared EPTP", 0x0040_0000, frames).status == 0


def test_the_list_of_all_system_fields_is_what_reading_them_one_by_one_gives(production):
    machine = production.copy()
    assert machine.do(kit.valid("TDH.SYS.RDALL"))[-1].outputs == {"RAX": 0, "R8": ALL}
    raw = b"".join(kit.host_read(machine, 0x0030_0000 + n * 64, 64) for n in range(16))
    size, sequences = int.from_bytes(raw[:2], "little"), int.from_bytes(raw[2:4], "little")
    words = [int.from_bytes(raw[n : n + 8], "little") for n in range(8, size, 8)]
    told = {}
    for _ in range(sequences):
        head = words.pop(0)
        elements, fields = (head >> 34 & 0xF) + 1, (head >> 38 & 0x1FF) + 1
        for n in range(elements * fields):
            told[(head >> 56 & 0x3F, (head & md.CODE) + n)] = words.pop(0)
    assert not words
    for row in md.SYS_FIELDS:
        for n in range(row.count):
            one = kit.answer(kit.seamcall(machine, "TDH.SYS.RD", rdx=row.element_id(n)))
            assert told[(row.class_code, row.code + n)] == one.outputs["R8"], row.name


def test_pages_of_structures_are_told_with_the_hkid_and_the_root_without(production):
    machine, hkid = production.copy(), layout.HKIDS[0] << 46
    tdcx = md.named("TDCX_PA")
    pages = [read(machine, md.TD, tdcx.element_id(n)).outputs["R8"] for n in range(9)]
    assert pages[:6] == [kit.td(machine).tdr[f"TDCX_PA{n}"] | hkid for n in range(6)]
    assert pages[6:] == [0, 0, 0]
    assert read(machine, md.TD, 0x1110000300000004).outputs["R8"] == kit.td(machine).sept_root | 0x1E
    vcpu = read(machine, md.VP, md.named("TDVPS_PAGE_PA").id)
    assert vcpu.outputs["R8"] == layout.TDVPR | hkid


@pytest.mark.parametrize("bits", [0, 1, 5, 7])
def test_the_context_bits_of_the_null_id_do_not_count(bits, production):
    null = ALL ^ bits << 52
    for context in (md.TD, md.VP):
        returned = read(production.copy(), context, null, version=1)
        assert s.name_of(returned.status) == "TDX_METADATA_FIRST_FIELD_ID_IN_CONTEXT"
    listed = kit.answer(kit.seamcall(production.copy(), "TDH.SYS.RDALL", rdx=0x0030_0000, r8=null))
    assert listed.status == 0


def test_the_old_value_of_a_write_is_masked_like_a_read(production):
    machine = production.copy()
    vps = kit.vcpu(machine).vps
    vps["PIN_BASED_CONTROLS"] = 0xFF
    vps["POSTED_INTERRUPT_NOTIFICATION_VECTOR"] = 0x30
    vps["POSTED_INTERRUPT_DESCRIPTOR_ADDRESS"] = 0x1000
    written = write(machine, "TDH.VP.WR", "Pin-based VM-execution controls", 0, 0x80)
    assert (written.status, written.outputs["R8"]) == (0, 0x80)
