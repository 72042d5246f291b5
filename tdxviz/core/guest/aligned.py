"""Alignment checking (CR0.AM, RFLAGS.AC, CPL 3): a context that looks at every access. Nobody else pays for it.

Source: Intel SDM volume 3, 7.15, interrupt 17: words, doublewords and quadwords lie at multiples of their size;
wider operands are not checked (volume 2, exception type 4).
"""

from tdxviz.core.faults import GuestFault
from tdxviz.core.guest.context import Context
from tdxviz.core.hw.cpu import USER, CpuState
from tdxviz.core.hw.walk import is_canonical
from tdxviz.core.units import Gla

AC_FAULT = 17
AM, AC = 1 << 18, 1 << 18
"""Bits of CR0 and of RFLAGS."""
CHECKED = (2, 4, 8)


def wanted(cpu: CpuState) -> bool:
    return bool(cpu.cpl == USER and cpu.rflags & AC and cpu.cr0 & AM)


class Aligned(Context):
    """Remembers no place of data, so that translated code comes here for each access, too."""

    __slots__ = ()

    def _check(self, gla: Gla, size: int) -> None:
        if size in CHECKED and gla % size and wanted(self.cpu) and is_canonical(gla):
            raise GuestFault(AC_FAULT, 0)

    def load(self, gla: Gla, size: int) -> int:
        return int.from_bytes(self.load_bytes(gla, size), "little")

    def load_bytes(self, gla: Gla, size: int) -> bytes:
        self._check(gla, size)
        data = super().load_bytes(gla, size)
        self.rd.clear()
        return data

    def store(self, gla: Gla, size: int, value: int) -> None:
        self.store_bytes(gla, value.to_bytes(size, "little"))

    def store_bytes(self, gla: Gla, data: bytes) -> None:
        self._check(gla, len(data))
        super().store_bytes(gla, data)
        self.wr.clear()

    def probe(self, gla: Gla, size: int) -> None:
        self._check(gla, size)
        super().probe(gla, size)
