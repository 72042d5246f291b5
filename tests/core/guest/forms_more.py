"""More forms for the oracle: double shifts, bit counts, atomics, strings, addressing, SSE moves."""

import random
from collections.abc import Iterator

from tests.core.guest.forms import (
    AF,
    ALL,
    CF,
    DF,
    OF,
    PF,
    RAX,
    RBX,
    RCX,
    RDI,
    RDX,
    RSI,
    SF,
    SIZES,
    USABLE,
    ZF,
    Form,
    encode,
    fixed,
    immediate,
    pairs,
)

WIDE = (2, 4, 8)


def _double_defined(bits: int, count: int | None):
    def mask(regs: list[int]) -> int:
        times = (regs[RCX] if count is None else count) & (63 if bits == 64 else 31)
        if times == 0:
            return ALL | DF
        return (ALL & ~AF if times == 1 else ALL & ~(AF | OF)) | DF

    return mask


def doubles(c: random.Random) -> Iterator[Form]:
    """SHLD and SHRD. A 16-bit count beyond 16 leaves everything undefined, so it is not tried."""
    for name, op in (("SHLD", 0xA4), ("SHRD", 0xAC)):
        for size in WIDE:
            for memory in (False, True):
                for count in (0, 1, c.randrange(2, 16), c.randrange(2, min(size * 8, 32))):
                    reg, rm = pairs(c)[0]
                    if size == 2:
                        count = min(count, 15)
                    reg = reg if not memory or reg != RBX else RDX
                    code = encode(bytes([0x0F, op]), size, reg, rm, memory=memory) + bytes([count])
                    yield Form(f"{name}{size} imm", code, _double_defined(size * 8, count), memory)
                if size > 2:
                    reg = RDX
                    code = encode(bytes([0x0F, op + 1]), size, reg, c.choice(USABLE), memory=memory)
                    yield Form(f"{name}{size} cl", code, _double_defined(size * 8, None), memory)


def _ring_defined(bits: int, count: int | None):
    def mask(regs: list[int]) -> int:
        times = (regs[RCX] if count is None else count) & (63 if bits == 64 else 31)
        return (ALL if times in (0, 1) else ALL & ~OF) | DF

    return mask


def through_carry(c: random.Random) -> Iterator[Form]:
    for name, ext in (("RCL", 2), ("RCR", 3)):
        for size in SIZES:
            wide, bits = size > 1, size * 8
            for memory in (False, True):
                rm = c.choice(USABLE)
                one = encode(bytes([0xD0 + wide]), size, ext, rm, memory=memory)
                yield Form(f"{name}{size} 1", one, _ring_defined(bits, 1), memory)
                by_cl = encode(bytes([0xD2 + wide]), size, ext, rm, memory=memory)
                yield Form(f"{name}{size} cl", by_cl, _ring_defined(bits, None), memory)
                for count in (0, 1, c.randrange(2, 64), c.randrange(2, 64)):
                    code = encode(bytes([0xC0 + wide]), size, ext, rm, memory=memory) + bytes([count])
                    yield Form(f"{name}{size} imm", code, _ring_defined(bits, count), memory)


def counting(c: random.Random) -> Iterator[Form]:
    for name, op, mask, needs in (("TZCNT", 0xBC, CF | ZF, "bmi1"), ("LZCNT", 0xBD, CF | ZF, "abm"), ("POPCNT", 0xB8, ALL, "popcnt")):  # fmt: skip
        for size in WIDE:
            for memory in (False, True):
                reg, rm = c.choice([n for n in USABLE if n != RBX]), c.choice(USABLE)
                inner = encode(bytes([0x0F, op]), size, reg, rm, memory=memory)
                at = 1 if size == 2 else 0  # the mandatory prefix stands before REX
                yield Form(
                    f"{name}{size}", inner[:at] + b"\xf3" + inner[at:], fixed(mask), memory, needs=needs
                )
    for size in WIDE:
        reg = c.choice([n for n in USABLE if n != RBX])
        for op in (0xF0, 0xF1):
            code = encode(bytes([0x0F, 0x38, op]), size, reg, 0, memory=True)
            yield Form(f"MOVBE{size}", code, memory=True, needs="movbe")
    for name, prefix in (("ADCX", 0x66), ("ADOX", 0xF3)):
        for size in (4, 8):
            reg, rm = pairs(c)[0]
            code = bytes([prefix]) + encode(b"\x0f\x38\xf6", size, reg, rm)
            yield Form(f"{name}{size}", code, needs="adx")


