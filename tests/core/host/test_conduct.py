"""Each TDVMCALL sub-function served honestly and in every hostile way, as a guest in a TD finds it."""

import struct

import pytest

from tdxviz.core.drive import drive
from tdxviz.core.faults import TdxvizError
from tdxviz.core.host import conduct, layout
from tdxviz.core.host import vmm as v
from tdxviz.core.host.vmm import Request
from tdxviz.core.hw import path
from tdxviz.core.machine import Machine
from tdxviz.core.units import PAGE
from tdxviz.session.deeds import Program
from tdxviz.session.deeds_guest import run_program

ONES = (1 << 64) - 1
SHARED = 1 << 47
GUEST = """
{before}
        mov r10d, 0
        mov r11d, {function:#x}
        mov r12, {r12:#x}
        mov r13, {r13:#x}
        mov r14, {r14:#x}
        mov r15, {r15:#x}
        mov ecx, 0xFC00
        xor eax, eax
        tdcall
        mov [rip+seen], r10
        mov [rip+seen+8], r11
        mov [rip+seen+16], r12
        mov al, 7
        out 0xF4, al
        .bss
seen:   .skip 24
"""


def found(function: int, how: dict[str, str], before: str = "", limit: int = 200_000, **regs: int):
    """The host afterwards, how it ended, and R10, R11, R12 as the guest found them (None: it never got there)."""
    words = {name: regs.get(name, 0) for name in ("r12", "r13", "r14", "r15")}
    host, machine = conduct.host(how), Machine("ci")
    text = GUEST.format(function=function, before=before, **words)
    _, outcome = drive(machine, run_program(machine, Program(text, limit), host))
    seen = machine.books.symbols["seen"]
    at = machine.books.frames[seen & -PAGE] + seen % PAGE
    got = struct.unpack("<3Q", path.read_physical(machine.platform, at, layout.HKIDS[0], 24))
    return host, outcome, got if outcome.exit_code is not None else None


IO_READ = {"r12": 1, "r13": 0, "r14": 0xE9}
MMIO_READ = {"r12": 4, "r13": 0, "r14": SHARED | 0x5000_0000}
MAP = {"r12": SHARED | 0x40_3000, "r13": 0x1000}
CASES = [
    # sub-function, its registers, conduct, (R10, R11, R12); selected registers that are no answer come as 0
    (v.CPUID, {"r12": 0x4000_0000}, "honest", (0, 0, 0x4000_0001)),
    (v.CPUID, {"r12": 0x4000_0000}, "spoofs", (0, 0, 0x4000_0006)),
    (v.CPUID, {"r12": 0x16}, "spoofs", (0, 0, ONES)),
    (v.HLT, {}, "wakes", (0, 0, 0)),
    (v.IO, IO_READ, "honest", (0, 0xE9, 0)),
    (v.IO, IO_READ, "inverts", (0, 0x16, 0)),
    (v.RDMSR, {"r12": 0x1B}, "honest", (0, 0, 0)),
    (v.RDMSR, {"r12": 0x1B}, "inverts", (0, ONES, 0)),
    (v.WRMSR, {"r12": 0x1B, "r13": 5}, "honest", (0, 0, 0)),
    (v.WRMSR, {"r12": 0x1B, "r13": 5}, "forgets", (0, 0, 0)),
    (v.MMIO, MMIO_READ, "honest", (0, 0xFFFF_FFFF, 0)),
    (v.MMIO, MMIO_READ, "inverts", (0, 0, 0)),
    (v.MAP_GPA, MAP, "honest", (0, 0, 0)),
    (v.MAP_GPA, MAP, "only says", (0, 0, 0)),
    (v.MAP_GPA, MAP, "never ends", (v.RETRY, MAP["r12"], 0)),
    (v.FATAL_ERROR, {}, "goes on", (0, 0, 0)),
    (v.SETUP_NOTIFY, {"r12": 0x50}, "honest", (0, 0, 0)),
    (v.SETUP_NOTIFY, {"r12": 0x50}, "forgets", (0, 0, 0)),
    *((function, {}, "refuses", (v.INVALID_OPERAND, 0, 0)) for function in conduct.WAYS
      if conduct.REFUSAL in conduct.WAYS[function] and function not in (v.HLT, v.IO)),
]  # fmt: skip


