"""XSAVE and XRSTOR of x87 and SSE state, in the standard form. Source: Intel SDM volume 1, 13.7 and 13.8.

Components beyond these two (AVX and more) have no registers here; XCR0 may name them, and they are always in their
initial configuration.
"""

from tdxviz.core.arch import xstate
from tdxviz.core.faults import GuestFault
from tdxviz.core.guest.context import Context
from tdxviz.core.guest.decoder import Instruction, name
from tdxviz.core.guest.operands import address, mask
from tdxviz.core.guest.table import Build, Op
from tdxviz.core.hw import x87
from tdxviz.core.hw.cpu import RAX, RDX
from tdxviz.core.units import LINE

UD, NM, GP = 6, 7, 13
TS, OSXSAVE = 1 << 3, 1 << 18
HEADER = 512
LOW = mask(4)
MXCSR = slice(24, 32)
"""MXCSR and its mask: they go with SSE, not with x87."""


def _begin(x: Context, at: int) -> int:
    """Checks; returns the requested-feature bitmap."""
    if not x.cpu.cr4 & OSXSAVE:
        raise GuestFault(UD)
    if x.cpu.cr0 & TS:
        raise GuestFault(NM)
    if at % 64:
        raise GuestFault(GP, 0)
    return x.cpu.xcr0 & ((x.gprs[RDX] & LOW) << 32 | x.gprs[RAX] & LOW)


def _vectors(x: Context) -> int:
    return 16 if x.cpu.bits == 64 else 8


def _narrow(fpu: x87.Fpu, wide: bool) -> x87.Fpu:
    return fpu if wide else fpu._replace(fip=fpu.fip & LOW, fdp=fpu.fdp & LOW)


def _in_use(x: Context) -> int:
    """XINUSE: what is not in its initial configuration."""
    fpu = x.cpu.fpu._replace(mxcsr=x87.MXCSR_RESET)
    return (0 if fpu == x87.RESET else xstate.X87) | (xstate.SSE if any(x.cpu.xmm) else 0)


def xsave(ins: Instruction) -> Op:
    where, wide = address(ins), name(ins).endswith("64")

    def run(x: Context) -> None:
        at = where(x)
        wanted = _begin(x, at)
        parts: list[tuple[int, bytes]] = []
        legacy = x87.pack(_narrow(x.cpu.fpu, wide))
        if wanted & xstate.X87:
            parts += [(0, legacy[:24]), (32, legacy[32:])]
        if wanted & (xstate.SSE | xstate.AVX):
            parts.append((24, legacy[MXCSR]))
        if wanted & xstate.SSE:
            parts.append((x87.SIZE, b"".join(v.to_bytes(16, "little") for v in x.cpu.xmm[: _vectors(x)])))
        for line in range(at, at + HEADER + LINE, LINE):
            x.probe(line, LINE)
        old = x.load(at + HEADER, 8)
        for offset, data in parts:
            for n in range(0, len(data), 8):
                x.store(at + offset + n, 8, int.from_bytes(data[n : n + 8], "little"))
        x.store(at + HEADER, 8, old & ~wanted | wanted & _in_use(x))

    return run


def xrstor(ins: Instruction) -> Op:
    where, wide = address(ins), name(ins).endswith("64")

    def run(x: Context) -> None:
        at, cpu = where(x), x.cpu
        wanted = _begin(x, at)
        words = [x.load(at + n, 8) for n in range(0, HEADER + 24, 8)]
        present, *reserved = words[HEADER // 8 :]
        data = b"".join(word.to_bytes(8, "little") for word in words)
        saved = x87.unpack(data[: x87.SIZE])
        vectors = wanted & (xstate.SSE | xstate.AVX)
        if present & ~cpu.xcr0 or any(reserved) or (vectors and saved.mxcsr & ~x87.MXCSR_KNOWN):
            raise GuestFault(GP, 0)
        fpu = cpu.fpu
        if wanted & xstate.X87:
            fpu = _narrow(saved, wide) if present & xstate.X87 else x87.RESET
        cpu.fpu = fpu._replace(mxcsr=saved.mxcsr if vectors else cpu.fpu.mxcsr)
        if wanted & xstate.SSE:
            for n in range(_vectors(x)):
                place = x87.SIZE + n * 16
                raw = data[place : place + 16] if present & xstate.SSE else bytes(16)
                cpu.xmm[n] = int.from_bytes(raw, "little")

    return run


TABLE: dict[str, Build] = {"XSAVE": xsave, "XSAVE64": xsave, "XRSTOR": xrstor, "XRSTOR64": xrstor}
