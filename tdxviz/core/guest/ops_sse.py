"""SSE and SSE2 as far as compilers use it to move data: moves, logic, shuffles of whole parts, and what
``strlen`` and its like need. Arithmetic is not modelled.

An XMM register is one number. Source: Intel SDM volume 2; the checks, volume 3 table 2-20 and 13.1.
"""

from collections.abc import Callable

from tdxviz.core.faults import GuestFault
from tdxviz.core.guest.context import Context
from tdxviz.core.guest.decoder import Instruction, OpKind, Register
from tdxviz.core.guest.operands import Read, Write, address, mask, read_register, write_register
from tdxviz.core.guest.table import Build, Op

UD, NM, GP = 6, 7, 13
EM, TS, OSFXSR = 1 << 2, 1 << 3, 1 << 9
XMM = range(Register.XMM0, Register.XMM15 + 1)


def check(x: Context) -> None:
    """Whether the operating system lets SSE run. Raises #UD or #NM."""
    cpu = x.cpu
    if cpu.cr0 & EM or not cpu.cr4 & OSFXSR:
        raise GuestFault(UD)
    if cpu.cr0 & TS:
        raise GuestFault(NM)


def _aligned(at: Read) -> Read:
    """#GP(0) for an address that is no multiple of 16."""

    def get(x: Context) -> int:
        gla = at(x)
        if gla % 16:
            raise GuestFault(GP, 0)
        return gla

    return get


def source(ins: Instruction, op: int, size: int, *, aligned: bool = False) -> Read:
    """``size`` bytes of an XMM, general or memory operand."""
    if ins.op_kind(op) == OpKind.REGISTER:
        register = ins.op_register(op)
        if register in XMM:
            number, keep = register - Register.XMM0, mask(size)
            return lambda x: x.cpu.xmm[number] & keep
        return read_register(register)
    at = _aligned(address(ins)) if aligned else address(ins)
    return lambda x: x.load(at(x), size)


def _target(ins: Instruction, size: int, *, aligned: bool = False, merge: bool = False) -> Write:
    """Operand 0. ``merge`` keeps the rest of an XMM register, else it becomes 0."""
    if ins.op_kind(0) == OpKind.REGISTER:
        register = ins.op0_register
        if register not in XMM:
            return write_register(register)
        number, keep = register - Register.XMM0, ~mask(size) if merge else 0

        def put(x: Context, value: int) -> None:
            x.cpu.xmm[number] = x.cpu.xmm[number] & keep | value

        return put
    at = _aligned(address(ins)) if aligned else address(ins)
    return lambda x, value: x.store(at(x), size, value)


def _move(size: int, *, aligned: bool = False, merges: bool = False) -> Build:
    """``merges``: from register to register the rest of the target stays (MOVSS, MOVSD)."""

    def build(ins: Instruction) -> Op:
        both = ins.op_kind(0) == ins.op_kind(1) == OpKind.REGISTER
        get = source(ins, 1, size, aligned=aligned)
        put = _target(ins, size, aligned=aligned, merge=merges and both)

        def run(x: Context) -> None:
            check(x)
            put(x, get(x))

        return run

    return build


def movd(ins: Instruction) -> Op:
    """MOVD and MOVQ with a general register or memory."""
    return _move(4)(ins)


def movq(ins: Instruction) -> Op:
    return _move(8)(ins)


def _half(high: bool) -> Build:
    """MOVLPS/D, MOVHPS/D, MOVHLPS, MOVLHPS: 8 bytes into or out of one half; the other stays."""

    def build(ins: Instruction) -> Op:
        shift = 64 if high else 0
        if ins.op_kind(0) == OpKind.MEMORY:
            number, at = ins.op1_register - Register.XMM0, address(ins)

            def save(x: Context) -> None:
                check(x)
                x.store(at(x), 8, x.cpu.xmm[number] >> shift & mask(8))

            return save
        number = ins.op0_register - Register.XMM0
        if ins.op_kind(1) == OpKind.REGISTER:
            other, back = ins.op1_register - Register.XMM0, 0 if high else 64  # from the opposite half

            get: Read = lambda x: x.cpu.xmm[other] >> back & mask(8)  # noqa: E731  # one of two
        else:
            get = source(ins, 1, 8)
        keep = mask(16) & ~(mask(8) << shift)

        def run(x: Context) -> None:
            check(x)
            value = get(x)
            x.cpu.xmm[number] = x.cpu.xmm[number] & keep | value << shift

        return run

    return build