def _vex(pp: int, op: int, size: int, reg: int, second: int, rm: int, *, memory: bool) -> bytes:
    """Three-byte VEX of map 0F38 with general registers; ``rm`` is a register or [rbx]."""
    inverted = (reg < 8) << 7 | 1 << 6 | (memory or rm < 8) << 5 | 2
    modrm = (0 if memory else 0xC0) | (reg & 7) << 3 | (RBX if memory else rm & 7)
    return bytes([0xC4, inverted, (size == 8) << 7 | (~second & 15) << 3 | pp, op, modrm])


def bit_fields(c: random.Random) -> Iterator[Form]:
    """BMI1."""
    clear = [n for n in USABLE if n != RBX]
    for size in (4, 8):
        for memory in (False, True):
            reg, second, rm = (c.choice(clear) for _ in range(3))
            code = _vex(0, 0xF2, size, reg, second, rm, memory=memory)
            yield Form(f"ANDN{size}", code, fixed(ALL & ~(AF | PF)), memory, needs="bmi1")
            code = _vex(0, 0xF7, size, reg, second, rm, memory=memory)
            yield Form(f"BEXTR{size}", code, fixed(CF | ZF | OF), memory, needs="bmi1")
            for name, ext in (("BLSR", 1), ("BLSMSK", 2), ("BLSI", 3)):
                code = _vex(0, 0xF3, size, ext, reg, rm, memory=memory)
                yield Form(f"{name}{size}", code, fixed(CF | ZF | SF | OF), memory, needs="bmi1")
    for size in (4, 8):
        for op in (0xF0, 0xF1):
            rex = b"\x48" if size == 8 else b""
            code = b"\xf2" + rex + bytes([0x0F, 0x38, op, 0xC0 | RCX << 3 | RDX])
            yield Form(f"CRC32 {op:x} {size}", code, needs="sse4_2")


def atomics(c: random.Random) -> Iterator[Form]:
    for size in SIZES:
        wide = size > 1
        for lock in (b"", b"\xf0"):
            reg = c.choice([n for n in USABLE if n != RBX])
            for name, op in (("CMPXCHG", 0xB0), ("XADD", 0xC0)):
                code = lock + encode(bytes([0x0F, op + wide]), size, reg, 0, memory=True)
                yield Form(f"{name}{size} m", code, memory=True)
            for name, op in (("CMPXCHG", 0xB0), ("XADD", 0xC0)):
                for reg, rm in pairs(c):
                    if not lock:
                        yield Form(f"{name}{size} r", encode(bytes([0x0F, op + wide]), size, reg, rm))
    # make a comparison succeed: load the accumulator from memory first
    for size in SIZES:
        code = encode(bytes([0x8A + (size > 1)]), size, RAX, 0, memory=True)
        code += encode(bytes([0x0F, 0xB0 + (size > 1)]), size, RCX, 0, memory=True)
        yield Form(f"CMPXCHG{size} equal", code, memory=True)
    for rex, name, again in ((b"", "CMPXCHG8B", "8b068b5604"), (b"\x48", "CMPXCHG16B", "488b06488b5608")):
        code = bytes.fromhex("89c3") + rex + b"\x0f\xc7\x0e"  # RBX is stored: no pointer, please
        at = ((RSI, 32),)
        yield Form(name, code, memory=True, places=at)
        yield Form(f"{name} equal", bytes.fromhex(again) + code, memory=True, places=at)


