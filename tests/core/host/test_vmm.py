"""What the host answers to each TDVMCALL. GHCI, tdx-architecture 5.1."""

import pytest

from tdxviz.core import events as e
from tdxviz.core.host import vmm as v
from tdxviz.core.host.vmm import Request, Vmm, request_of

SHARED = 1 << 47


def ask(host: Vmm, function: int, **regs: int) -> dict[str, int]:
    return host.serve(Request(function, {name.upper(): value for name, value in regs.items()}))


@pytest.mark.parametrize(
    ("function", "regs", "answer"),
    [
        (v.GET_INFO, {}, {"R10": 0}),
        (v.CPUID, {"r12": 0x40000000}, {"R10": 0, "R12": 0x40000001, "R13": 0x4B4D564B, "R14": 0x564B4D56, "R15": 0x4D}),
        (v.CPUID, {"r12": 0x40000001}, {"R10": 0, "R12": 0, "R13": 0, "R14": 0, "R15": 0}),
        (v.HLT, {"r12": 1}, {"R10": 0}),
        (v.IO, {"r12": 1, "r14": 0xE9}, {"R10": 0, "R11": 0xE9}),
        (v.IO, {"r12": 2, "r14": 0x60}, {"R10": 0, "R11": 0xFFFF}),
        (v.IO, {"r12": 3, "r14": 0x60}, {"R10": v.INVALID_OPERAND}),
        (v.IO, {"r12": 1, "r14": 0x10000}, {"R10": v.INVALID_OPERAND}),
        (v.RDMSR, {"r12": 0x1B}, {"R10": 0, "R11": 0}),
        (v.WRMSR, {"r12": 0x1B, "r13": 5}, {"R10": 0}),
        (v.MMIO, {"r12": 4, "r14": SHARED | 0x1000}, {"R10": 0, "R11": 0xFFFF_FFFF}),
        (v.MMIO, {"r12": 4, "r14": 0x1000}, {"R10": v.INVALID_OPERAND}),
        (v.MAP_GPA, {"r12": SHARED | 0x1000, "r13": 0x2000}, {"R10": 0}),
        (v.MAP_GPA, {"r12": 0x1001, "r13": 0x1000}, {"R10": v.ALIGN_ERROR, "R11": 0x1001}),
        (v.MAP_GPA, {"r12": SHARED - 0x1000, "r13": 0x2000}, {"R10": v.INVALID_OPERAND, "R11": SHARED - 0x1000}),
        (v.MAP_GPA, {"r12": 0x1000, "r13": 0}, {"R10": v.INVALID_OPERAND, "R11": 0x1000}),
        (v.GET_QUOTE, {"r12": SHARED, "r13": 0x1000}, {"R10": v.SUBFUNC_UNSUPPORTED}),
        (v.GET_QUOTE, {"r12": 0x1000, "r13": 0x1000}, {"R10": v.INVALID_OPERAND}),
        (v.GET_QUOTE, {"r12": SHARED | 8, "r13": 0x1000}, {"R10": v.ALIGN_ERROR}),
        (v.SETUP_NOTIFY, {"r12": 31}, {"R10": v.INVALID_OPERAND}),
        (v.SETUP_NOTIFY, {"r12": 64}, {"R10": 0}),
        (v.WBINVD, {}, {"R10": 0}),
        (v.PCONFIG, {}, {"R10": v.SUBFUNC_UNSUPPORTED}),
        (v.SERVICE, {}, {"R10": v.SUBFUNC_UNSUPPORTED}),
        (0x999, {}, {"R10": v.SUBFUNC_UNSUPPORTED}),
        (v.HLT, {"r10": 7}, {"R10": v.SUBFUNC_UNSUPPORTED}),
    ],
)  # fmt: skip
def test_an_honest_host_answers(function, regs, answer):
    assert ask(Vmm(), function, **regs) == answer


def test_what_the_host_remembers():
    host = Vmm()
    for byte in b"hi":
        ask(host, v.IO, r12=1, r13=1, r14=0xE9, r15=byte)
    ask(host, v.IO, r12=4, r13=1, r14=0xF4, r15=3)
    ask(host, v.IO, r12=2, r13=1, r14=0x80, r15=0x12345)
    assert ask(host, v.IO, r12=2, r14=0x80)["R11"] == 0x2345
    ask(host, v.WRMSR, r12=0x1B, r13=77)
    assert ask(host, v.RDMSR, r12=0x1B)["R11"] == 77
    ask(host, v.MMIO, r12=1, r13=1, r14=SHARED, r15=0x1FF)
    assert ask(host, v.MMIO, r12=4, r14=SHARED)["R11"] == 0xFF
    ask(host, v.MAP_GPA, r12=SHARED | 0x5000, r13=0x1000)
    ask(host, v.SETUP_NOTIFY, r12=0x50)
    assert (bytes(host.console), host.exit_code, host.finished, host.notify_vector) == (b"hi", 3, True, 0x50)
    assert host.converted == [(0x5000, 0x1000, True)]


def test_a_fatal_error_carries_its_message_in_the_registers():
    host = Vmm()
    words = [int.from_bytes(part, "little") for part in (b"out of m", b"emory")]
    ask(host, v.FATAL_ERROR, r12=0, r14=words[0], r15=words[1])
    assert (host.fatal, host.finished) == ((0, b"out of memory"), True)


def test_a_hostile_host_changes_answers():
    host = Vmm(lies={v.CPUID: lambda request, honest: honest | {"R12": request["R12"] + 1}})
    assert ask(host, v.CPUID, r12=0x40000000)["R12"] == 0x40000001
    assert ask(host, v.CPUID, r12=9) == {"R10": 0, "R12": 10, "R13": 0, "R14": 0, "R15": 0}


def test_only_a_tdvmcall_exit_is_a_request():
    returned = {"side": "host", "leaf": 0, "name": "TDH.VP.ENTER", "passed": 20, "reason": ""}
    outputs = {"RAX": 77, "RCX": 0x3C00, "R11": 30, "R14": 0xE9}
    request = request_of(e.LeafReturned(status=77, outputs=outputs, **returned))
    assert request is not None
    assert (request.function, request["R14"], request["R15"], request.name) == (30, 0xE9, 0, "Instruction.IO")
    assert request_of(e.LeafReturned(status=48, outputs=outputs, **returned)) is None
    assert request_of(e.VmEntered(vm="vm-a")) is None


def test_names_and_numbers_of_the_reference(reference):
    table = reference("tdvmcall_subfunctions.json")
    assert {row["number"]: row["name"] for row in table["subfunctions"]} == v.NAMES
    codes = {row["name"].removeprefix("TDVMCALL_"): int(row["value"], 16) for row in table["status_codes"]}
    for name, value in codes.items():
        assert getattr(v, name) == value
