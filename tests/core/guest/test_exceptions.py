"""Exceptions, interrupts and IRET through the guest's own tables. SDM volume 3, chapter 7."""

import pytest

from tdxviz.core.faults import EptViolation, GuestFault, SoftwareInterrupt, TripleFault
from tdxviz.core.guest import boundary, exceptions
from tdxviz.core.hw.cpu import RAX, RSP, Segment
from tests.core.guest.kit import BASE, CODE, DATA, GDT, IDT, PAGES, STACK, TSS, Guest

HANDLER = CODE + 0x800
BEYOND = BASE + PAGES * 0x1000
RF, TF, IF, NT = 1 << 16, 1 << 8, 1 << 9, 1 << 14
USER_CODE, USER_DATA = 0x23, 0x1B


def words(guest: Guest, count: int) -> list[int]:
    top = guest.cpu.gprs[RSP]
    return [int.from_bytes(guest.read(top + 8 * n, 8), "little") for n in range(count)]


def with_tss(guest: Guest, rsp0: int = STACK - 0x100, ist1: int = STACK - 0x200) -> Guest:
    guest.cpu.tr = Segment(0x28, TSS, 0x67, 0x8B)
    guest.write(TSS + 4, rsp0.to_bytes(8, "little"))
    guest.write(TSS + 0x24, ist1.to_bytes(8, "little"))
    return guest


def user(code: bytes = b"") -> Guest:
    """The guest at CPL 3."""
    guest = with_tss(Guest(code))
    cpu = guest.cpu
    cpu.cpl, cpu.cs, cpu.ss, cpu.gprs[RSP] = 3, USER_CODE, USER_DATA, STACK - 0x800
    return guest


@pytest.mark.parametrize(
    ("vector", "error"), [(0, None), (6, None), (13, 5), (14, 2), (20, None), (8, 0), (17, 0)]
)
@pytest.mark.parametrize("kind", [0xE, 0xF])
def test_delivery_pushes_the_frame_and_jumps(vector, error, kind):
    guest = Guest()
    guest.gate(vector, HANDLER, kind)
    guest.cpu.rflags, guest.cpu.gprs[RSP] = 0x302, STACK - 3
    guest.deliver(vector, error, 0x1234 if vector == 14 else None)
    frame = [CODE, 8, 0x302 | RF, STACK - 3, 0x10]  # a fault returns with RF set
    assert words(guest, 5 + (error is not None)) == ([] if error is None else [error]) + frame
    assert guest.cpu.rip == HANDLER
    assert guest.cpu.gprs[RSP] % 8 == 0
    assert (guest.cpu.gprs[RSP] + 8 * len(frame) + (0 if error is None else 8)) % 16 == 0
    assert guest.cpu.rflags == (0x2 if kind == 0xE else 0x202)
    event = guest.news[-1]
    assert (event.vector, event.rip, event.error) == (vector, CODE, -1 if error is None else error)
    assert guest.cpu.cr2 == (0x1234 if vector == 14 else 0)


@pytest.mark.parametrize("kind", ["trap", "interrupt", "nmi", "software"])
def test_only_a_fault_pushes_rf_and_an_error_code(kind):
    guest = Guest()
    guest.gate(13, HANDLER)
    guest.deliver(13, kind=kind, length=2 if kind == "software" else 0)
    assert words(guest, 5) == [CODE + (2 if kind == "software" else 0), 8, 2, STACK, 0x10]
    assert guest.cpu.nmi_blocked == (kind == "nmi")
    assert guest.news[-1].kind == kind


def test_a_missing_gate_of_a_contributory_exception_is_a_double_fault():
    guest = Guest()
    guest.gate(8, HANDLER)
    guest.deliver(13, 0)
    assert [n.vector for n in guest.news] == [13, 8]
    assert guest.news[0].why
    assert words(guest, 1) == [0]


