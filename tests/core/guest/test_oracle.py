"""The guest's integer instructions against this computer's own processor, form by form.

Each form is put between native code that loads and saves all registers and flags, called with random
register values, and compared with what tdxviz makes of the same bytes. Flags that the architecture
leaves undefined are not compared.
"""

import ctypes
import mmap
import platform
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from tdxviz.core.faults import GuestFault
from tdxviz.core.guest.compiler import compile_at
from tests.core.guest.kit import CODE, DATA, Guest

CASES = 200
CF, PF, AF, ZF, SF, DF, OF = 1, 4, 0x10, 0x40, 0x80, 0x400, 0x800
ALL = CF | PF | AF | ZF | SF | OF
RCX, RBX, RSP, RDI = 1, 3, 4, 7
USABLE = [n for n in range(16) if n != RSP]
SIZES = (1, 2, 4, 8)
INTERESTING = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 1 << 31, (1 << 31) - 1, (1 << 32) - 1,
               1 << 63, (1 << 63) - 1, (1 << 64) - 1)  # fmt: skip

Defined = Callable[[list[int]], int]
"""Registers before -> mask of the flags that are defined (or unchanged) afterwards."""


@dataclass(frozen=True)
class Form:
    name: str
    code: bytes
    defined: Defined = lambda regs: ALL | DF
    memory: bool = False
    """The operand [rbx] is used: RBX points at a buffer."""
    divides: int = 0
    """Operand size of a division; others cannot fault."""


def fixed(mask: int) -> Defined:
    return lambda regs: mask | DF


def encode(
    opcode: bytes, size: int, reg: int, rm: int, *, memory: bool = False, byte_source: int = 0
) -> bytes:
    """Operand-size prefix, REX, opcode and ModRM; ``rm`` is a register or, in memory, [rbx]."""
    rex = (size == 8) << 3 | (reg > 7) << 2 | (0 if memory else rm > 7)
    low_bytes = size == 1 or byte_source
    need = rex or (low_bytes and (reg in (5, 6, 7) or (not memory and rm in (5, 6, 7))))
    modrm = (0 if memory else 0xC0) | (reg & 7) << 3 | (RBX if memory else rm & 7)
    return (b"\x66" if size == 2 else b"") + (bytes([0x40 | rex]) if need else b"") + opcode + bytes([modrm])


def immediate(chooser: random.Random, size: int) -> bytes:
    return chooser.getrandbits(size * 8).to_bytes(size, "little")


def pairs(chooser: random.Random, count: int = 2) -> list[tuple[int, int]]:
    return [(chooser.choice(USABLE), chooser.choice(USABLE)) for _ in range(count)]


LOGIC = {"OR", "AND", "XOR", "TEST"}


def alu(c: random.Random) -> Iterator[Form]:
    for number, name in enumerate(("ADD", "OR", "ADC", "SBB", "AND", "SUB", "XOR", "CMP")):
        defined = fixed(ALL & ~AF if name in LOGIC else ALL)
        for size in SIZES:
            wide = size > 1
            imm = min(size, 4)
            for reg, rm in pairs(c):
                yield Form(f"{name}{size} rm,r", encode(bytes([number * 8 + wide]), size, reg, rm), defined)
            reg, rm = pairs(c)[0]
            yield Form(f"{name}{size} r,rm", encode(bytes([number * 8 + 2 + wide]), size, reg, rm), defined)
            reg = c.choice([n for n in USABLE if n != RBX])
            yield Form(
                f"{name}{size} m,r",
                encode(bytes([number * 8 + wide]), size, reg, 0, memory=True),
                defined,
                True,
            )
            yield Form(
                f"{name}{size} r,m",
                encode(bytes([number * 8 + 2 + wide]), size, reg, 0, memory=True),
                defined,
                True,
            )
            yield Form(
                f"{name}{size} rm,imm",
                encode(bytes([0x80 + wide]), size, number, rm) + immediate(c, imm),
                defined,
            )
            prefix = {2: b"\x66", 8: b"\x48"}.get(size, b"")
            yield Form(
                f"{name}{size} a,imm", prefix + bytes([number * 8 + 4 + wide]) + immediate(c, imm), defined
            )
            if wide:
                yield Form(
                    f"{name}{size} rm,imm8", encode(b"\x83", size, number, rm) + immediate(c, 1), defined
                )
    for name, code in (
        ("ADD ah,cl", "00cc"),
        ("SUB bh,dh", "28f7"),
        ("XOR ch,al", "30c5"),
        ("ADC dl,ah", "10e2"),
    ):
        yield Form(name, bytes.fromhex(code), fixed(ALL & ~AF if "XOR" in name else ALL))
    for size in SIZES:
        reg, rm = pairs(c)[0]
        wide = size > 1
        yield Form(f"TEST{size} rm,r", encode(bytes([0x84 + wide]), size, reg, rm), fixed(ALL & ~AF))
        yield Form(
            f"TEST{size} rm,imm",
            encode(bytes([0xF6 + wide]), size, 0, rm) + immediate(c, min(size, 4)),
            fixed(ALL & ~AF),
        )


