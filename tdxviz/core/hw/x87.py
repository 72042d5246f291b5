"""The x87 FPU and MXCSR as far as programs save, restore and reset them; no arithmetic.

Source: Intel SDM volume 1, 8.1 and 10.5.1 (tables 10-2, 10-3); reset values volume 3, table 10-1 as the
TDX module sets them (FCW_RESET_VALUE, MXCSR_RESET_VALUE).
"""

import struct
from typing import NamedTuple

FCW_RESET, MXCSR_RESET = 0x37F, 0x1F80
FCW_KNOWN, FCW_FIXED = 0x1F3F, 0x40
EXCEPTIONS, ES, BUSY = 0x3F, 1 << 7, 1 << 15
FOP_KNOWN = 0x7FF
MXCSR_KNOWN = 0xFFFF
"""MXCSR_MASK: every other bit must be 0."""
LINEAR = 57
"""Bits of a linear address; FIP is kept canonical."""
REGISTERS = 8
HEAD = struct.Struct("<HHBxHQQII")
SIZE = 160
"""Bytes of the area in FXSAVE's format that stand before XMM0."""
WHOLE = (1 << 80) - 1


class Fpu(NamedTuple):
    """Never changed in place. ``fsw``: with TOP in bits 13:11; ``ftw``: bit n = physical register n is not
    empty; ``st``: the physical registers, 80 bits each."""

    fcw: int = FCW_RESET
    fsw: int = 0
    ftw: int = 0
    fop: int = 0
    fip: int = 0
    fdp: int = 0
    mxcsr: int = MXCSR_RESET
    st: tuple[int, ...] = (0,) * REGISTERS

    @property
    def top(self) -> int:
        return self.fsw >> 11 & 7

    @property
    def pending(self) -> bool:
        """An exception that is not masked: the next waiting instruction gets #MF."""
        return bool(self.fsw & ES)

    def controlled(self, fcw: int) -> "Fpu":
        """With another control word: reserved bits as the processor keeps them, ES and B follow."""
        fcw = fcw & FCW_KNOWN | FCW_FIXED
        return self._replace(fcw=fcw, fsw=summary(self.fsw, fcw))

    def initialised(self) -> "Fpu":
        """FNINIT: everything but the registers' contents and MXCSR."""
        return Fpu(mxcsr=self.mxcsr, st=self.st)

    def cleared(self) -> "Fpu":
        """FNCLEX: no exception is pending."""
        return self._replace(fsw=self.fsw & ~(BUSY | 0xFF))


def summary(fsw: int, fcw: int) -> int:
    """The status word with ES and B as its exceptions and the masks have them."""
    unmasked = fsw & ~fcw & EXCEPTIONS
    return fsw & ~(ES | BUSY) | (ES | BUSY if unmasked else 0)


def pack(fpu: Fpu) -> bytes:
    """``SIZE`` bytes as FXSAVE64 writes them."""
    head = HEAD.pack(fpu.fcw, fpu.fsw, fpu.ftw, fpu.fop, fpu.fip, fpu.fdp, fpu.mxcsr, MXCSR_KNOWN)
    order = (fpu.st[fpu.top + n & 7] for n in range(REGISTERS))
    return head + b"".join(value.to_bytes(16, "little") for value in order)


def unpack(data: bytes) -> Fpu:
    """What FXRSTOR64 makes of ``SIZE`` bytes; reserved bits of MXCSR are the caller's to refuse."""
    fcw, fsw, ftw, fop, fip, fdp, mxcsr, _ = HEAD.unpack_from(data)
    fcw = fcw & FCW_KNOWN | FCW_FIXED
    top = fsw >> 11 & 7
    order = [int.from_bytes(data[at : at + 16], "little") & WHOLE for at in range(32, SIZE, 16)]
    st = tuple(order[n - top & 7] for n in range(REGISTERS))
    return Fpu(fcw, summary(fsw, fcw), ftw, fop & FOP_KNOWN, canonical(fip), fdp, mxcsr, st)


def canonical(address: int) -> int:
    """The address with its top bits as bit ``LINEAR - 1`` is."""
    low = address & (1 << LINEAR) - 1
    return low | ((1 << 64 - LINEAR) - 1 << LINEAR if low >> LINEAR - 1 else 0)


RESET = Fpu()