@pytest.mark.parametrize(("function", "regs", "how", "seen"), CASES)
def test_what_the_guest_finds(function, regs, how, seen):
    _, outcome, got = found(function, {v.NAMES[function]: how}, **regs)
    assert (outcome.reason, outcome.exit_code, got) == ("exit", 7, seen)


def test_an_honest_host_lets_a_halted_guest_rest_and_hears_a_fatal_error():
    _, outcome, got = found(v.HLT, {})
    assert (outcome.reason, got) == ("halt", None)
    _, outcome, got = found(v.FATAL_ERROR, {}, r12=3, r14=int.from_bytes(b"too late", "little"))
    assert (outcome.reason, got) == ("fatal error", None)
    assert "too late" in outcome.detail


def test_what_the_host_keeps_of_it():
    """The guest cannot tell some lies from honesty: the difference is on the other side."""
    assert found(v.WRMSR, {}, r12=0x1B, r13=5)[0].msrs == {0x1B: 5}
    assert found(v.WRMSR, {"Instruction.WRMSR": "forgets"}, r12=0x1B, r13=5)[0].msrs == {}
    assert found(v.SETUP_NOTIFY, {}, r12=0x50)[0].notify_vector == 0x50
    assert found(v.SETUP_NOTIFY, {"SetupEventNotifyInterrupt": "forgets"}, r12=0x50)[0].notify_vector == 0


def test_a_guest_that_believes_a_retry_for_ever_meets_the_limit():
    loop = """
2:      mov r10d, 0
        mov r11d, 0x10001
        mov r12, 0x800000403000
        mov r13d, 0x1000
        mov ecx, 0xFC00
        xor eax, eax
        tdcall
        cmp r10, 1
        je 2b
"""
    host, outcome, _ = found(v.GET_INFO, {"MapGPA": "never ends"}, before=loop, limit=1_000)
    assert (outcome.reason, host.converted) == ("limit", [])


def test_a_host_that_refuses_ports_leaves_its_guest_without_a_console():
    _, outcome, _ = found(v.GET_INFO, {"Instruction.IO": "refuses"}, limit=900)
    assert (outcome.console, outcome.exit_code) == (b"", None)
    assert outcome.reason in ("limit", "halt", "fatal error", "triple fault")


@pytest.mark.parametrize(
    ("how", "words"),
    [
        (
            {"Instruction.CPUIT": "spoofs"},
            "no sub-function 'Instruction.CPUIT'; did you mean 'Instruction.CPUID'",
        ),
        ({"MapGPA": "only sais"}, "MapGPA: no conduct 'only sais'; did you mean 'only says'"),
    ],
)
def test_a_slip_names_the_nearest_right_word(how, words):
    with pytest.raises(TdxvizError) as slip:
        conduct.host(how)
    assert words in str(slip.value)


def test_every_sub_function_of_the_interface_can_be_chosen():
    hostile = {name: ways[0].name for name, ways in ((v.NAMES[f], w) for f, w in conduct.WAYS.items())}
    made, honest = conduct.host(hostile), conduct.host(dict.fromkeys(hostile, "honest"))
    assert set(made.lies) | made.refused == set(conduct.WAYS)
    assert not honest.lies and not honest.refused
    wanted = ("Instruction.CPUID", "Instruction.HLT", "Instruction.IO", "Instruction.RDMSR", "Instruction.WRMSR",
              "#VE.RequestMMIO", "MapGPA", "ReportFatalError", "SetupEventNotifyInterrupt")  # fmt: skip
    assert set(wanted) <= set(conduct.NAMES)
    refusing = conduct.host({"GetQuote": "refuses"})
    assert refusing.serve(Request(v.GET_QUOTE, {})) == {"R10": v.INVALID_OPERAND}