def logic(compute: Callable[[int, int], int]) -> Build:
    """Two 16-byte operands; a memory operand must be aligned."""

    def build(ins: Instruction) -> Op:
        get, number = source(ins, 1, 16, aligned=True), ins.op0_register - Register.XMM0

        def run(x: Context) -> None:
            check(x)
            b = get(x)
            x.cpu.xmm[number] = compute(x.cpu.xmm[number], b)

        return run

    return build


def lanes(size: int, compute: Callable[[int, int], int]) -> Callable[[int, int], int]:
    """An operation on each part of ``size`` bytes."""
    keep, steps = mask(size), range(0, 128, size * 8)

    def whole(a: int, b: int) -> int:
        return sum((compute(a >> n & keep, b >> n & keep) & keep) << n for n in steps)

    return whole


def _interleave(size: int, high: bool) -> Callable[[int, int], int]:
    """PUNPCKL and PUNPCKH: parts of both operands in turn."""
    keep, bits, start = mask(size), size * 8, 64 if high else 0

    def whole(a: int, b: int) -> int:
        value = 0
        for n in range(0, 64, bits):
            pair = a >> start + n & keep | (b >> start + n & keep) << bits
            value |= pair << 2 * n
        return value

    return whole


def pshufd(ins: Instruction) -> Op:
    get, number, order = source(ins, 1, 16, aligned=True), ins.op0_register - Register.XMM0, ins.immediate(2)

    def run(x: Context) -> None:
        check(x)
        value = get(x)
        parts = (value >> 32 * (order >> 2 * n & 3) & mask(4) for n in range(4))
        x.cpu.xmm[number] = sum(part << 32 * n for n, part in enumerate(parts))

    return run


def _shift_bytes(left: bool) -> Build:
    def build(ins: Instruction) -> Op:
        number, bits = ins.op0_register - Register.XMM0, min(ins.immediate(1), 16) * 8

        def run(x: Context) -> None:
            check(x)
            value = x.cpu.xmm[number]
            x.cpu.xmm[number] = value << bits & mask(16) if left else value >> bits

        return run

    return build


def pmovmskb(ins: Instruction) -> Op:
    number, put = ins.op1_register - Register.XMM0, write_register(ins.op0_register)

    def run(x: Context) -> None:
        check(x)
        value = x.cpu.xmm[number]
        put(x, sum((value >> 8 * n + 7 & 1) << n for n in range(16)))

    return run


SIZES = {"B": 1, "W": 2, "D": 4, "Q": 8}
TABLE: dict[str, Build] = {
    **dict.fromkeys(("MOVDQA", "MOVAPS", "MOVAPD", "MOVNTDQ", "MOVNTPS", "MOVNTPD"), _move(16, aligned=True)),
    **dict.fromkeys(("MOVDQU", "MOVUPS", "MOVUPD", "LDDQU"), _move(16)),
    "MOVD": movd,
    "MOVQ": movq,
    "MOVSS": _move(4, merges=True),
    "MOVSD": _move(8, merges=True),
    **dict.fromkeys(("MOVLPS", "MOVLPD", "MOVHLPS"), _half(False)),
    **dict.fromkeys(("MOVHPS", "MOVHPD", "MOVLHPS"), _half(True)),
    **dict.fromkeys(("PXOR", "XORPS", "XORPD"), logic(lambda a, b: a ^ b)),
    **dict.fromkeys(("POR", "ORPS", "ORPD"), logic(lambda a, b: a | b)),
    **dict.fromkeys(("PAND", "ANDPS", "ANDPD"), logic(lambda a, b: a & b)),
    **dict.fromkeys(("PANDN", "ANDNPS", "ANDNPD"), logic(lambda a, b: ~a & b)),
    **{f"PADD{s}": logic(lanes(n, lambda a, b: a + b)) for s, n in SIZES.items()},
    **{f"PSUB{s}": logic(lanes(n, lambda a, b: a - b)) for s, n in SIZES.items()},
    **{f"PCMPEQ{s}": logic(lanes(n, lambda a, b: -1 if a == b else 0)) for s, n in SIZES.items() if n < 8},
    "PMINUB": logic(lanes(1, min)),
    "PMAXUB": logic(lanes(1, max)),
    **{f"PUNPCKL{s}": logic(_interleave(n, False)) for s, n in {"BW": 1, "WD": 2, "DQ": 4, "QDQ": 8}.items()},
    **{f"PUNPCKH{s}": logic(_interleave(n, True)) for s, n in {"BW": 1, "WD": 2, "DQ": 4, "QDQ": 8}.items()},
    "PSHUFD": pshufd,
    "PSLLDQ": _shift_bytes(True),
    "PSRLDQ": _shift_bytes(False),
    "PMOVMSKB": pmovmskb,
}
"""Used for instructions that name an XMM register; MOVSD and its like are string instructions else."""
