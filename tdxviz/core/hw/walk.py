"""Page walks: guest tables, Secure EPT, and EPTs that the host owns. Each step is a real read.

Guest tables: 4 levels, 4 KiB, 2 MiB and 1 GiB leaves; P, R/W, U/S, NX, reserved bits, SMEP and SMAP are
checked, accessed and dirty bits are not written. Sources: Intel SDM volume 3, paging and EPT; tdx-architecture 7.
"""

from collections.abc import Callable
from typing import NamedTuple

from tdxviz.core import events as e
from tdxviz.core.arch import sept
from tdxviz.core.faults import EptViolation, GuestFault, NonCanonical
from tdxviz.core.units import U64, Gla, Gpa, Hkid, Hpa, is_private, split_keyid

PRESENT, WRITABLE, USER, LARGE = 1, 2, 4, 1 << 7
DIRTY = 1 << 6
NO_EXECUTE = 1 << 63
RESERVED_FAULT = 1 << 3
"""Bit of a #PF's error code: a reserved bit is set in an entry."""
SHADOW_FAULT = 1 << 6
"""Bit of a #PF's error code: a shadow-stack access."""
FRAME = 0x000F_FFFF_FFFF_F000
RWX = 7
WRITE_PROTECT = 1 << 16
PF = 14
SUPPRESS_VE = 1 << 63
SUPPRESSED, MISCONFIGURED = "SUPPRESSED", "MISCONFIGURED"
"""What ``EptViolation.state`` says of an entry of an EPT that the host owns."""
FETCH = 4
"""The right to execute, among R=1, W=2, X=4."""
PS_RESERVED = {3: LARGE, 2: 0x3FFF_E000, 1: 0x1F_E000}
"""Reserved bits of an entry with PS = 1; at level 3 it is the bit itself."""

ReadQword = Callable[[Hpa, Hkid], int]
Note = Callable[[e.Event], None]


class Mapping(NamedTuple):
    """End of a second-level walk: the byte's host address and what may be done there."""

    hpa: Hpa
    keyid: Hkid
    perms: int
    """R=1, W=2, X=4."""
    shared: bool


def is_canonical(gla: Gla) -> bool:
    return gla >> 47 in (0, 0x1FFFF)


def index(address: int, level: int) -> int:
    return address >> 12 + 9 * level & 511


def secure_ept(
    root: Hpa, hkid: Hkid, gpa: Gpa, access: str, read: ReadQword, note: Note | None, lp: int
) -> Mapping:
    """Walk the Secure EPT in its encrypted pages. EptViolation names the state that stopped it."""
    table = root
    for level in (3, 2, 1, 0):
        at = table + index(gpa, level) * 8
        entry = read(at, hkid)
        if note is not None:
            note(e.TableRead(lp=lp, table="sept", level=level, address=at, value=entry, gpa=gpa))
        state = sept.state_of(entry)
        if not entry & RWX:
            raise EptViolation(gpa, access, state=state, level=level)
        if level == 0 or entry & LARGE:
            low = (1 << 12 + 9 * level) - 1
            return Mapping((entry & FRAME & ~low) + (gpa & low), hkid, entry & RWX, False)
        table = entry & FRAME
    raise AssertionError("a walk ends at level 0")


def host_ept(
    root: Hpa, gpa: Gpa, access: str, read: ReadQword, note: Note | None, lp: int, *, shared: bool
) -> Mapping:
    """Walk an EPT in ordinary memory. EptViolation says NOT PRESENT, SUPPRESSED (not present, and the entry's
    suppress-#VE bit is set) or MISCONFIGURED."""
    table = root
    offset = gpa & ~(1 << 47) if shared else gpa
    for level in (3, 2, 1, 0):
        at = table + index(offset, level) * 8
        entry = read(at, 0) if root else 0
        if note is not None:
            note(e.TableRead(lp=lp, table="ept", level=level, address=at, value=entry, gpa=gpa))
        if not entry & RWX:
            state = SUPPRESSED if entry & SUPPRESS_VE else "NOT PRESENT"
            raise EptViolation(gpa, access, state=state, level=level)
        wrong = misconfiguration(entry, level)
        if wrong:
            raise EptViolation(gpa, access, state=MISCONFIGURED, level=level, why=wrong)
        frame, keyid = split_keyid(entry & FRAME)
        if level == 0 or entry & LARGE:
            low = (1 << 12 + 9 * level) - 1
            return Mapping((frame & ~low) + (offset & low), keyid, entry & RWX, shared)
        table = frame
    raise AssertionError("a walk ends at level 0")


