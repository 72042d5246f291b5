"""Data breakpoints, single steps and their company. SDM volume 3, chapter 17."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tdxviz.core.faults import GuestFault, SoftwareInterrupt
from tdxviz.core.guest import boundary, debug
from tdxviz.core.hw.cpu import RAX, RSI, RSP, CpuState
from tests.core.guest.kit import CODE, DATA, STACK, Guest

HANDLER = CODE + 0x800
RF, TF = 1 << 16, 1 << 8
WRITE, BOTH = 1, 3
LEN = {1: 0, 2: 1, 4: 3, 8: 2}


def armed(dr: int, kind: int, size: int, n: int = 0) -> int:
    """DR7 with breakpoint n enabled (the caller writes DRn)."""
    return 0x400 | 1 << 2 * n | (kind | LEN[size] << 2) << 16 + 4 * n


def guest(code: str, *, trace: bool = False) -> Guest:
    made = Guest(bytes.fromhex(code), trace=trace)
    made.gate(1, HANDLER)
    made.cpu.gprs[RSI] = DATA
    made.cpu.cr4 |= 1 << 9
    return made


def step(made: Guest) -> None:
    """What the step loop does for one instruction."""
    boundary.before(made.p, made.lp, made.ctx, 9)
    start, flags, made.ctx.hits = made.cpu.rip, made.cpu.rflags, 0
    made.run(1)
    boundary.after(made.p, made.lp, made.ctx, start, flags)


@pytest.mark.parametrize("trace", [False, True])
@pytest.mark.parametrize(
    ("code", "length", "loads", "stores"),
    [
        ("488b06", 3, True, False), ("488906", 3, False, True), ("480106", 3, True, True),
        ("ac", 1, True, False), ("50", 1, False, True), ("f30f6f06", 4, True, False),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", [WRITE, BOTH])
def test_what_an_instruction_touches_traps_behind_it(code, length, loads, stores, kind, trace):
    made = guest(code + "90", trace=trace)
    made.cpu.dr[1] = STACK - 8 if code == "50" else DATA
    made.cpu.dr7 = armed(1, kind, 8, 1)
    step(made)
    hit = stores or (loads and kind == BOTH)
    assert (made.cpu.rip == HANDLER) is hit
    assert made.cpu.dr6 & 0xF == (2 if hit else 0)
    if hit:
        assert int.from_bytes(made.read(made.cpu.gprs[RSP], 8), "little") == CODE + length
    else:
        assert made.cpu.rip == CODE + length


def test_memory_and_registers_are_changed_before_the_trap():
    made = guest("48ffc0488906")
    made.cpu.dr[0], made.cpu.dr7 = DATA, armed(0, WRITE, 4)
    step(made)
    step(made)
    assert (made.cpu.rip, made.read(DATA, 1), made.cpu.gprs[RAX]) == (HANDLER, b"\x01", 1)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.integers(DATA, DATA + 24), st.sampled_from([0, 1, 3]), st.sampled_from([1, 2, 4, 8]),
                       st.booleans()), min_size=4, max_size=4),
    st.integers(DATA, DATA + 24), st.sampled_from([1, 2, 4, 8, 16]), st.booleans(),
)  # fmt: skip
def test_a_breakpoint_covers_its_aligned_bytes(points, at, size, store):
    cpu = CpuState()
    wanted = 0
    for n, (address, kind, length, on) in enumerate(points):
        cpu.dr[n] = address
        cpu.dr7 |= on << 2 * n + 1 | (kind | LEN[length] << 2) << 16 + 4 * n
        covered = {address // length * length + k for k in range(length)}
        if on and kind in ((WRITE, BOTH) if store else (BOTH,)) and covered & {at + k for k in range(size)}:
            wanted |= 1 << n
    assert debug.met(cpu, at, size, store=store) == wanted
    assert debug.watches_data(cpu) == any(on and kind for _, kind, _, on in points)


def test_a_repeated_string_traps_at_the_element_that_hit():
    made = guest("f3aa90")
    made.cpu.gprs[7], made.cpu.gprs[1] = DATA, 8
    made.cpu.dr[3], made.cpu.dr7 = DATA + 2, armed(3, WRITE, 1, 3)
    for _ in range(3):
        step(made)
    assert (made.cpu.rip, made.cpu.gprs[1], made.cpu.dr6 & 0xF) == (HANDLER, 5, 8)
    assert int.from_bytes(made.read(made.cpu.gprs[RSP], 8), "little") == CODE


def test_step_and_breakpoint_come_as_one_exception():
    made = guest("488906")
    made.cpu.dr[0], made.cpu.dr7 = DATA, armed(0, BOTH, 1)
    made.cpu.rflags |= TF
    step(made)
    assert (made.cpu.rip, made.cpu.dr6) == (HANDLER, 0xFFFF_0FF0 | 1 << 14 | 1)
    made.cpu.rip = CODE
    made.cpu.dr7 = 0x400
    made.cpu.rflags |= TF
    step(made)
    assert made.cpu.dr6 == 0xFFFF_0FF0 | 1 << 14 | 1, "what is not concerned stays"


def test_an_instruction_that_faults_has_met_nothing():
    made = guest("48f736")
    made.cpu.dr[0], made.cpu.dr7 = DATA, armed(0, BOTH, 8)
    with pytest.raises(GuestFault):
        step(made)
    assert made.cpu.dr6 == 0xFFFF_0FF0


def test_the_frame_of_an_exception_meets_no_breakpoint():
    made = guest("90")
    made.cpu.dr[0], made.cpu.dr7 = STACK - 8, armed(0, BOTH, 8)
    made.cpu.rflags |= TF
    step(made)
    assert (made.cpu.rip, made.cpu.dr6 & 0xF) == (HANDLER, 0)


def test_general_detect_ends_in_the_handler():
    made = guest("0f21c0")
    made.cpu.dr7 |= 1 << 13
    with pytest.raises(GuestFault) as outcome:
        step(made)
    assert (outcome.value.vector, made.cpu.dr6 >> 13 & 1, made.cpu.dr7 >> 13 & 1) == (1, 1, 1)
    made.deliver(1)
    assert made.cpu.dr7 == 0x400


def test_resume_flag_lasts_one_instruction_and_iret_brings_it():
    made = guest("48cf")
    made.cpu.dr[0], made.cpu.dr7 = CODE + 0x10, 0x401
    made.write(CODE + 0x10, b"\x90\x90")
    for n, word in enumerate((CODE + 0x10, 8, 2 | RF, STACK, 0x10)):
        made.write(STACK + 8 * n, word.to_bytes(8, "little"))
    step(made)
    assert (made.cpu.rip, made.cpu.rflags & RF) == (CODE + 0x10, RF)
    step(made)
    assert (made.cpu.rip, made.cpu.rflags & RF) == (CODE + 0x11, 0)
    made.cpu.rip = CODE + 0x10
    with pytest.raises(GuestFault) as outcome:
        step(made)
    assert outcome.value.vector == 1


def test_int1_is_a_debug_exception_that_any_privilege_may_raise():
    made = guest("f1")
    with pytest.raises(SoftwareInterrupt) as outcome:
        step(made)
    assert (outcome.value.vector, outcome.value.length, outcome.value.kind) == (1, 1, "icebp")
    made.deliver(1, kind="icebp", length=1)
    assert int.from_bytes(made.read(made.cpu.gprs[RSP], 8), "little") == CODE + 1


def test_hot_code_with_a_breakpoint_counts_every_store():
    """A loop that would be translated goes step by step, and each store traps."""
    made = guest("48ff0648ffc975f8")
    made.cpu.gprs[1] = 40
    made.cpu.dr[0], made.cpu.dr7 = DATA, armed(0, WRITE, 8)
    traps = 0
    for _ in itertools.repeat(None, 400):
        step(made)
        if made.cpu.rip == HANDLER:
            traps += 1
            made.cpu.rip, made.cpu.gprs[RSP] = (
                int.from_bytes(made.read(made.cpu.gprs[RSP], 8), "little"),
                STACK,
            )
        if made.cpu.rip == CODE + 8:
            break
    assert traps == 40
