"""The step loop: precise faults, exceptions, REP, step counts, and any bytes whatever."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tdxviz.core import events as e
from tdxviz.core.faults import Architectural, EptViolation, GuestFault, Intercept, MachineCheck
from tdxviz.core.hw import path
from tests.core.guest.kit import BASE, CODE, DATA, PAGES, STACK, Guest
from tests.core.hw.kit import RAM

BEYOND = BASE + PAGES * 0x1000
RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI = range(8)


def state(guest: Guest) -> tuple:
    """Registers and memory; not what a failed access may fetch into the caches."""
    dirty = {tag: line.data for tag, line in guest.p.cache.lines.items() if line.dirty}
    return guest.cpu.copy(), dirty


def outcome(guest: Guest, steps: int = 1) -> Architectural:
    with pytest.raises(Architectural) as caught:
        guest.run(steps)
    return caught.value


FAULTING = {
    # bytes of an instruction whose memory operand is [rax]
    "mov [rax], rbx": "488918", "mov rbx, [rax]": "488b18", "add [rax], rbx": "480118", "add rbx, [rax]": "480318",
    "xchg [rax], rbx": "488718", "inc qword [rax]": "48ff00", "neg qword [rax]": "48f718",
    "not qword [rax]": "48f710", "shl qword [rax], 3": "48c12003", "bts [rax], rbx": "480fab18",
    "btc qword [rax], 1": "480fba3801", "bsf rbx, [rax]": "480fbc18", "cmovz rbx, [rax]": "480f4418",
    "setz [rax]": "0f9400", "movzx ebx, word [rax]": "0fb718", "push [rax]": "ff30", "pop [rax]": "8f00",
    "call [rax]": "ff10", "jmp [rax]": "ff20", "imul rbx, [rax]": "480faf18", "mul qword [rax]": "48f720",
    "div qword [rax]": "48f730", "lidt [rax]": "0f0118", "mov ss, [rax]": "8e10", "bt [rax], rbx": "480fa318",
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTING)
@pytest.mark.parametrize("at", [BEYOND, BEYOND - 1, 1 << 60])
def test_a_fault_changes_nothing(name, at):
    guest = Guest(bytes.fromhex(FAULTING[name]))
    if "setz" in name and at == BEYOND - 1:
        at = BEYOND
    guest.write(STACK, b"\x01" * 8)
    guest.cpu.gprs[RAX], guest.cpu.gprs[RBX], guest.cpu.rflags = at, 0, 0x8D7
    before = state(guest)
    assert isinstance(outcome(guest), EptViolation | GuestFault)
    assert state(guest) == before


STACK_USERS = {"push rbx": "53", "call +0": "e800000000", "pushfq": "9c", "pop rbx": "5b", "ret": "c3", "leave": "c9",
               "popfq": "9d", "iretq": "48cf"}  # fmt: skip


@pytest.mark.parametrize("name", STACK_USERS)
def test_a_stack_fault_changes_nothing(name):
    guest = Guest(bytes.fromhex(STACK_USERS[name]))
    guest.cpu.gprs[RSP] = guest.cpu.gprs[RBP] = BEYOND + 8
    before = state(guest)
    assert isinstance(outcome(guest), EptViolation)
    assert state(guest) == before


def test_poison_is_a_machine_check_and_changes_nothing():
    guest = Guest(bytes.fromhex("488b18"))
    guest.cpu.gprs[RAX] = DATA
    guest.p.memctl.poison(RAM + DATA - BASE, 0)
    before = state(guest)
    assert isinstance(outcome(guest), MachineCheck)
    assert state(guest) == before


def test_executed_counts_what_ran_before():
    guest = Guest(b"\x90\x90\x0f\x0b")
    assert outcome(guest, 10).executed == 2
    assert guest.cpu.rip == CODE + 2


@pytest.mark.parametrize("code", ["0f0b", "06", "0f04", "c4e2", "ffff", "8ec8", "f0489003"])
def test_ud(code):
    guest = Guest(bytes.fromhex(code) + bytes(16))
    fault = outcome(guest)
    assert (fault.vector, guest.cpu.rip) == (6, CODE)


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("f30f58c1", "addss xmm0, xmm1"), ("d9c0", "fld st"), ("0fefc1", "pxor mm0, mm1"), ("c5f858c1", "vaddps"),
    ],
)  # fmt: skip
def test_what_is_not_modelled_says_so_and_gets_ud(code, text):
    guest = Guest(bytes.fromhex(code) + b"\x90" * 16)
    guest.cpu.gprs[RAX] = DATA
    before = state(guest)
    assert outcome(guest).vector == 6
    assert state(guest) == before
    (event,) = guest.news
    assert isinstance(event, e.InstructionNotModelled)
    assert event.text.startswith(text)
    assert event.code == bytes.fromhex(code)


@pytest.mark.parametrize(
    ("code", "name"),
    [("0fa2", "CPUID"), ("f4", "HLT"), ("660f01cc", "TDCALL"), ("660f01cf", "SEAMCALL"), ("0f01c1", "VMCALL"),
     ("0f32", "RDMSR"), ("0f30", "WRMSR"), ("ec", "IN"), ("e610", "OUT"), ("0f08", "INVD"), ("0f09", "WBINVD"),
     ("f30f09", "WBINVD"), ("6c", "INS"), ("6e", "OUTS"), ("0f33", "RDPMC"), ("0f01c8", "MONITOR"), ("0f01c9", "MWAIT")],
)  # fmt: skip
def test_what_leaves_the_guest_changes_nothing(code, name):
    guest = Guest(bytes.fromhex(code))
    before = state(guest)
    left = outcome(guest)
    assert isinstance(left, Intercept)
    assert (left.name, left.length) == (name, len(code) // 2)
    assert state(guest) == before


# --- counting -------------------------------------------------------------------------------------


@pytest.mark.parametrize("trace", [False, True])
@pytest.mark.parametrize("steps", [0, 1, 5, 100])
def test_run_n_is_n_steps(steps, trace):
    code = bytes.fromhex("48ffc048ffc3ebf8")  # inc rax; inc rbx; jmp back
    together, one_by_one = Guest(code, trace=trace), Guest(code, trace=trace)
    assert together.run(steps) == steps
    for _ in range(steps):
        assert one_by_one.run(1) == 1
    assert together.cpu == one_by_one.cpu
    assert together.lp.tlb.entries() == one_by_one.lp.tlb.entries()
    assert together.p.cache.lines == one_by_one.p.cache.lines
    assert together.news == one_by_one.news
    assert sum(isinstance(n, e.InstructionRetired) for n in together.news) == (steps if trace else 0)


def test_traced_and_fast_runs_end_in_the_same_state():
    code = bytes.fromhex("48b800200080000000004889044848ffc148031c48ebf3")  # stores and loads at [rax+rcx*2]
    fast, traced = Guest(code), Guest(code, trace=True)
    assert fast.run(400) == traced.run(400) == 400
    assert state(fast) == state(traced)


def test_until_stops_before_an_address_but_not_at_the_start():
    guest = Guest(b"\x90\x90\x90\xeb\xfb")
    assert guest.run(100, until=CODE + 2) == 2
    assert guest.run(100, until=CODE + 2) == 4
    assert guest.cpu.rip == CODE + 2


def test_an_instruction_across_two_lines_and_two_pages():
    code = bytes.fromhex("48b8efcdab8967452301")  # mov rax, imm64
    for at in (CODE + 60, CODE + 0x1000 - 3):
        guest = Guest()
        guest.write(at, code)
        guest.cpu.rip = at
        guest.run()
        assert guest.cpu.gprs[RAX] == 0x0123456789ABCDEF
        assert guest.cpu.rip == at + 10


def test_an_instruction_that_runs_into_nothing_faults_at_the_next_page():
    guest = Guest()
    guest.write(BEYOND - 2, b"\x48\xb8")
    guest.cpu.rip = BEYOND - 2
    fault = outcome(guest)
    assert isinstance(fault, EptViolation)
    assert (fault.access, fault.gpa) == ("fetch", BEYOND)
    guest.write(BEYOND - 1, b"\x90")
    guest.cpu.rip = BEYOND - 1
    assert guest.run() == 1  # a whole instruction at the very end needs nothing more


def test_code_that_changes_itself_is_seen_in_the_same_run():
    guest = Guest(bytes.fromhex("c6050200000090eb00f490"))  # the HLT becomes a NOP
    assert guest.run(4) == 4
    assert guest.cpu.rip == CODE + 11


def test_a_loop_over_its_own_modified_instruction():
    # loop: inc eax (ff c0); mov byte [loop+1], 0xc3 (inc ebx); jmp loop
    code = bytes.fromhex("ffc0c605f8ffffffc3ebf5")
    guest = Guest(code)
    assert guest.run(9) == 9
    assert (guest.cpu.gprs[RAX], guest.cpu.gprs[RBX]) == (1, 2)


# --- REP ------------------------------------------------------------------------------------------


def string(code: str, count: int, *, backwards: bool = False) -> Guest:
    guest = Guest(bytes.fromhex(code))
    guest.write(DATA, bytes(range(1, 201)))
    guest.cpu.gprs[RCX], guest.cpu.gprs[RSI], guest.cpu.gprs[RDI] = count, DATA, DATA + 0x800
    guest.cpu.rflags = 2 | (0x400 if backwards else 0)
    return guest


@pytest.mark.parametrize(("code", "size"), [("f3a4", 1), ("f366a5", 2), ("f3a5", 4), ("f348a5", 8)])
def test_rep_movs_one_element_a_step_and_can_be_interrupted_anywhere(code, size):
    guest = string(code, 5)
    for done in range(1, 6):
        assert guest.run(1) == 1
        assert guest.cpu.gprs[RCX] == 5 - done
        assert guest.cpu.gprs[RDI] == DATA + 0x800 + done * size
        assert guest.cpu.rip == (CODE if done < 5 else CODE + len(code) // 2)
    assert guest.read(DATA + 0x800, 5 * size) == bytes(range(1, 5 * size + 1))


def test_rep_with_count_0_does_nothing():
    guest = string("f3a4", 0)
    guest.cpu.gprs[RSI] = BEYOND
    assert guest.run(1) == 1
    assert guest.cpu.rip == CODE + 2


def test_a_fault_in_the_middle_of_rep_keeps_what_was_done():
    guest = string("f348ab", 4)
    guest.cpu.gprs[RDI], guest.cpu.gprs[RAX] = BEYOND - 16, 0x0101010101010101
    assert outcome(guest, 10).executed == 2
    assert (guest.cpu.gprs[RCX], guest.cpu.gprs[RDI], guest.cpu.rip) == (2, BEYOND, CODE)
    assert guest.read(BEYOND - 16, 16) == b"\x01" * 16


def test_backwards_and_lods():
    guest = string("a4", 0, backwards=True)
    guest.run()
    assert (guest.cpu.gprs[RSI], guest.cpu.gprs[RDI]) == (DATA - 1, DATA + 0x7FF)
    for code, value in (("ac", 0x1101), ("66ad", 0x0201), ("ad", 0x04030201), ("48ad", 0x0807060504030201)):
        guest = string(code, 0)
        guest.cpu.gprs[RAX] = 0x1122
        guest.run()
        assert guest.cpu.gprs[RAX] == value


# --- control --------------------------------------------------------------------------------------


def test_call_and_ret():
    guest = Guest(bytes.fromhex("e80300000090909048ffc0c3"))
    guest.run(3)
    assert (guest.cpu.rip, guest.cpu.gprs[RSP], guest.cpu.gprs[RAX]) == (CODE + 5, STACK, 1)


def test_call_and_ret_in_32_bit_mode_use_four_bytes():
    guest = Guest(bytes.fromhex("e80100000090c20800"), bits=32)
    guest.write(STACK - 8, b"\xff" * 8)
    guest.run(1)
    assert guest.cpu.gprs[RSP] == STACK - 4
    assert guest.read(STACK - 8, 8) == b"\xff" * 4 + (CODE + 5).to_bytes(4, "little")
    guest.run(1)
    assert (guest.cpu.rip, guest.cpu.gprs[RSP]) == (CODE + 5, STACK + 8)


def test_loop_and_jrcxz():
    guest = Guest(bytes.fromhex("48ffc0e2fbe300"))
    guest.cpu.gprs[RCX] = 4
    guest.run(9)
    assert (guest.cpu.gprs[RAX], guest.cpu.gprs[RCX], guest.cpu.rip) == (4, 0, CODE + 7)


def test_pushf_popf_and_iret():
    guest = Guest(bytes.fromhex("9c58509d48cf"))
    guest.cpu.rflags = 0x8D7
    guest.run(2)
    assert guest.cpu.gprs[RAX] == 0x8D7
    guest.cpu.gprs[RAX] = 0xFFFF_FFFF_FFFF_FFFF
    guest.run(2)
    assert guest.cpu.rflags & 0x3F7FD7 == 0x24_7FD7 & 0x3F7FD7
    for n, word in enumerate((CODE + 100, 8, 0x46, STACK - 64, 0x10)):
        guest.write(STACK + 8 * n, word.to_bytes(8, "little"))
    guest.cpu.rflags = 2
    guest.run(1)
    assert (guest.cpu.rip, guest.cpu.rflags, guest.cpu.gprs[RSP], guest.cpu.cpl) == (
        CODE + 100,
        0x46,
        STACK - 64,
        0,
    )


@pytest.mark.parametrize("code", ["0f22d8", "0f20d8", "0f0118", "0f0138"])
def test_privileged_instructions_in_user_mode_are_gp(code):
    guest = Guest(bytes.fromhex(code))
    guest.cpu.cpl, guest.cpu.gprs[RAX] = 3, DATA
    fault = outcome(guest)
    assert (fault.vector, fault.error) == (13, 0)


def test_control_registers_flush_translations():
    guest = Guest(bytes.fromhex("0f22d80f20db"))
    guest.cpu.gprs[RAX] = 0x1234_5000
    guest.run(2)
    assert guest.cpu.cr3 == guest.cpu.gprs[RBX] == 0x1234_5000
    assert any(isinstance(n, e.TlbFlushed) for n in guest.news)


def test_invlpg_drops_one_page():
    guest = Guest(bytes.fromhex("0f0138"))
    guest.cpu.gprs[RAX] = DATA
    path.load(guest.p, guest.lp, guest.ctx, DATA, 1)
    guest.run()
    assert guest.lp.tlb.lookup(1, DATA) is None
    assert guest.lp.tlb.lookup(1, CODE) is not None


def test_paging_without_protection_is_gp():
    guest = Guest(bytes.fromhex("0f22c0"))
    guest.cpu.gprs[RAX] = 1 << 31
    assert outcome(guest).vector == 13


# --- anything -------------------------------------------------------------------------------------

U64 = st.integers(0, 2**64 - 1)


@settings(max_examples=600, deadline=None)
@given(
    st.binary(min_size=1, max_size=40),
    st.lists(U64 | st.integers(CODE - 64, BEYOND + 64) | st.integers(0, 300), min_size=16, max_size=16),
    st.sampled_from([32, 64]),
    st.integers(0, 2**22 - 1),
    st.sampled_from([CODE, CODE + 50, BEYOND - 5]),
    st.sampled_from([0, 3]),
)  # fmt: skip
def test_random_bytes_have_architectural_outcomes_only(code, gprs, bits, flags, at, cpl):
    guest = Guest(bits=bits)
    for n, byte in enumerate(code):
        if at + n < BEYOND:
            guest.write(at + n, bytes([byte]))
    guest.cpu.gprs[:] = [g & 0xFFFF_FFFF for g in gprs] if bits == 32 else gprs
    guest.cpu.rip, guest.cpu.rflags, guest.cpu.cpl = at, flags | 2, cpl
    for _ in range(30):
        try:
            guest.run(1)
        except GuestFault as fault:
            try:
                guest.deliver(fault.vector, fault.error, fault.cr2)
            except Architectural:
                break
        except Architectural:
            break
        assert all(0 <= g < 1 << 64 for g in guest.cpu.gprs), code.hex()
        assert 0 <= guest.cpu.rip < 1 << 64
        assert 0 <= guest.cpu.rflags < 1 << 64


# --- what the fast tier remembers -----------------------------------------------------------------


def paged(code: bytes, *, trace: bool) -> Guest:
    """Identity-mapped 4 KiB pages; tables in the last four of them."""
    guest = Guest(code, trace=False)
    pml4, pdpt, pd, pt = (BASE + 0x4000 + n * 0x1000 for n in range(4))
    for table, index, value in ((pml4, 0, pdpt), (pdpt, BASE >> 30, pd), (pd, 0, pt)):
        guest.write(table + index * 8, (value | 7).to_bytes(8, "little"))
    for n in range(PAGES):
        guest.write(pt + n * 8, (BASE + n * 0x1000 | 7).to_bytes(8, "little"))
    guest.lp.tlb.flush()
    guest.cpu.cr3, guest.cpu.gprs[RSP] = pml4, BASE + 0x3000
    guest.cpu.cr0 |= 1 << 31
    guest.p.trace = trace
    guest.news.clear()
    return guest


@pytest.mark.parametrize("trace", [False, True])
def test_code_whose_page_became_no_execute_is_not_run_from_memory_of_it(trace):
    # call B; mov [rbx], rax; invlpg [rcx]; mov rdx, [rcx]; call B
    guest = paged(bytes.fromhex("e8fb0f00004889030f0139488b11e8ed0f0000"), trace=trace)
    guest.p.trace = False
    guest.write(CODE + 0x1000, b"\xc3")
    guest.p.trace = trace
    guest.cpu.gprs[RBX], guest.cpu.gprs[RCX] = BASE + 0x7008, CODE + 0x1000
    guest.cpu.gprs[RAX] = CODE + 0x1000 | 7 | 1 << 63
    fault = outcome(guest, 20)
    assert (fault.vector, fault.error, fault.cr2, fault.executed) == (14, 0x11, CODE + 0x1000, 6)


@pytest.mark.parametrize("trace", [False, True])
def test_the_same_bytes_in_another_mode_are_compiled_anew(trace):
    # 40 90 is "inc eax; nop" in 32-bit code and one "nop" with a REX prefix in 64-bit code
    guest = Guest(
        bytes.fromhex("4090") + b"\xea" + CODE.to_bytes(4, "little") + b"\x08\x00", bits=32, trace=trace
    )
    guest.p.trace = False
    guest.write(DATA + 8, 0x00AF9B000000FFFF.to_bytes(8, "little"))
    guest.p.trace = trace
    guest.cpu.gdt_base, guest.cpu.efer = DATA, guest.cpu.efer | 1 << 10
    assert guest.run(4) == 4
    assert (guest.cpu.bits, guest.cpu.gprs[RAX], guest.cpu.rip) == (64, 1, CODE + 2)


@pytest.mark.parametrize(
    ("code", "bits", "size"), [("9c9d", 64, 8), ("669c669d", 64, 2), ("9c9d", 32, 4), ("669c669d", 32, 2)]
)
def test_flags_on_the_stack_in_every_width(code, bits, size):
    guest = Guest(bytes.fromhex(code), bits)
    guest.cpu.rflags = 0x24_0AD7
    guest.run()
    assert guest.cpu.gprs[RSP] == STACK - size
    assert guest.read(STACK - size, size) == (0x24_0AD7).to_bytes(8, "little")[:size]
    guest.write(STACK - size, bytes(size))
    guest.run()
    assert guest.cpu.rflags == (2 if size > 2 else 0x24_0002)
    assert guest.cpu.gprs[RSP] == STACK


@pytest.mark.parametrize("overflow", [False, True])
def test_into(overflow):
    guest = Guest(b"\xce", 32)
    guest.cpu.rflags = 0x802 if overflow else 2
    if overflow:
        assert outcome(guest).vector == 4
    else:
        assert guest.run() == 1


@pytest.mark.parametrize("trace", [False, True])
@pytest.mark.parametrize(("code", "branch"), [("ffe0", 0), ("ffd0", 0), ("90ffe0", 1)])
def test_indirect_branches_train_the_predictor(code, branch, trace):
    guest = Guest(bytes.fromhex(code), trace=trace)
    guest.cpu.gprs[RAX] = CODE + 0x40
    guest.run(1 + branch)
    found = guest.lp.predictor.predict(CODE + branch, "vm-a")
    assert found is not None
    assert (found.target, found.trainer) == (CODE + 0x40, "vm-a")
    assert guest.lp.predictor.history
