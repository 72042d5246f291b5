"""Breakpoints of DR0 to DR3: what DR7 enables, and what an access or an instruction meets.

An instruction breakpoint is a fault before the instruction, a data breakpoint a trap behind it. I/O
breakpoints (R/W = 10) never come to pass: in a guest every port access leaves it before it is done.
Source: Intel SDM volume 3, 17.2 and 17.3.
"""

from tdxviz.core.hw.cpu import CpuState

ENABLED = 0xFF
"""L0..G3 of DR7."""
LENGTHS = (1, 2, 8, 4)
"""Bytes by the LEN field."""
EXECUTE, WRITE, READ_WRITE = 0, 1, 3
GENERAL_DETECT = 1 << 13
"""DR7.GD, and DR6.BD."""
SINGLE_STEP = 1 << 14
"""DR6.BS."""


def enabled(cpu: CpuState, kinds: tuple[int, ...]) -> list[int]:
    """Numbers of the breakpoints of these kinds (R/W fields) that DR7 enables, locally or globally."""
    dr7 = cpu.dr7
    return [n for n in range(4) if dr7 >> 2 * n & 3 and dr7 >> 16 + 4 * n & 3 in kinds]


def watches_data(cpu: CpuState) -> bool:
    return bool(cpu.dr7 & ENABLED and enabled(cpu, (WRITE, READ_WRITE)))


def met(cpu: CpuState, gla: int, size: int, *, store: bool) -> int:
    """Bit n for each data breakpoint n whose aligned range the access touches."""
    found = 0
    for n in enabled(cpu, (WRITE, READ_WRITE) if store else (READ_WRITE,)):
        length = LENGTHS[cpu.dr7 >> 18 + 4 * n & 3]
        start = cpu.dr[n] & -length
        if gla < start + length and start < gla + size:
            found |= 1 << n
    return found


def at_instruction(cpu: CpuState) -> int:
    """Bit n for each instruction breakpoint n at RIP."""
    return sum(1 << n for n in enabled(cpu, (EXECUTE,)) if cpu.dr[n] == cpu.rip)


def note(cpu: CpuState, hits: int, *, step: bool = False) -> None:
    """Write down in DR6 why #DB comes. What it does not concern stays."""
    if hits:
        cpu.dr6 = cpu.dr6 & ~0xF | hits
    if step:
        cpu.dr6 |= SINGLE_STEP