def one_operand(c: random.Random) -> Iterator[Form]:
    for size in SIZES:
        wide = size > 1
        for memory in (False, True):
            rm = c.choice(USABLE)
            tail = " m" if memory else ""
            for name, op, ext, mask in (("INC", 0xFE, 0, ALL), ("DEC", 0xFE, 1, ALL), ("NOT", 0xF6, 2, ALL),
                                        ("NEG", 0xF6, 3, ALL), ("MUL", 0xF6, 4, CF | OF), ("IMUL", 0xF6, 5, CF | OF)):  # fmt: skip
                code = encode(bytes([op + wide]), size, ext, rm, memory=memory)
                if not (memory and name.endswith("MUL")):
                    yield Form(f"{name}{size}{tail}", code, fixed(mask), memory)
        for name, ext in (("DIV", 6), ("IDIV", 7)):
            rm = c.choice([1, 3, 6, 8, 13])
            yield Form(f"{name}{size}", encode(bytes([0xF6 + wide]), size, ext, rm), fixed(0), divides=size)
        if wide:
            for reg, rm in pairs(c):
                yield Form(f"IMUL{size} r,rm", encode(b"\x0f\xaf", size, reg, rm), fixed(CF | OF))
            yield Form(
                f"IMUL{size} r,rm,imm8", encode(b"\x6b", size, reg, rm) + immediate(c, 1), fixed(CF | OF)
            )
            yield Form(
                f"IMUL{size} r,rm,imm",
                encode(b"\x69", size, reg, rm) + immediate(c, min(size, 4)),
                fixed(CF | OF),
            )


def shift_defined(name: str, bits: int, count: int | None) -> Defined:
    def mask(regs: list[int]) -> int:
        times = (regs[RCX] if count is None else count) & (63 if bits == 64 else 31)
        if times == 0:
            return ALL | DF
        found = ALL if name in ("ROL", "ROR") else ALL & ~AF
        if times != 1:
            found &= ~OF
        if name in ("SHL", "SHR", "SAL") and times >= bits:
            found &= ~CF
        return found | DF

    return mask


def shifts(c: random.Random) -> Iterator[Form]:
    for name, ext in (("ROL", 0), ("ROR", 1), ("SHL", 4), ("SHR", 5), ("SAL", 6), ("SAR", 7)):
        for size in SIZES:
            wide, bits = size > 1, size * 8
            for rm in (c.choice(USABLE), c.choice(USABLE), RCX):
                yield Form(
                    f"{name}{size} cl",
                    encode(bytes([0xD2 + wide]), size, ext, rm),
                    shift_defined(name, bits, None),
                )
            yield Form(
                f"{name}{size} cl m",
                encode(bytes([0xD2 + wide]), size, ext, 0, memory=True),
                shift_defined(name, bits, None),
                True,
            )
            rm = c.choice(USABLE)
            yield Form(
                f"{name}{size} 1", encode(bytes([0xD0 + wide]), size, ext, rm), shift_defined(name, bits, 1)
            )
            for count in (1, bits - 1, bits, c.randrange(256)):
                code = encode(bytes([0xC0 + wide]), size, ext, rm) + bytes([count])
                yield Form(f"{name}{size} imm", code, shift_defined(name, bits, count))