def strings(c: random.Random) -> Iterator[Form]:
    """Both directions; narrow address registers, too."""
    names = {"MOVS": (0xA4, (RSI, RDI)), "CMPS": (0xA6, (RSI, RDI)), "STOS": (0xAA, (RDI,)), "LODS": (0xAC, (RSI,)),
             "SCAS": (0xAE, (RDI,))}  # fmt: skip
    for name, (op, used) in names.items():
        for size in SIZES:
            for prefix in (b"", b"\xf3", b"\xf2"):
                for narrow in (b"", b"\x67"):
                    size_bytes = {2: b"\x66", 8: b"\x48"}.get(size, b"")
                    code = (size_bytes if size == 2 else b"") + narrow + prefix
                    code += (size_bytes if size == 8 else b"") + bytes([op + (size > 1)])
                    places = tuple((register, c.choice((96, 100, 120))) for register in used)
                    counts = ((RCX, 4),) if prefix else ()
                    yield Form(f"{name}{size}", code, memory=True, places=places, counts=counts)
    # equal strings, so that REPE runs on: compare the buffer with itself
    for size in (1, 8):
        code = b"\xf3" + (b"\x48" if size == 8 else b"") + bytes([0xA6 + (size > 1)])
        yield Form(f"CMPS{size} equal", code, memory=True, places=((RSI, 96), (RDI, 96)), counts=((RCX, 4),))


def addressing(c: random.Random) -> Iterator[Form]:
    """Base, index, scale and displacement, 64 and 32 bits wide, for loads and stores."""
    for sib in range(4):
        for base in (RBX, 9, 13, 5):
            for disp in (0, 8, -8, 100):
                for load in (True, False):
                    reg, index = c.choice((RAX, RDX, 10)), c.choice((RCX, RSI, 12))
                    for narrow in (b"", b"\x67"):
                        rex = 0x48 | (reg > 7) << 2 | (index > 7) << 1 | (base > 7)
                        code = narrow + bytes([rex, 0x8B if load else 0x89, 0x44 | (reg & 7) << 3])
                        code += bytes([sib << 6 | (index & 7) << 3 | base & 7, disp & 0xFF])
                        yield Form(
                            "MOV [base+index]", code, memory=True, places=((base, 40),), counts=((index, 8),)
                        )
    for size in WIDE:
        for op in (0xA3, 0xAB, 0xB3, 0xBB):
            code = encode(bytes([0x0F, op]), size, RCX, 0, memory=True)
            yield Form(f"BT{size} m,r", code, fixed(CF | ZF), True, counts=((RCX, 700),))
    for op in (0xB6, 0xB7, 0xBE, 0xBF):
        for size in WIDE:
            reg = c.choice([n for n in USABLE if n != RBX])
            yield Form("MOVX m", encode(bytes([0x0F, op]), size, reg, 0, memory=True), memory=True)
    for code in range(16):
        yield Form("SETcc m", encode(bytes([0x0F, 0x90 + code]), 1, 0, 0, memory=True), memory=True)
        for size in WIDE:
            reg = c.choice([n for n in USABLE if n != RBX])
            yield Form("CMOVcc m", encode(bytes([0x0F, 0x40 + code]), size, reg, 0, memory=True), memory=True)
    for size in (4, 8):
        yield Form(f"MOVNTI{size}", encode(b"\x0f\xc3", size, RDX, 0, memory=True), memory=True)
    for size in WIDE:
        reg = c.choice([n for n in USABLE if n != RBX])
        for op in (0xBC, 0xBD):
            yield Form("BSx m", encode(bytes([0x0F, op]), size, reg, 0, memory=True), fixed(ZF), True)
        yield Form("IMUL r,m", encode(b"\x0f\xaf", size, reg, 0, memory=True), fixed(CF | OF), True)
        code = encode(b"\x69", size, reg, 0, memory=True) + immediate(c, min(size, 4))
        yield Form("IMUL r,m,imm", code, fixed(CF | OF), True)
    yield Form("XLAT", b"\xd7", memory=True, counts=((RAX, 250),))
    yield Form("LAHF", b"\x9f")
    yield Form("SAHF", b"\x9e")


