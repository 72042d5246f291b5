"""TDMR_INFO, as TDH.SYS.CONFIG reads and judges it.

512 bytes: base, size, (PAMT base, PAMT size) for 1G, 2M, 4K, then up to 16 reserved areas of
(offset, size). Source: tdx-architecture 2.1 and TDH.SYS.CONFIG; L:arch/x86/virt/vmx/tdx.
"""

import struct

from tdxviz.core.tdx.call import Call
from tdxviz.core.tdx.module import Tdmr
from tdxviz.core.units import GIB, MAXPA, MIB, PAGE, U64

Area = tuple[int, int]
RESERVED_AREAS = 16


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
    _pamts(call, size, pamts, before)
    usable = _usable(base, size, reserved)
    clash = any(_overlap(a, u) for a in pamts for u in usable) or any(
        _overlap(a, u)
        for t in before
        for a in (*pamts, *t.pamts)
        for u in (*usable, *_usable(t.base, t.size, t.reserved))
    )
    call.require(not clash, "a PAMT lies in memory that a TDMR gives to TDs")
    cmrs = call.m.config.cmrs
    call.require(all(_inside(a, cmrs) for a in pamts), "a PAMT lies outside convertible memory")
    call.require(all(_inside(u, cmrs) for u in usable), "a TDMR lies outside convertible memory")
    return Tdmr(base, size, reserved, pamts, base)


def _reserved(call: Call, base: int, size: int, words: tuple[int, ...]) -> tuple[Area, ...]:
    pairs = [(words[2 * n], words[2 * n + 1]) for n in range(RESERVED_AREAS)]
    used = [pair for pair in pairs if pair[1]]
    ends = [0, *(off + length for off, length in used)]
    ordered = pairs[: len(used)] == used and all(
        off >= end for (off, _), end in zip(used, ends, strict=False)
    )
    call.require(ordered, "reserved areas must ascend, null entries last")
    inside = all(o % PAGE == 0 and n % PAGE == 0 and o + n <= size for o, n in used)
    call.require(inside, "reserved areas must be 4 KiB aligned and inside the TDMR")
    return tuple((base + off, length) for off, length in used)


def _pamts(call: Call, size: int, pamts: tuple[Area, ...], before: list[Tdmr]) -> None:
    needed = tuple(size // unit * 16 for unit in (GIB, 2 * MIB, PAGE))
    good = all(
        low % PAGE == 0 and low >> MAXPA == 0 and length >= need and length % PAGE == 0
        for (low, length), need in zip(pamts, needed, strict=True)
    )
    call.require(good, "a PAMT array is not aligned, carries KeyID bits or is too small")
    earlier = [area for tdmr in before for area in tdmr.pamts]
    everything = [*earlier, *pamts]
    apart = all(not _overlap(a, b) for n, a in enumerate(everything) for b in everything[n + 1 :])
    call.require(apart, "PAMT arrays overlap")


def _usable(base: int, size: int, reserved: tuple[Area, ...]) -> list[Area]:
    """What is left of a TDMR between its reserved areas."""
    free: list[Area] = []
    at = base
    for low, length in reserved:
        if low > at:
            free.append((at, low - at))
        at = low + length
    if at < base + size:
        free.append((at, base + size - at))
    return free


def _overlap(a: Area, b: Area) -> bool:
    return a[0] < b[0] + b[1] and b[0] < a[0] + a[1]


def _inside(area: Area, regions: tuple[Area, ...]) -> bool:
    return any(low <= area[0] and area[0] + area[1] <= low + size for low, size in regions)
