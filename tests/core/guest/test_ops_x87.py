"""Resetting, saving and restoring the FPU: against this computer's own processor, and its faults."""

import mmap
import platform
import random
import struct
from pathlib import Path

import pytest

from tdxviz.core.faults import GuestFault
from tdxviz.core.hw import x87
from tests.core.guest.kit import CODE, DATA, Guest
from tests.core.guest.native import Native

OSFXSR = 1 << 9
AREA = 512
RBX = 3
FNINIT, FXRSTOR64, FXRSTOR = "dbe3", "480fae0b", "0fae0b"
PROGRAMS = {
    "FLDCW, FNSTCW, FNSTSW": FNINIT + "d92b" + "d97b10" + "dd7b12" + "dfe0" + "66894314" + FNINIT,
    "FXRSTOR64, FXSAVE64": FXRSTOR64 + "480fae8300020000" + FNINIT,
    "FXRSTOR64, FXSAVE": FXRSTOR64 + "0fae8300020000" + FNINIT,
    "FXRSTOR, FXSAVE64": FXRSTOR + "480fae8300020000" + FNINIT,
    "FXRSTOR64, FNINIT, FXSAVE64": FXRSTOR64 + FNINIT + "480fae8300020000",
    "FXRSTOR64, FNCLEX, FXSAVE64": FXRSTOR64 + "dbe2" + "480fae8300020000" + FNINIT,
    "FXRSTOR64, FLDCW after FNCLEX": FXRSTOR64 + "dbe2" + "d9ab00030000" + "480fae8300020000" + FNINIT,
    "FXRSTOR64, FNSTSW": FXRSTOR64 + "dfe0" + "66894310" + "dd7b12" + FNINIT,
    "LDMXCSR, STMXCSR": "0fae5318" + "0fae9b00020000" + "0fae1b",
}


@pytest.fixture(scope="module")
def native():
    if platform.machine().lower() not in ("x86_64", "amd64") or platform.system() != "Linux":
        pytest.skip("the oracle is an x86-64 processor under Linux")
    if not hasattr(mmap, "PROT_EXEC"):
        pytest.skip("the oracle needs executable memory")
    try:
        found = Native()
    except (OSError, ValueError) as error:
        pytest.skip(f"this system gives no executable memory: {error}")
    yield found
    found.close()


def image(c: random.Random) -> bytes:
    """A random state that can be loaded. FIP is canonical: how many bits a processor keeps differs."""
    raw = bytearray(c.randbytes(2 * AREA))
    struct.pack_into("<Q", raw, 8, c.getrandbits(47))
    struct.pack_into("<Q", raw, 16, c.getrandbits(47))
    struct.pack_into("<I", raw, 24, c.getrandbits(16))
    return bytes(raw)


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_same_as_the_processor(native, name):
    if "GenuineIntel" not in Path("/proc/cpuinfo").read_text("utf-8"):
        pytest.skip("other makers keep the instruction pointers differently")
    code, guest, c = bytes.fromhex(PROGRAMS[name]), Guest(), random.Random(name)
    guest.cpu.cr4 |= OSFXSR
    guest.write(CODE, code.ljust(64, b"\x90"))
    native.load(b"\x0f\xae\x5b\xf0" + code + b"\x0f\xae\x53\xf0")  # Python's own MXCSR is put back
    for _ in range(40):
        raw = image(c)
        guest.write(DATA, raw)
        native.data[1024 : 1024 + len(raw)] = raw
        regs = [0] * 16
        regs[RBX] = native.address
        theirs, _ = native.run(regs, 2)
        guest.cpu.gprs[:], guest.cpu.rip = [0] * 16, CODE
        guest.cpu.gprs[RBX] = DATA
        guest.run(20, until=CODE + len(code))
        assert guest.cpu.rip == CODE + len(code)
        assert guest.read(DATA, 2 * AREA) == native.data[1024 : 1024 + 2 * AREA]
        assert guest.cpu.gprs[0] == theirs[0]


def run(code: str, **state: int) -> Guest:
    guest = Guest(bytes.fromhex(code))
    guest.cpu.cr4 |= OSFXSR
    guest.cpu.gprs[RBX] = DATA
    for name, value in state.items():
        setattr(guest.cpu, name, value)
    guest.run()
    return guest


EM, TS, MP = 0x25, 0x29, 0x23
FAULTS = {
    "FWAIT under MP and TS": ("9b", {"cr0": TS | MP}, 7),
    "FNINIT under EM": (FNINIT, {"cr0": EM}, 7),
    "FLDCW under TS": ("d92b", {"cr0": TS}, 7),
    "FNSTSW under TS": ("dfe0", {"cr0": TS}, 7),
    "FXSAVE under TS": ("0fae03", {"cr0": TS}, 7),
    "FXRSTOR under EM": ("0fae0b", {"cr0": EM}, 7),
    "LDMXCSR without OSFXSR": ("0fae13", {"cr4": 0x40}, 6),
    "STMXCSR under TS": ("0fae1b", {"cr0": TS}, 7),
    "FXSAVE64 beside a multiple of 16": ("480fae4308", {}, 13),
    "FXRSTOR64 beside a multiple of 16": ("480fae4b08", {}, 13),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults(name):
    code, state, vector = FAULTS[name]
    with pytest.raises(GuestFault) as fault:
        run(code, **state)
    assert fault.value.vector == vector


@pytest.mark.parametrize("state", [{"cr0": TS}, {"cr0": MP}, {}])
def test_fwait_without_an_exception_goes_on(state):
    assert run("9b", **state).cpu.rip == CODE + 1


@pytest.mark.parametrize("code", ["9b", "d92b"])
def test_a_pending_exception_stops_what_waits(code):
    fpu = x87.Fpu(fsw=1).controlled(0x37E)
    with pytest.raises(GuestFault) as fault:
        run(code, fpu=fpu)
    assert fault.value.vector == 16
    assert not run("dbe2", fpu=fpu).cpu.fpu.pending
    assert run("dfe0", fpu=fpu).cpu.gprs[0] == 0x8081


@pytest.mark.parametrize("code", ["0fae5318", "0fae0b"])
def test_reserved_bits_of_mxcsr_are_refused_and_change_nothing(code):
    guest = Guest(bytes.fromhex(code))
    guest.cpu.cr4 |= OSFXSR
    guest.cpu.gprs[RBX] = DATA
    guest.write(DATA, bytes(24) + (1 << 16).to_bytes(4, "little"))
    before = guest.cpu.copy()
    with pytest.raises(GuestFault):
        guest.run()
    assert guest.cpu == before


def test_32_bit_code_saves_eight_vectors():
    guest = Guest(bytes.fromhex("0fae03"), bits=32)
    guest.cpu.gprs[RBX], guest.cpu.xmm = DATA, [n + 1 for n in range(16)]
    guest.write(DATA, b"\xaa" * 512)
    guest.run()
    saved = guest.read(DATA, 416)
    assert [saved[160 + 16 * n] for n in range(16)] == [1, 2, 3, 4, 5, 6, 7, 8, *[0xAA] * 8]
