"""A small guest in 64-bit mode without paging, and bytes of instructions."""

from tdxviz.core import events as e
from tdxviz.core.guest import exceptions, execute
from tdxviz.core.guest.context import Context
from tdxviz.core.hw import path
from tdxviz.core.hw.cpu import CpuState
from tests.core.hw.kit import BASE, PAGES, flat

__all__ = ["BASE", "CODE", "DATA", "GDT", "IDT", "PAGES", "STACK", "Guest"]

GDT, TSS = BASE + 0x6000, BASE + 0x6100
DESCRIPTORS = (
    0, 0x00AF_9B00_0000_FFFF, 0x00CF_9300_0000_FFFF, 0x00CF_F300_0000_FFFF, 0x00AF_FB00_0000_FFFF,
    0x67 | (TSS & 0xFF_FFFF) << 16 | 0x89 << 40 | TSS >> 24 << 56, 0,
)  # fmt: skip
"""0x08 code, 0x10 data, 0x18 user data, 0x20 user code, 0x28 TSS."""
CODE, DATA, STACK, IDT = BASE, BASE + 0x2000, BASE + 0x4000, BASE + 0x5000


class Guest:
    """``run`` returns how many instructions were executed; ``news`` holds the events."""

    def __init__(self, code: bytes = b"", bits: int = 64, *, trace: bool = False) -> None:
        self.p, self.lp, self.ctx = flat()
        self.cpu: CpuState = self.ctx.cpu
        self.lp.cpu = self.cpu
        self.cpu.bits, self.cpu.rip, self.cpu.gprs[4] = bits, CODE, STACK
        self.cpu.cs, self.cpu.ss = 8, 0x10
        self.write(GDT, b"".join(word.to_bytes(8, "little") for word in DESCRIPTORS))
        self.cpu.gdt_base, self.cpu.gdt_limit = GDT, len(DESCRIPTORS) * 8 - 1
        if bits == 64:
            self.cpu.efer |= 1 << 10
        self.news: list[e.Event] = []
        self.write(CODE, code)
        self.p.listen(self.news.append)
        self.p.trace = trace

    def write(self, gla: int, data: bytes) -> None:
        for n in range(0, len(data), 64):
            path.store(self.p, self.lp, self.ctx, gla + n, data[n : n + 64])

    def read(self, gla: int, size: int) -> bytes:
        return b"".join(path.load(self.p, self.lp, self.ctx, gla + n, 1) for n in range(size))

    def run(self, steps: int = 1, until: int | None = None) -> int:
        return execute.run(self.p, self.lp, self.ctx, self.cpu, steps, until)

    def context(self) -> Context:
        return Context(self.p, self.lp, self.ctx, self.cpu)

    def deliver(self, vector: int, error: int | None = None, cr2: int | None = None, **how) -> None:
        exceptions.deliver(self.p, self.lp, self.ctx, self.cpu, vector, error, cr2, **how)

    def gate(self, vector: int, handler: int, kind: int = 0xE, *, present: bool = True) -> None:
        low = handler & 0xFFFF | 8 << 16 | kind << 40 | present << 47 | (handler >> 16 & 0xFFFF) << 48
        self.write(IDT + vector * 16, (low | handler >> 32 << 64).to_bytes(16, "little"))
        self.cpu.idt_base, self.cpu.idt_limit = IDT, 0xFFF
