"""CET in the guest: shadow stacks and branch tracking, in single steps and in translated code."""

import pytest

from tdxviz.core.arch import msrs
from tdxviz.core.faults import GuestFault
from tdxviz.core.guest import boundary, shadow
from tdxviz.core.hw.cpu import CR4_CET, RAX, RBX, RSP
from tests.core.guest.kit import BASE, CODE, DATA, IDT, STACK, Guest

SHADOW_PAGE = BASE + 0x7000
PAGE_TOP, HANDLER = SHADOW_PAGE + 0x800, CODE + 0x800

SHADOW = DATA + 0x800
SHADOW_ON, WRITE_ON, TRACK_ON = 1, 2, 4


def guest_with(code: str, control: int = SHADOW_ON) -> Guest:
    """Supervisor code with CET on. Without paging every page can be a shadow stack here."""
    guest = Guest(bytes.fromhex(code))
    cpu = guest.cpu
    cpu.cr0, cpu.cr4 = cpu.cr0 | 1 << 16, cpu.cr4 | 1 << 23
    cpu.msrs[msrs.S_CET], cpu.ssp = control, SHADOW
    cpu.refresh_cet()
    return guest


def qword(guest: Guest, gla: int) -> int:
    return int.from_bytes(guest.read(gla, 8), "little")


def fault(guest: Guest, steps: int = 1) -> tuple[int, int | None]:
    with pytest.raises(GuestFault) as caught:
        guest.run(steps)
    return caught.value.vector, caught.value.error


def test_a_call_pushes_twice_and_a_return_compares():
    guest = guest_with("e803000000909090c3")  # call +3; nops; ret
    guest.run()
    assert (qword(guest, SHADOW - 8), guest.cpu.ssp) == (CODE + 5, SHADOW - 8)
    guest.run()
    assert (guest.cpu.rip, guest.cpu.ssp) == (CODE + 5, SHADOW)


def test_an_overwritten_return_address_is_a_control_protection_fault():
    guest = guest_with("e803000000909090c3")
    guest.run()
    guest.write(STACK - 8, (CODE + 6).to_bytes(8, "little"))
    before = guest.cpu.copy()
    assert fault(guest) == (21, 1)
    assert guest.cpu == before


def test_it_holds_in_translated_code_too():
    # loop: call f; inc rbx; jmp loop; f: cmp rbx, 100; jne ret; mov [rsp], rax; ret
    guest = guest_with("e80600000048ffc3ebf6904883fb64750448890424c3")
    guest.cpu.gprs[RAX] = CODE
    assert fault(guest, 10_000) == (21, 1)
    assert guest.cpu.gprs[RBX] == 100
    assert guest.cpu.ssp == SHADOW - 8


def test_a_call_to_the_next_instruction_is_not_pushed():
    guest = guest_with("e800000000")
    guest.run()
    assert (guest.cpu.ssp, guest.cpu.gprs[RSP]) == (SHADOW, STACK - 8)


@pytest.mark.parametrize(("target", "expected"), [("f30f1efa", "done"), ("90909090", (21, 3))])
def test_an_indirect_branch_must_land_on_endbr64(target, expected):
    guest = guest_with("ffe0", TRACK_ON)  # jmp rax
    guest.cpu.gprs[RAX] = CODE + 0x40
    guest.write(CODE + 0x40, bytes.fromhex(target))
    assert guest.run(5) == 1
    if expected == "done":
        boundary.before(guest.p, guest.lp, guest.ctx, 1)
    else:
        with pytest.raises(GuestFault) as caught:
            boundary.before(guest.p, guest.lp, guest.ctx, 1)
        assert (caught.value.vector, caught.value.error) == expected


def test_rdssp_and_incssp():
    guest = guest_with("f3480f1ec8f3480faeeb")  # rdsspq rax; incsspq rbx
    guest.cpu.gprs[RBX] = 0x103
    guest.run(2)
    assert (guest.cpu.gprs[RAX], guest.cpu.ssp) == (SHADOW, SHADOW + 24)
    off = Guest(bytes.fromhex("f3480f1ec8f3480faeeb"))
    off.cpu.gprs[RAX] = 7
    off.run()
    assert off.cpu.gprs[RAX] == 7  # does nothing
    assert fault(off) == (6, None)


def test_switching_shadow_stacks_and_leaving_a_token():
    other = DATA + 0x400
    guest = guest_with("f30f012bf30f01ea")  # rstorssp [rbx]; saveprevssp
    guest.write(other, (other + 8 | 1).to_bytes(8, "little"))
    guest.cpu.gprs[RBX] = other
    guest.run()
    assert (guest.cpu.ssp, qword(guest, other)) == (other, SHADOW | 3)
    guest.run()
    assert (guest.cpu.ssp, qword(guest, SHADOW - 8)) == (other + 8, SHADOW | 1)


@pytest.mark.parametrize("token", [0, DATA + 0x408, DATA + 0x408 | 3, DATA + 0x410 | 1])
def test_a_wrong_restore_token(token):
    guest = guest_with("f30f012b")
    guest.write(DATA + 0x400, token.to_bytes(8, "little"))
    guest.cpu.gprs[RBX] = DATA + 0x400
    assert fault(guest) == (21, 4)
    assert guest.cpu.ssp == SHADOW


