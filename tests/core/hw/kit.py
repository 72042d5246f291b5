"""A bare platform with one small guest: no paging, a few pages through an EPT of the host."""

from tdxviz.core.hw import physical
from tdxviz.core.hw.cpu import CpuState
from tdxviz.core.hw.path import Translation
from tdxviz.core.hw.platform import Platform
from tdxviz.core.units import PAGE

EPT, POOL, RAM = 0x10_0000, 0x11_0000, 0x20_0000
PAGES = 8
BASE = 0x8000_0000


def put(p, hpa, value):
    physical.write_physical(p, hpa, 0, value.to_bytes(8, "little"))


def flat(world="legacy"):
    """A platform, a processor and a guest without paging that owns PAGES pages at BASE."""
    p = Platform.fresh(world, 7)
    put(p, EPT, POOL | 7)
    put(p, POOL + (BASE >> 30) * 8, POOL + PAGE | 7)
    put(p, POOL + PAGE, POOL + 2 * PAGE | 7)
    for n in range(PAGES):
        put(p, POOL + 2 * PAGE + 8 * n, RAM + n * PAGE | 7)
    cpu = CpuState()
    ctx = Translation("vm-a", 1, 0, 0, EPT, -1, cpu, 0, False)
    return p, p.lps[0], ctx