def bits(c: random.Random) -> Iterator[Form]:
    for number, name in enumerate(("BT", "BTS", "BTR", "BTC")):
        for size in (2, 4, 8):
            reg, rm = pairs(c)[0]
            yield Form(
                f"{name}{size} r", encode(bytes([0x0F, 0xA3 + 8 * number]), size, reg, rm), fixed(CF | ZF)
            )
            code = encode(b"\x0f\xba", size, 4 + number, rm) + immediate(c, 1)
            yield Form(f"{name}{size} imm", code, fixed(CF | ZF))
            code = encode(b"\x0f\xba", size, 4 + number, 0, memory=True) + immediate(c, 1)
            yield Form(f"{name}{size} m,imm", code, fixed(CF | ZF), True)
    for name, op in (("BSF", 0xBC), ("BSR", 0xBD)):
        for size in (2, 4, 8):
            for reg, rm in pairs(c):
                yield Form(f"{name}{size}", encode(bytes([0x0F, op]), size, reg, rm), fixed(ZF))


def moves(c: random.Random) -> Iterator[Form]:
    for size in SIZES:
        wide = size > 1
        for reg, rm in pairs(c):
            yield Form(f"MOV{size} rm,r", encode(bytes([0x88 + wide]), size, reg, rm))
            yield Form(f"XCHG{size}", encode(bytes([0x86 + wide]), size, reg, rm))
        reg = c.choice([n for n in USABLE if n != RBX])
        yield Form(f"MOV{size} m,r", encode(bytes([0x88 + wide]), size, reg, 0, memory=True), memory=True)
        yield Form(f"MOV{size} r,m", encode(bytes([0x8A + wide]), size, reg, 0, memory=True), memory=True)
        yield Form(f"XCHG{size} m", encode(bytes([0x86 + wide]), size, reg, 0, memory=True), memory=True)
        yield Form(f"MOV{size} imm", encode(bytes([0xC6 + wide]), size, 0, rm) + immediate(c, min(size, 4)))
    yield Form("MOV8 imm64", b"\x49\xb8" + immediate(c, 8))
    yield Form("XCHG ah,cl", bytes.fromhex("86cc"))
    yield Form("MOV bh,dl", bytes.fromhex("88d7"))
    for name, op in (("MOVZX", 0xB6), ("MOVSX", 0xBE)):
        for small in (0, 1):
            for size in (2, 4, 8):
                for reg, rm in pairs(c):
                    code = encode(bytes([0x0F, op + small]), size, reg, rm, byte_source=not small)
                    yield Form(f"{name}{size} from {small + 1}", code)
    yield Form("MOVZX4 from ah", bytes.fromhex("0fb6cc"))
    for size in (2, 4, 8):
        reg, rm = pairs(c)[0]
        yield Form(f"MOVSXD{size}", encode(b"\x63", size, reg, rm))
        for sib in range(3):
            base, index = c.choice([0, 1, 2, 3, 6, 7]), c.choice([0, 1, 2, 3, 5, 6, 7])
            modrm = bytes([0x44 | (reg & 7) << 3, sib << 6 | index << 3 | base])
            rex = bytes([0x40 | (size == 8) << 3 | (reg > 7) << 2])
            for narrow in (b"", b"\x67"):
                yield Form(
                    f"LEA{size}",
                    narrow + (b"\x66" if size == 2 else b"") + rex + b"\x8d" + modrm + immediate(c, 1),
                )
    for size in (4, 8):
        rm = c.choice([n for n in range(8) if n != RSP])
        yield Form(f"BSWAP{size}", (b"\x48" if size == 8 else b"") + bytes([0x0F, 0xC8 + rm]))
    for name, code in (("CBW", "6698"), ("CWDE", "98"), ("CDQE", "4898"), ("CWD", "6699"), ("CDQ", "99"),
                       ("CQO", "4899"), ("XCHG eax", "91"), ("XCHG rax", "4991"), ("XCHG ax", "6692"), ("NOP", "90")):  # fmt: skip
        yield Form(name, bytes.fromhex(code))


