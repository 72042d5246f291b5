"""Forms of instructions for the oracle: bytes with everything chosen at random that may vary."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

CF, PF, AF, ZF, SF, DF, OF = 1, 4, 0x10, 0x40, 0x80, 0x400, 0x800
ALL = CF | PF | AF | ZF | SF | OF
RAX, RCX, RDX, RBX, RSP, RSI, RDI = 0, 1, 2, 3, 4, 6, 7
USABLE = [n for n in range(16) if n != RSP]
SIZES = (1, 2, 4, 8)

Defined = Callable[[list[int]], int]
"""Registers before -> mask of the flags that are defined (or unchanged) afterwards."""


@dataclass(frozen=True)
class Form:
    name: str
    code: bytes
    defined: Defined = lambda regs: ALL | DF
    memory: bool = False
    """The operand [rbx] is used: RBX points at the buffer."""
    divides: int = 0
    """Operand size of a division; others cannot fault."""
    places: tuple[tuple[int, int], ...] = ()
    """Registers that point into the buffer as well, and how far."""
    counts: tuple[tuple[int, int], ...] = ()
    """Registers that hold a small number, and the limit (inclusive)."""
    needs: str = ""
    """Feature that the processor must have (a word in /proc/cpuinfo)."""


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