@pytest.mark.parametrize(("kind", "ext"), [("fault", 1), ("interrupt", 1), ("software", 0)])
def test_what_cannot_be_delivered_is_handled_in_turn(kind, ext):
    guest = Guest()
    guest.gate(13, HANDLER)
    guest.gate(8, HANDLER + 16)
    guest.deliver(6, kind=kind)  # no gate for #UD: #GP with the index of the gate, not #DF
    assert [n.vector for n in guest.news] == [6, 13]
    assert guest.cpu.rip == HANDLER
    assert words(guest, 1) == [6 * 8 + 2 + ext]


GATE = IDT + 6 * 16


@pytest.mark.parametrize(
    ("spoil", "vector", "error"),
    [
        (lambda g: g.gate(6, HANDLER, 0xC), 13, 6 * 8 + 3),  # a call gate
        (lambda g: g.gate(6, HANDLER, present=False), 11, 6 * 8 + 3),
        (lambda g: g.gate(6, 1 << 47), 13, 1),  # a handler that is not canonical
        (lambda g: g.write(GATE + 2, b"\0\0"), 13, 1),  # null selector
        (lambda g: g.write(GATE + 2, b"\x10\0"), 13, 0x11),  # a data segment
        (lambda g: g.write(GATE + 2, b"\x40\0"), 13, 0x41),  # beyond the GDT
        (lambda g: g.write(GATE + 2, b"\x20\0"), 13, 0x21),  # code of less privilege
        (lambda g: g.write(GDT + 13, b"\x1b"), 11, 9),  # not present
        (lambda g: g.write(GDT + 14, b"\xcf"), 13, 9),  # not 64-bit code
        (lambda g: g.write(GATE + 4, b"\x07"), 10, 1),  # IST beyond the TSS limit (TR is null)
    ],
)  # fmt: skip
def test_every_wrong_descriptor_has_its_exception(spoil, vector, error):
    guest = Guest()
    guest.gate(6, HANDLER)
    guest.cpu.tr = Segment(0, TSS, 0x20, 0x8B)
    spoil(guest)
    with pytest.raises(GuestFault) as outcome:
        exceptions._through_gate(guest.context(), exceptions.Happening(6))
    assert (outcome.value.vector, outcome.value.error) == (vector, error)


def test_a_stack_of_the_tss_that_is_not_canonical_is_a_stack_fault():
    guest = with_tss(Guest(), ist1=1 << 63)
    guest.gate(6, HANDLER)
    guest.write(GATE + 4, b"\x01")
    with pytest.raises(GuestFault) as outcome:
        exceptions._through_gate(guest.context(), exceptions.Happening(6))
    assert (outcome.value.vector, outcome.value.error) == (12, 1)


def test_ist_changes_the_stack_at_the_same_privilege():
    guest = with_tss(Guest())
    guest.gate(6, HANDLER)
    guest.write(GATE + 4, b"\x01")
    guest.deliver(6)
    assert guest.cpu.gprs[RSP] == STACK - 0x200 - 40
    assert words(guest, 5)[3:] == [STACK, 0x10]
    assert guest.cpu.ss == 0x10


def test_from_user_mode_the_stack_comes_from_the_tss_and_iret_goes_back():
    guest = user()
    guest.gate(6, HANDLER)
    guest.write(HANDLER, bytes.fromhex("48cf"))
    guest.deliver(6)
    cpu = guest.cpu
    assert (cpu.cpl, cpu.cs, cpu.ss, cpu.gprs[RSP]) == (0, 8, 0, STACK - 0x100 - 40)
    assert words(guest, 5) == [CODE, USER_CODE, 2 | RF, STACK - 0x800, USER_DATA]
    guest.run(1)
    assert (cpu.cpl, cpu.cs, cpu.ss, cpu.gprs[RSP], cpu.rip) == (3, USER_CODE, USER_DATA, STACK - 0x800, CODE)