def conditions(c: random.Random) -> Iterator[Form]:
    for code in range(16):
        yield Form("SETcc", encode(bytes([0x0F, 0x90 + code]), 1, 0, c.choice(USABLE)))
        yield Form("SETcc high", bytes([0x0F, 0x90 + code, 0xC4]))
        for size in (2, 4, 8):
            reg, rm = pairs(c)[0]
            yield Form(f"CMOVcc{size}", encode(bytes([0x0F, 0x40 + code]), size, reg, rm))


def flags_only(c: random.Random) -> Iterator[Form]:
    for name, code in (("CLC", 0xF8), ("STC", 0xF9), ("CMC", 0xF5), ("CLD", 0xFC), ("STD", 0xFD)):
        yield Form(name, bytes([code]))


FAMILIES = (alu, one_operand, shifts, bits, moves, conditions, flags_only)


# --- the native side ------------------------------------------------------------------------------


class Native:
    """One executable page for each form, reused."""

    def __init__(self) -> None:
        self.page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        self.keep = ctypes.c_char.from_buffer(self.page)
        self.state = (ctypes.c_uint64 * 17)()
        self.buffer = (ctypes.c_uint64 * 2)()
        self.call = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(ctypes.addressof(self.keep))

    def load(self, code: bytes) -> None:
        def move(opcode: int, n: int) -> bytes:
            return bytes([0x48 | (n > 7) << 2, opcode, 0x47 | (n & 7) << 3, n * 8])

        others = [n for n in USABLE if n != RDI]
        whole = bytes.fromhex("5355415441554156415757ffb7800000009d")
        whole += b"".join(move(0x8B, n) for n in (*others, RDI)) + code
        whole += bytes.fromhex("57488b7c2408") + b"".join(move(0x89, n) for n in others)
        whole += bytes.fromhex("8f47389c8f8780000000fc5f415f415e415d415c5d5bc3")
        self.page.seek(0)
        self.page.write(whole)

    def run(self, regs: list[int], flags: int) -> tuple[list[int], int]:
        self.state[:16] = regs
        self.state[16] = flags
        self.call(ctypes.addressof(self.state))
        return list(self.state[:16]), self.state[16]

    def close(self) -> None:
        del self.call, self.keep
        self.page.close()


@pytest.fixture(scope="module")
def native():
    if platform.machine().lower() not in ("x86_64", "amd64"):
        pytest.skip(f"the oracle is an x86-64 processor; this one is {platform.machine()}")
    if not hasattr(mmap, "PROT_EXEC"):
        pytest.skip("this system has no mmap with execute permission in Python")
    try:
        found = Native()
    except (OSError, ValueError) as error:
        pytest.skip(f"this system gives no executable memory: {error}")
    yield found
    found.close()


def random_registers(c: random.Random) -> list[int]:
    return [c.choice(INTERESTING) if c.random() < 0.3 else c.getrandbits(64) >> c.choice((0, 0, 0, 32, 48, 56))
            for _ in range(16)]  # fmt: skip


def random_flags(c: random.Random) -> int:
    return c.getrandbits(12) & ALL | 0x202


def divisible(c: random.Random, size: int, regs: list[int]) -> None:
    """Half of the time make the high half small, so that the quotient fits."""
    if c.random() < 0.6:
        high = c.choice((0, 0, 1, (1 << size * 8) - 1))
        if size == 1:
            regs[0] = regs[0] & ~0xFF00 | high << 8
        else:
            regs[2] = high