def test_wrss_needs_its_own_permission():
    guest = guest_with("480f38f603")  # wrssq [rbx], rax
    guest.cpu.gprs[RAX], guest.cpu.gprs[RBX] = 0x1234, SHADOW
    assert fault(guest) == (6, None)
    guest.cpu.msrs[msrs.S_CET] |= WRITE_ON
    guest.run()
    assert qword(guest, SHADOW) == 0x1234
    guest.cpu.rip, guest.cpu.gprs[RBX] = CODE, SHADOW + 4
    assert fault(guest) == (13, 0)


def test_setssbsy_and_clrssbsy():
    guest = guest_with("f30f01e8f30fae33")  # setssbsy; clrssbsy [rbx]
    guest.cpu.msrs[msrs.PL0_SSP] = guest.cpu.gprs[RBX] = SHADOW
    guest.write(SHADOW, SHADOW.to_bytes(8, "little"))
    guest.run()
    assert (guest.cpu.ssp, qword(guest, SHADOW)) == (SHADOW, SHADOW | 1)
    guest.run()
    assert (guest.cpu.ssp, qword(guest, SHADOW), guest.cpu.rflags & 1) == (0, SHADOW, 0)
    guest.cpu.rip = CODE
    guest.write(SHADOW, (5).to_bytes(8, "little"))
    assert fault(guest) == (21, 5)


# --- with paging: the rights of a shadow-stack page, events and IRET --------------------------------


def enforced(code: str, control: int = 5) -> Guest:
    """Paging on, one shadow-stack page, CET on for the supervisor."""
    guest = Guest(bytes.fromhex(code))
    cpu = guest.cpu
    tables = [BASE + 0x1000, BASE + 0x2000, BASE + 0x3000, BASE + 0x4000]
    guest.write(tables[0], (tables[1] | 3).to_bytes(8, "little"))
    guest.write(tables[1] + (BASE >> 30) * 8, (tables[2] | 3).to_bytes(8, "little"))
    guest.write(tables[2], (tables[3] | 3).to_bytes(8, "little"))
    for n in range(8):
        page = BASE + n * 0x1000
        rights = 0x41 if page == SHADOW_PAGE else 0x63  # read-only and dirty: a shadow-stack page
        guest.write(tables[3] + n * 8, (page | rights).to_bytes(8, "little"))
    cpu.cr0, cpu.cr3, cpu.cr4 = 0x8001_0021, tables[0], 0x60 | CR4_CET
    cpu.gprs[RSP], cpu.ssp = BASE + 0x6800, PAGE_TOP
    cpu.set_msr(0x6A2, control)
    guest.lp.tlb.flush()
    return guest


def word(guest: Guest, gla: int) -> int:
    return int.from_bytes(guest.read(gla, 8), "little")


def test_ordinary_stores_do_not_reach_the_shadow_stack():
    guest = enforced("90")
    with pytest.raises(GuestFault) as outcome:
        guest.write(PAGE_TOP - 8, bytes(8))
    assert (outcome.value.vector, outcome.value.error) == (14, 3)


def test_a_shadow_stack_in_ordinary_memory_is_a_page_fault():
    guest = enforced("e803000000909090c3")
    guest.cpu.ssp = BASE + 0x5800
    with pytest.raises(GuestFault) as outcome:
        guest.run(1)
    assert (outcome.value.vector, outcome.value.error, outcome.value.cr2) == (14, 0x43, BASE + 0x57F8)


@pytest.mark.parametrize(("control", "tracked"), [(5, True), (5 | shadow.NO_TRACK_EN, False)])
def test_notrack_only_where_it_is_allowed(control, tracked):
    guest = enforced("3effe0", control)
    guest.cpu.gprs[RAX] = HANDLER
    guest.run(1)
    assert shadow.waiting(guest.cpu) == tracked
    assert guest.cpu.rip == HANDLER


def test_an_event_pushes_three_words_and_iret_takes_them_back():
    guest = enforced("90", control=1)
    guest.cpu.idt_base, guest.cpu.idt_limit = IDT, 0xFFF
    guest.gate(6, HANDLER)
    guest.write(HANDLER, bytes.fromhex("48cf"))
    guest.deliver(6)
    assert guest.cpu.ssp == PAGE_TOP - 24
    assert [word(guest, PAGE_TOP - 24 + 8 * n) for n in range(3)] == [PAGE_TOP, CODE, 8]
    guest.cpu.rip = HANDLER
    guest.run(1)
    assert (guest.cpu.rip, guest.cpu.ssp) == (CODE, PAGE_TOP)


def test_iret_to_somewhere_else_is_caught():
    guest = enforced("90", control=1)
    guest.gate(6, HANDLER)
    guest.write(HANDLER, bytes.fromhex("48cf"))
    guest.deliver(6)
    guest.write(guest.cpu.gprs[RSP], (CODE + 0x40).to_bytes(8, "little"))
    with pytest.raises(GuestFault) as outcome:
        guest.run(1)
    assert (outcome.value.vector, outcome.value.error) == (21, shadow.FAR_RET)