@pytest.mark.parametrize(
    ("change", "vector", "error"),
    [
        ({1: 0}, 13, 0), ({1: 0x10}, 13, 0x10), ({1: 0x20}, 13, 0x20), ({4: 0x1B}, 13, 0x18), ({0: 1 << 63}, 13, 0),
        ({1: USER_CODE, 4: 0x10}, 13, 0x10), ({1: 0x48}, 13, 0x48), ({1: USER_CODE, 4: 0}, 13, 0),
    ],
)  # fmt: skip
def test_iret_refuses_and_changes_nothing(change, vector, error):
    guest = Guest(bytes.fromhex("48cf"))
    frame = [CODE + 100, 8, 2, STACK - 64, 0x10]
    for number, value in change.items():
        frame[number] = value
    for n, word in enumerate(frame):
        guest.write(STACK + 8 * n, word.to_bytes(8, "little"))
    before = guest.cpu.copy()
    with pytest.raises(GuestFault) as outcome:
        guest.run(1)
    assert (outcome.value.vector, outcome.value.error) == (vector, error)
    assert guest.cpu == before


def test_iret_of_a_nested_task_is_gp():
    guest = Guest(bytes.fromhex("48cf"))
    guest.cpu.rflags |= NT
    with pytest.raises(GuestFault):
        guest.run(1)


def test_iret_in_user_mode_keeps_iopl_and_if():
    guest = user(bytes.fromhex("48cf"))
    frame = [CODE, USER_CODE, 0x3202 | 1, STACK - 0x900, USER_DATA]
    for n, word in enumerate(frame):
        guest.write(STACK - 0x800 + 8 * n, word.to_bytes(8, "little"))
    guest.run(1)
    assert guest.cpu.rflags == 3


def test_int_n_needs_a_gate_that_the_caller_may_use():
    guest = user(bytes.fromhex("cd80"))
    guest.gate(0x80, HANDLER)
    guest.gate(13, HANDLER + 0x40)
    with pytest.raises(SoftwareInterrupt) as outcome:
        guest.run(1)
    assert (outcome.value.vector, outcome.value.length) == (0x80, 2)
    guest.deliver(0x80, kind="software", length=2)
    assert [n.vector for n in guest.news] == [0x80, 13]
    assert words(guest, 1) == [0x80 * 8 + 2]
    assert words(guest, 2)[1] == CODE  # a fault: the handler returns to INT


@pytest.mark.parametrize(
    ("first", "second", "double"),
    [(6, 14, False), (6, 13, False), (13, 13, True), (13, 14, False), (14, 14, True), (14, 13, True), (0, 11, True),
     (20, 13, True), (20, 14, True), (1, 8, False), (14, 6, False), (21, 13, True)],
)  # fmt: skip
def test_the_double_fault_table(first, second, double):
    assert exceptions.doubles(first, second) == double


@pytest.mark.parametrize("vector", [6, 8, 13, 14])
def test_no_usable_idt_is_a_triple_fault(vector):
    guest = Guest()
    guest.cpu.idt_base, guest.cpu.idt_limit = IDT, 0xFFF
    before = guest.cpu.copy()
    with pytest.raises(TripleFault):
        guest.deliver(vector, 0)
    assert guest.cpu == before
    assert [n.vector for n in guest.news][-1] == 8


def test_a_short_idt_and_32_bit_mode_are_triple_faults():
    guest = Guest()
    guest.gate(6, HANDLER)
    guest.cpu.idt_limit = 6 * 16 + 14
    with pytest.raises(TripleFault):
        guest.deliver(6)
    with pytest.raises(TripleFault):
        Guest(bits=32).deliver(6)


def test_an_event_whose_delivery_leaves_the_guest_is_delivered_again():
    guest = Guest()
    guest.gate(14, HANDLER)
    guest.cpu.gprs[RSP] = BEYOND + 0x800
    before = guest.cpu.copy()
    with pytest.raises(EptViolation):
        guest.deliver(14, 2, 0x1234)
    assert guest.cpu.event == 1 << 31 | 1 << 11 | 3 << 8 | 14
    assert (guest.cpu.rip, guest.cpu.gprs, guest.cpu.rflags) == (before.rip, before.gprs, before.rflags)
    guest.cpu.gprs[RSP] = STACK  # as if the page had come
    boundary.before(guest.p, guest.lp, guest.ctx, 1)
    assert (guest.cpu.rip, guest.cpu.event, words(guest, 1)) == (HANDLER, 0, [2])