def misconfiguration(entry: int, level: int) -> str:
    """What is wrong with a present EPT entry outside SEAM; empty if nothing is. Execute-only entries are
    supported. Sources: Intel SDM volume 3, EPT misconfigurations; rule R9 for private KeyIDs."""
    if entry & RWX in (2, 6):
        return "writable, but not readable"
    if is_private(split_keyid(entry & FRAME)[1]):
        return "reserved bits are set: they would select a private KeyID"
    if level == 0 or (level < 3 and entry & LARGE):
        if entry >> 3 & 7 in (2, 3, 7):
            return f"memory type {entry >> 3 & 7} does not exist"
        low = entry & (1 << 12 + 9 * level) - 1 & FRAME
        return "a large page that is not aligned to its size" if low else ""
    return "reserved bits are set" if entry & 0xF8 else ""


def guest_tables(
    cr3: int, gla: Gla, access: str, *, user: bool, write_protect: bool, no_execute: bool,
    read: Callable[[Gpa], int], barred: int = 0, smep: bool = False, width: int = 52,
) -> tuple[Gpa, int, int]:  # fmt: skip
    """Walk the guest's own tables. Returns the GPA and R=1, W=2, X=4 as the guest granted them, to its
    kernel and to CPL 3. ``barred``: rights that SMEP and SMAP take from the kernel on user pages now;
    ``width``: bits of a guest-physical address, those above are reserved.

    Raises:
        GuestFault: #PF with its error code and CR2; #GP for a non-canonical address.
    """
    if not is_canonical(gla):
        raise NonCanonical(gla)
    table, granted, kernel = cr3 & FRAME, WRITABLE | USER, RWX
    reserved = FRAME & -1 << width | (0 if no_execute else NO_EXECUTE)
    error = (access == "store") << 1 | int(user) << 2 | (access == "fetch" and (no_execute or smep)) << 4
    for level in (3, 2, 1, 0):
        entry = read(table + index(gla, level) * 8)
        if not entry & PRESENT:
            raise GuestFault(PF, error, gla & U64)
        if entry & reserved or (entry & LARGE and entry & PS_RESERVED.get(level, 0)):
            raise GuestFault(PF, error | RESERVED_FAULT | PRESENT, gla & U64)
        granted &= entry
        if entry & NO_EXECUTE and no_execute:
            kernel &= ~4
        if level == 0 or (level < 3 and entry & LARGE):
            break
        table = entry & FRAME
    theirs = 0 if not granted & USER else kernel if granted & WRITABLE else kernel & ~2
    if not granted & WRITABLE and write_protect:
        kernel &= ~2
    mine = theirs if user else kernel & ~(barred if granted & USER else 0)
    if not mine & {"load": 1, "store": 2, "fetch": FETCH}[access]:
        raise GuestFault(PF, error | PRESENT, gla & U64)
    low = (1 << 12 + 9 * level) - 1
    return (entry & FRAME & ~low) + (gla & low), kernel, theirs


def shadow_stack_page(cr3: int, gla: Gla, access: str, *, user: bool, read: Callable[[Gpa], int]) -> Gpa:
    """Walk for a shadow-stack access: the leaf must be read-only and dirty, of the same privilege.

    Raises:
        GuestFault: #PF with the SS bit; #GP for a non-canonical address.
    """
    if not is_canonical(gla):
        raise GuestFault(13, 0)
    error = SHADOW_FAULT | (access == "store") << 1 | int(user) << 2
    table, granted, entry, level = cr3 & FRAME, WRITABLE | USER, 0, 0
    for level in (3, 2, 1, 0):
        entry = read(table + index(gla, level) * 8)
        if not entry & PRESENT:
            raise GuestFault(PF, error, gla & U64)
        if level == 0 or (level < 3 and entry & LARGE):
            break
        granted &= entry
        table = entry & FRAME
    is_shadow = granted & WRITABLE and not entry & WRITABLE and entry & DIRTY
    if not is_shadow or bool(granted & entry & USER) != user:
        raise GuestFault(PF, error | 1, gla & U64)
    low = (1 << 12 + 9 * level) - 1
    return (entry & FRAME & ~low) + (gla & low)
