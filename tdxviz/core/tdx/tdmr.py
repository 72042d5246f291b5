"""TDMR_INFO, as TDH.SYS.CONFIG reads and judges it.

512 bytes: base, size, (PAMT base, PAMT size) for 1G, 2M, 4K, then up to 16 reserved areas of
(offset, size). Source: tdx-architecture 2.1 and TDH.SYS.CONFIG; L:arch/x86/virt/vmx/tdx.
"""

import struct
from collections.abc import Iterator

from tdxviz.core.tdx.call import Call
from tdxviz.core.tdx.module import Tdmr
from tdxviz.core.units import GIB, MAXPA, MIB, PAGE, U64

Area = tuple[int, int]
RESERVED_AREAS = 16
UNITS = (PAGE, 2 * MIB, GIB)
"""Memory that one entry of an array describes, by level."""
SMALLEST_FIRST, LARGEST_FIRST = (0, 1, 2), (2, 1, 0)


def parse_tdmr(call: Call, pointer: int, before: list[Tdmr]) -> Tdmr:
    """All per-TDMR checks of SYS.CONFIG in order; ``before`` are the TDMRs accepted so far."""
    call.require(call.shared_address(pointer, 512, 512), f"TDMR_INFO pointer {pointer:#x} is not usable")
    words = struct.unpack("<40Q", call.read_shared(pointer, 320))
    base, size = words[0], words[1]
    call.require(base + size <= U64, "base + size wraps")
    last = before[-1].base + before[-1].size if before else 0
    call.require(base >= last, "TDMRs must ascend and not overlap")
    shape = base % GIB == 0 and size % GIB == 0 and size > 0 and base + size <= 1 << MAXPA
    call.require(shape, "base and size must be multiples of 1 GiB below MAXPA")
    reserved = _reserved(call, base, size, words[8:40])
    pamts = tuple((words[2 + 2 * n], words[3 + 2 * n]) for n in range(3))
    now = Tdmr(base, size, reserved, pamts, base)
    _pamts(call, now, before)
    cmrs = _joined(call.m.config.cmrs)
    outside = [level for level, area in _sizes(pamts, LARGEST_FIRST) if not _inside(area, cmrs)]
    _require(call, outside[:1], len(before), "a PAMT lies outside convertible memory")
    stray = not all(_inside(u, cmrs) for u in _usable(now))
    _require(call, [0] if stray else [], len(before), "a TDMR lies outside convertible memory")
    return now


def _require(call: Call, found: list[int], number: int, reason: str, other: int = 0) -> None:
    """The next check, with what the status tells of its first failure: byte 0 the TDMR, byte 1 the PAMT's
    level or the reserved area, byte 2 the other TDMR. Source: module source tdh_sys_config.c, branch 1.5."""
    call.detail = number | (found[0] if found else 0) << 8 | other << 16
    call.require(not found, reason)
    call.detail = number


def _reserved(call: Call, base: int, size: int, words: tuple[int, ...]) -> tuple[Area, ...]:
    """Two checks, made area by area: the first area with a fault decides which of them fails."""
    pairs = [(words[2 * n], words[2 * n + 1]) for n in range(RESERVED_AREAS)]
    number = call.detail
    for area in range(RESERVED_AREAS):
        disordered, malformed = _area_faults(pairs, area, base, size)
        if disordered or malformed:
            why = disordered or malformed
            _require(call, [area] if disordered else [], number, f"reserved area {area}: {why}")
            _require(call, [area], number, f"reserved area {area}: {why}")
    call.require(True, "reserved areas ascend, null entries are last")
    call.require(True, "reserved areas are aligned and inside the TDMR")
    return tuple((base + off, length) for off, length in pairs if length)