# --- between instructions ---------------------------------------------------------------------------


def go(guest: Guest, steps: int) -> int:
    """What the step loop does, without its host."""
    steps = boundary.before(guest.p, guest.lp, guest.ctx, steps)
    start, flags, guest.ctx.hits = guest.cpu.rip, guest.cpu.rflags, 0
    used = guest.run(steps)
    boundary.after(guest.p, guest.lp, guest.ctx, start, flags)
    return used


def test_a_requested_interrupt_waits_for_if_and_the_priority():
    guest = Guest(b"\x90" * 8)
    guest.gate(0x41, HANDLER)
    guest.cpu.irr = 1 << 0x41
    assert go(guest, 5) == 1  # step by step while something waits
    assert guest.cpu.rip == CODE + 1
    guest.cpu.rflags |= IF
    guest.cpu.tpr = 0x40
    go(guest, 1)
    assert guest.cpu.rip == CODE + 2
    guest.cpu.tpr = 0x3F
    guest.write(HANDLER, b"\x90")
    go(guest, 1)
    assert guest.cpu.rip == HANDLER + 1
    assert (guest.cpu.irr, guest.cpu.isr) == (0, 1 << 0x41)
    assert words(guest, 1) == [CODE + 2]


@pytest.mark.parametrize("late", [False, True])
def test_sti_holds_interrupts_for_one_instruction(late):
    guest = Guest(b"\xfb\x90\x90\x90")
    guest.gate(0x41, HANDLER)
    guest.write(HANDLER, b"\x90")
    if not late:
        guest.cpu.irr = 1 << 0x41
    assert go(guest, 4 if not late else 1) == 1
    guest.cpu.irr = 1 << 0x41
    go(guest, 4)
    assert guest.cpu.rip == CODE + 2
    assert guest.cpu.quiet_at == -1
    go(guest, 1)
    assert words(guest, 1) == [CODE + 2]


def test_cli_and_sti_in_user_mode_need_iopl():
    for code in ("fa", "fb"):
        guest = user(bytes.fromhex(code))
        with pytest.raises(GuestFault) as outcome:
            guest.run(1)
        assert (outcome.value.vector, outcome.value.error) == (13, 0)
        guest.cpu.rflags |= 3 << 12
        guest.run(1)
        assert guest.cpu.rip == CODE + 1


def test_single_step_traps_behind_the_instruction():
    guest = Guest(bytes.fromhex("48ffc090"))
    guest.gate(1, HANDLER)
    guest.cpu.rflags |= TF
    assert go(guest, 9) == 1
    assert (guest.cpu.gprs[RAX], guest.cpu.rip, guest.cpu.dr6 >> 14 & 1) == (1, HANDLER, 1)
    assert words(guest, 3) == [CODE + 3, 8, 2 | TF]
    assert not guest.cpu.rflags & TF


def test_an_instruction_breakpoint_is_a_fault_that_rf_passes():
    guest = Guest(b"\x90\x90\x90")
    guest.gate(1, HANDLER)
    guest.cpu.dr[2], guest.cpu.dr7 = CODE + 1, 0x400 | 1 << 4
    assert go(guest, 9) == 1
    with pytest.raises(GuestFault) as outcome:
        go(guest, 9)
    assert (outcome.value.vector, guest.cpu.dr6 & 0xF) == (1, 4)
    guest.cpu.rflags |= RF
    go(guest, 9)
    assert (guest.cpu.rip, guest.cpu.rflags & RF) == (CODE + 2, 0)


def test_data_segments_that_user_mode_may_not_use_are_dropped():
    guest = Guest(bytes.fromhex("48cf"))
    guest.cpu.segments[3] = Segment(0x10, 0, 0xFFFF_FFFF, 0xC093)
    for n, word in enumerate((CODE, USER_CODE, 2, STACK - 64, USER_DATA)):
        guest.write(STACK + 8 * n, word.to_bytes(8, "little"))
    guest.run(1)
    assert not guest.cpu.segments[3].usable
    assert guest.cpu.cpl == 3
    assert DATA