def jumps(c: random.Random) -> Iterator[Form]:
    """Each condition jumps over, or runs into, an instruction that leaves a trace."""
    for code in range(16):
        yield Form(f"Jcc{code}", bytes([0x70 + code, 3]) + bytes.fromhex("48f7d0"))
        yield Form(f"Jcc{code} near", bytes([0x0F, 0x80 + code]) + bytes.fromhex("0300000048f7d0"))
    for op in (0xE0, 0xE1, 0xE2, 0xE3):
        yield Form("LOOPx", bytes([op, 3]) + bytes.fromhex("48f7d0"), counts=((RCX, 3),))
        yield Form("LOOPx ecx", b"\x67" + bytes([op, 3]) + bytes.fromhex("48f7d0"))
    yield Form("JMP", bytes.fromhex("eb0348f7d0"))


SSE_LOGIC = {
    "PXOR": "660fef", "XORPS": "0f57", "XORPD": "660f57", "POR": "660feb", "ORPS": "0f56", "PAND": "660fdb",
    "ANDPS": "0f54", "PANDN": "660fdf", "ANDNPS": "0f55", "PADDB": "660ffc", "PADDW": "660ffd", "PADDD": "660ffe",
    "PADDQ": "660fd4", "PSUBB": "660ff8", "PSUBW": "660ff9", "PSUBD": "660ffa", "PSUBQ": "660ffb",
    "PCMPEQB": "660f74", "PCMPEQW": "660f75", "PCMPEQD": "660f76", "PMINUB": "660fda", "PMAXUB": "660fde",
    "PUNPCKLBW": "660f60", "PUNPCKLWD": "660f61", "PUNPCKLDQ": "660f62", "PUNPCKLQDQ": "660f6c",
    "PUNPCKHBW": "660f68", "PUNPCKHWD": "660f69", "PUNPCKHDQ": "660f6a", "PUNPCKHQDQ": "660f6d",
    "MOVDQA": "660f6f", "MOVDQU": "f30f6f", "MOVAPS": "0f28", "MOVUPS": "0f10", "MOVAPD": "660f28",
    "MOVQ": "f30f7e", "MOVSS": "f30f10", "MOVSD": "f20f10",
    "PSLLW": "660ff1", "PSLLD": "660ff2", "PSLLQ": "660ff3", "PSRLW": "660fd1", "PSRLD": "660fd2", "PSRLQ": "660fd3",
    "PSRAW": "660fe1", "PSRAD": "660fe2", "PACKUSWB": "660f67", "PACKSSWB": "660f63", "PACKSSDW": "660f6b",
    "PCMPGTB": "660f64", "PCMPGTW": "660f65", "PCMPGTD": "660f66", "PMINSW": "660fea", "PMAXSW": "660fee",
    "PMULLW": "660fd5", "PMULHUW": "660fe4", "PMULHW": "660fe5", "PMULUDQ": "660ff4", "PMADDWD": "660ff5",
    "PSADBW": "660ff6", "PAVGB": "660fe0", "PAVGW": "660fe3", "PADDUSB": "660fdc", "PADDUSW": "660fdd",
    "PSUBUSB": "660fd8", "PSUBUSW": "660fd9", "PADDSB": "660fec", "PADDSW": "660fed", "PSUBSB": "660fe8",
    "PSUBSW": "660fe9", "UNPCKLPD": "660f14", "UNPCKHPD": "660f15",
}  # fmt: skip
LOADS = {"MOVLPS": "0f12", "MOVHPS": "0f16", "MOVLPD": "660f12", "MOVHPD": "660f16"}
TO_MEMORY = {
    "MOVDQA": "660f7f", "MOVDQU": "f30f7f", "MOVAPS": "0f29", "MOVUPS": "0f11", "MOVNTDQ": "660fe7", "MOVQ": "660fd6",
    "MOVSS": "f30f11", "MOVSD": "f20f11", "MOVLPS": "0f13", "MOVHPS": "0f17", "MOVD": "660f7e",
}  # fmt: skip
BOTH_IN = bytes.fromhex("f30f6f03f30f6f4b10")
"""movdqu xmm0, [rbx]; movdqu xmm1, [rbx + 16]"""
OUT = bytes.fromhex("f30f7f4320")
"""movdqu [rbx + 32], xmm0"""


