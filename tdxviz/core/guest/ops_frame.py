"""ENTER, PUSHA, POPA, LAHF, SAHF, XLAT, MOVBE, ADCX, ADOX: the rest that moves data about."""

from tdxviz.core.faults import GuestFault
from tdxviz.core.guest import flags as f
from tdxviz.core.guest.context import Context
from tdxviz.core.guest.decoder import Instruction, OpKind, stack_width
from tdxviz.core.guest.operands import mask, reader, segment_base, writer
from tdxviz.core.guest.table import Build, Op, operand_size
from tdxviz.core.hw.cpu import RAX, RBP, RBX, RSP
from tdxviz.core.units import U64

LAHF_BITS = f.CF | f.PF | f.AF | f.ZF | f.SF
UD = 6


def stack_mask(x: Context) -> int:
    """The width of the stack pointer."""
    return U64 if x.cpu.bits == 64 else 0xFFFF_FFFF


def enter(ins: Instruction) -> Op:
    """Frame of ``locals`` bytes; with a nesting level the outer frame pointers are copied."""
    room, level, size = ins.immediate(0), ins.immediate(1) & 31, stack_width(ins)

    def run(x: Context) -> None:
        g, wrap = x.gprs, stack_mask(x)
        frame = g[RSP] - size & wrap
        words = [g[RBP] & mask(size)]
        if level:
            words += [x.load(g[RBP] - size * n & wrap, size) for n in range(1, level)]
            words.append(frame)
        raw = b"".join((word & mask(size)).to_bytes(size, "little") for word in reversed(words))
        x.store_bytes(g[RSP] - len(raw) & wrap, raw)
        g[RBP], g[RSP] = frame, g[RSP] - len(raw) - room & wrap

    return run


def pusha(ins: Instruction) -> Op:
    """EAX ECX EDX EBX ESP EBP ESI EDI in one store; 32-bit code only."""

    def run(x: Context) -> None:
        top = x.gprs[RSP] - 32 & mask(4)
        raw = b"".join((x.gprs[n] & mask(4)).to_bytes(4, "little") for n in range(7, -1, -1))
        x.store_bytes(top, raw)
        x.gprs[RSP] = top

    return run


def popa(ins: Instruction) -> Op:
    def run(x: Context) -> None:
        top = x.gprs[RSP]
        raw = x.load(top, 32)
        for n in range(8):
            if 7 - n != RSP:
                x.gprs[7 - n] = raw >> 32 * n & mask(4)
        x.gprs[RSP] = top + 32 & mask(4)

    return run


def lahf(ins: Instruction) -> Op:
    def run(x: Context) -> None:
        x.gprs[RAX] = x.gprs[RAX] & ~0xFF00 | (x.cpu.rflags & LAHF_BITS | 2) << 8

    return run


def sahf(ins: Instruction) -> Op:
    def run(x: Context) -> None:
        x.cpu.rflags = x.cpu.rflags & ~LAHF_BITS | x.gprs[RAX] >> 8 & LAHF_BITS

    return run


def xlat(ins: Instruction) -> Op:
    base, width = segment_base(ins), stack_width(ins)

    def run(x: Context) -> None:
        at = x.gprs[RBX] + (x.gprs[RAX] & 0xFF) & mask(width)
        if base is not None:
            at = at + base(x) & mask(width)
        x.gprs[RAX] = x.gprs[RAX] & ~0xFF | x.load(at, 1)

    return run


def movbe(ins: Instruction) -> Op:
    size = operand_size(ins)
    get, put = reader(ins, 1, size), writer(ins, 0, size)
    return lambda x: put(x, int.from_bytes(get(x).to_bytes(size, "little"), "big"))


def _add_with(flag: int) -> Build:
    """ADCX and ADOX: one flag carries, the others stay."""

    def build(ins: Instruction) -> Op:
        size = operand_size(ins)
        left, right, put = reader(ins, 0, size), reader(ins, 1, size), writer(ins, 0, size)
        shift = flag.bit_length() - 1

        def run(x: Context) -> None:
            total = left(x) + right(x) + (x.cpu.rflags >> shift & 1)
            put(x, total & mask(size))
            x.cpu.rflags = x.cpu.rflags & ~flag | total >> size * 8 << shift

        return run

    return build


def undefined_operand(ins: Instruction) -> Op:
    """UD0, UD1: #UD, whatever the operand."""

    def run(x: Context) -> None:
        raise GuestFault(UD)

    return run


def prefetch(ins: Instruction) -> Op:
    """A hint without effect; no fault comes of it."""
    assert ins.op_kind(0) == OpKind.MEMORY
    return lambda x: None


TABLE: dict[str, Build] = {
    "ENTER": enter,
    "PUSHAD": pusha,
    "POPAD": popa,
    "LAHF": lahf,
    "SAHF": sahf,
    "XLATB": xlat,
    "MOVBE": movbe,
    "ADCX": _add_with(f.CF),
    "ADOX": _add_with(f.OF),
    **dict.fromkeys(("UD0", "UD1"), undefined_operand),
    **dict.fromkeys(
        ("PREFETCHNTA", "PREFETCHT0", "PREFETCHT1", "PREFETCHT2", "PREFETCHW", "CLDEMOTE"), prefetch
    ),
}