def _area_faults(pairs: list[Area], area: int, base: int, size: int) -> tuple[str, str]:
    """What is wrong with the order of an area; what is wrong with itself. One of them, or neither."""
    offset, length = pairs[area]
    if length == 0:
        return "a null entry before others" if area + 1 < RESERVED_AREAS and pairs[area + 1][1] else "", ""
    if offset + length > U64:
        return "", "offset + size wraps"
    if area and offset < pairs[area - 1][0] + pairs[area - 1][1]:
        return "areas must ascend and not overlap", ""
    if offset % PAGE or length % PAGE:
        return "", "offset and size must be multiples of 4 KiB"
    inside = offset + length <= size and base + offset + length <= U64
    return "", "" if inside else "it does not lie inside the TDMR"


def _pamts(call: Call, now: Tdmr, before: list[Tdmr]) -> None:
    """Three checks: form and size of the arrays; apart from each other; apart from usable memory."""
    number = len(before)
    bad = [level for level, area in _sizes(now.pamts, LARGEST_FIRST) if not _formed(area, level, now.size)]
    _require(call, bad[:1], number, "a PAMT array is not aligned, carries KeyID bits or is too small")
    clash = next(_clashes(now, before), None)
    found, other = ([clash[0]], clash[1]) if clash else ([], 0)
    _require(call, found, number, "PAMT arrays overlap", other)
    hit = next(_intrusions(now, before), None)
    whose, found, other = (hit[0], [hit[1]], hit[2]) if hit else (number, [], 0)
    _require(call, found, whose, "a PAMT lies in memory that a TDMR gives to TDs", other)
    call.detail = number


def _formed(area: Area, level: int, size: int) -> bool:
    low, length = area
    in_range = low + length <= 1 << MAXPA
    return low % PAGE == 0 and length % PAGE == 0 and in_range and length >= size // UNITS[level] * 16


def _sizes(pamts: tuple[Area, ...], levels: tuple[int, ...]) -> list[tuple[int, Area]]:
    """(level, array): a TDMR_INFO names the array of 1 GiB entries first."""
    return [(level, pamts[2 - level]) for level in levels]


def _clashes(now: Tdmr, before: list[Tdmr]) -> Iterator[tuple[int, int]]:
    """(level, other TDMR) of arrays that overlap another: those of earlier TDMRs, then its own."""
    for other, tdmr in enumerate(before):
        for level, area in _sizes(now.pamts, SMALLEST_FIRST):
            if any(_overlap(area, there) for there in tdmr.pamts):
                yield level, other
    own = _sizes(now.pamts, SMALLEST_FIRST)
    for position, (level, area) in enumerate(own):
        if any(_overlap(area, there) for _, there in own[position + 1 :]):
            yield level, len(before)


def _intrusions(now: Tdmr, before: list[Tdmr]) -> Iterator[tuple[int, int, int]]:
    """(TDMR whose array it is, level, TDMR whose usable memory it lies in)."""
    number = len(before)
    for other, tdmr in enumerate((*before, now)):
        for level, area in _sizes(now.pamts, SMALLEST_FIRST):
            if any(_overlap(area, free) for free in _usable(tdmr)):
                yield number, level, other
        if tdmr is now:
            return
        for level, area in _sizes(tdmr.pamts, SMALLEST_FIRST):
            if any(_overlap(area, free) for free in _usable(now)):
                yield other, level, number


def _usable(tdmr: Tdmr) -> list[Area]:
    """What is left of a TDMR between its reserved areas."""
    free: list[Area] = []
    at, end = tdmr.base, tdmr.base + tdmr.size
    for low, length in tdmr.reserved:
        if low > at:
            free.append((at, low - at))
        at = low + length
    if at < end:
        free.append((at, end - at))
    return free


def _overlap(a: Area, b: Area) -> bool:
    return a[0] < b[0] + b[1] and b[0] < a[0] + a[1]


def _joined(regions: tuple[Area, ...]) -> tuple[Area, ...]:
    """Regions that follow each other without a gap count as one."""
    joined: list[Area] = []
    for low, size in regions:
        if joined and joined[-1][0] + joined[-1][1] == low:
            low, size = joined[-1][0], joined.pop()[1] + size
        joined.append((low, size))
    return tuple(joined)


def _inside(area: Area, regions: tuple[Area, ...]) -> bool:
    return any(low <= area[0] and area[0] + area[1] <= low + size for low, size in regions)