def compare(form: Form, native: Native, guest: Guest, c: random.Random) -> tuple[int, int, list[str]]:
    """Cases, cases that are #DE, and mismatches in words."""
    compiled = compile_at(form.code.ljust(15, b"\x90"), CODE, 64)
    assert compiled is not None and compiled.op is not None, form
    assert compiled.length == len(form.code), form
    native.load(form.code)
    x = guest.context()
    wrong: list[str] = []
    faults = 0
    for _ in range(CASES):
        regs, flags = random_registers(c), random_flags(c)
        regs[RSP] = 0
        if form.divides:
            divisible(c, form.divides, regs)
        defined, memory = form.defined(regs), c.getrandbits(128)
        ours = list(regs)
        if form.memory:
            guest.write(DATA, memory.to_bytes(16, "little"))
            native.buffer[:] = [memory & (1 << 64) - 1, memory >> 64]
            regs[RBX], ours[RBX] = ctypes.addressof(native.buffer), DATA
        guest.cpu.gprs[:] = ours
        guest.cpu.rflags = flags
        try:
            compiled.op(x)
        except GuestFault as fault:
            faults += 1
            assert fault.vector == 0 and form.divides and guest.cpu.gprs == ours
            continue
        theirs, their_flags = native.run(regs, flags)
        mine = list(guest.cpu.gprs)
        if form.memory and theirs[RBX] == regs[RBX] and mine[RBX] == DATA:
            theirs[RBX] = DATA
        same = mine == theirs and (guest.cpu.rflags ^ their_flags) & defined == 0
        if form.memory:
            in_memory = int.from_bytes(guest.read(DATA, 16), "little")
            same = same and in_memory == native.buffer[0] | native.buffer[1] << 64
        if not same:
            wrong.append(
                f"{form.name} {form.code.hex()} regs {[hex(r) for r in ours]} flags {flags:#x}:"
                f" ours {[hex(r) for r in mine]} {guest.cpu.rflags & defined:#x},"
                f" native {[hex(r) for r in theirs]} {their_flags & defined:#x}"
            )
    return CASES - faults, faults, wrong


@pytest.mark.parametrize("family", FAMILIES, ids=lambda f: f.__name__)
def test_every_form_equals_the_processor(family, native, record_property):
    c = random.Random(f"oracle {family.__name__}")
    guest, cases, faults, wrong, forms = Guest(), 0, 0, [], 0
    for form in family(c):
        done, refused, found = compare(form, native, guest, c)
        forms, cases, faults, wrong = forms + 1, cases + done, faults + refused, wrong + found
    print(f"{family.__name__}: {forms} forms, {cases} cases, {faults} #DE, {len(wrong)} mismatches")  # noqa: T201
    assert not wrong, "\n".join(wrong[:5])
    assert cases >= forms * CASES // 2


def native_divides(size: int, signed: bool, regs: list[int], divisor: int) -> bool:
    """Whether DIV or IDIV succeeds, by arithmetic alone (a native #DE would end the test run)."""
    bits = size * 8
    whole = regs[0] & 0xFFFF if size == 1 else (regs[2] & (1 << bits) - 1) << bits | regs[0] & (1 << bits) - 1
    if signed:
        whole -= (whole >> 2 * bits - 1) << 2 * bits
        divisor -= (divisor >> bits - 1) << bits
    if divisor == 0:
        return False
    quotient = int(whole / divisor) if abs(whole) < 2**52 else (abs(whole) // abs(divisor)) * (
        1 if (whole < 0) == (divisor < 0) else -1
    )  # fmt: skip
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    return low <= quotient <= high


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("signed", [False, True])
def test_divide_errors_come_exactly_when_the_quotient_does_not_fit(size, signed):
    c = random.Random(size)
    guest = Guest()
    compiled = compile_at(
        encode(bytes([0xF6 + (size > 1)]), size, 7 if signed else 6, 6).ljust(15, b"\x90"), CODE, 64
    )
    x = guest.context()
    for _ in range(2000):
        regs = random_registers(c)
        divisible(c, size, regs)
        guest.cpu.gprs[:] = regs
        fits = native_divides(size, signed, regs, regs[6] & (1 << size * 8) - 1)
        try:
            compiled.op(x)
        except GuestFault:
            assert not fits
            assert guest.cpu.gprs == regs
        else:
            assert fits