def sse(c: random.Random) -> Iterator[Form]:
    """Operands come from the buffer and go back there."""
    for name, code in SSE_LOGIC.items():
        yield Form(f"{name} r,r", BOTH_IN + bytes.fromhex(code) + b"\xc1" + OUT, memory=True)
        yield Form(f"{name} r,m", BOTH_IN + bytes.fromhex(code) + b"\x43\x30" + OUT, memory=True)
    for name, code in LOADS.items():
        yield Form(f"{name} r,m", BOTH_IN + bytes.fromhex(code) + b"\x43\x31" + OUT, memory=True)
    for code in ("0f12c1", "0f16c1"):
        yield Form("MOVxLPS r,r", BOTH_IN + bytes.fromhex(code) + OUT, memory=True)
    for name, code in TO_MEMORY.items():
        yield Form(f"{name} m,r", BOTH_IN + bytes.fromhex(code) + b"\x4b\x40", memory=True)
    for order in (0, 0x1B, 0xE4, c.randrange(256)):
        yield Form("PSHUFD", BOTH_IN + bytes.fromhex("660f70c1") + bytes([order]) + OUT, memory=True)
    for count in (0, 1, 7, 15, 16, 200):
        for ext in ("f8", "d8"):
            yield Form("PSxLDQ", BOTH_IN + bytes.fromhex("660f73" + ext) + bytes([count]) + OUT, memory=True)
    for op, ext in (
        ("71", "d0"),
        ("71", "e0"),
        ("71", "f0"),
        ("72", "d0"),
        ("72", "e0"),
        ("72", "f0"),
        ("73", "d0"),
        ("73", "f0"),
    ):
        for count in (0, 1, 7, 15, 31, 63, 200):
            code = bytes.fromhex("660f" + op + ext) + bytes([count])
            yield Form(f"PSxx {op} {ext}", BOTH_IN + code + OUT, memory=True)
    for code in ("f20f70c1", "f30f70c1", "0fc6c1", "660fc6c1"):
        for order in (0, 0x1B, 0xE4, c.randrange(256)):
            yield Form(f"shuffle {code}", BOTH_IN + bytes.fromhex(code) + bytes([order]) + OUT, memory=True)
    small = bytes.fromhex("660f73d93c")  # psrlq xmm1, 60: counts that do not empty the register
    for name in ("PSLLW", "PSLLD", "PSLLQ", "PSRLW", "PSRLD", "PSRLQ", "PSRAW", "PSRAD"):
        code = small + bytes.fromhex(SSE_LOGIC[name]) + b"\xc1"
        yield Form(f"{name} r,r small", BOTH_IN + code + OUT, memory=True)
    yield Form("PMOVMSKB", BOTH_IN + bytes.fromhex("660fd7c1"), memory=True)
    for code in ("660f6ec2", "66480f6ec2"):
        yield Form("MOVD r", BOTH_IN + bytes.fromhex(code) + OUT, memory=True)
    for code in ("660f7ec8", "66480f7ec8"):
        yield Form("MOVD back", BOTH_IN + bytes.fromhex(code), memory=True)


MORE_FAMILIES = (doubles, through_carry, counting, bit_fields, atomics, strings, addressing, jumps, sse)
