"""Secure EPTs of a partitioned TD's L2 VMs, as far as the host builds them: tables without leaves.

Each L2 VM has a tree of its own, whose root is a TDCX page. An entry of the L1 VMM's tree that leads to a
table knows by its alias flags which L2 VMs have a table there too. L2 leaves, which a guest would make with
TDG.MEM.PAGE.ATTR.WR, and running in an L2 VM are not modelled.
Source: tdx-architecture 3.1, 7.2; module source sept_manager.c, tdh_mem_sept_add.c of the 1.5 branch.
"""

from typing import NamedTuple

from tdxviz.core.arch import sept
from tdxviz.core.arch import structures as lay
from tdxviz.core.faults import Inconsistent
from tdxviz.core.hw import physical
from tdxviz.core.tdx import pamt
from tdxviz.core.tdx.call import Call, SeptPlace
from tdxviz.core.tdx.locks import Lock
from tdxviz.core.tdx.structs import Td
from tdxviz.core.units import PAGE, Gpa, Hpa

VMS = (1, 2, 3)
NULL_PA = (1 << 64) - 1
NOT_USED = 1 << 63
"""Of a page address in R8 to R11: ignored on input, set on output when the page was not needed."""
FREE, TABLE = 0, 0x407
"""A free L2 entry; permissions R, W, Xs, Xu of one that leads to a table."""
PUBLIC_FREE, PUBLIC_TABLE = 64, 196
ROOT_LEVEL = 3


class L2Place(NamedTuple):
    """An entry of an L2 VM's Secure EPT."""

    vm: int
    level: int
    address: Hpa
    value: int


def page_operand(call: Call, vm: int) -> Hpa:
    """The page that R8 + ``vm`` gives; bit 63 is ignored unless the register is the null address."""
    value = call.regs[f"r{8 + vm}"]
    return value if value == NULL_PA else value & ~NOT_USED


def walk(call: Call, td: Td, vm: int, gpa: Gpa, level: int) -> L2Place:
    """The entry for ``gpa`` at ``level``, or the one above at which the tables end."""
    table, now = _root(td, vm), ROOT_LEVEL
    while True:
        address = table + (gpa >> 12 + 9 * now & 511) * 8
        value = int.from_bytes(physical.read_physical(call.p, address, td.hkid, 8), "little")
        place = L2Place(vm, now, address, value)
        if now == level or value == FREE:
            return place
        table, now = sept.frame(value), now - 1
        if value & 0xFFF != TABLE or not td.owns(table, "PT_EPT"):
            raise Inconsistent(f"the L2 Secure EPT entry at {address:#x} holds {value:#x}")


def _root(td: Td, vm: int) -> Hpa:
    root = td.tdr[f"TDCX_PA{lay.MIN_TDCX + vm - 1}"]
    if not td.owns(root, "PT_TDCX"):
        raise Inconsistent(f"the root {root:#x} of L2 VM {vm}'s Secure EPT is no TDCX page of this TD")
    return root


def require_walk(call: Call, td: Td, vm: int, gpa: Gpa, level: int) -> L2Place:
    """The next check: the tables of that VM reach the level."""
    place = walk(call, td, vm, gpa, level)
    if place.level != level:
        report(call, place)
    reason = f"the tables of L2 VM {vm} for {gpa:#x} end at level {place.level}"
    call.require(place.level == level, reason)
    return place


def report(call: Call, place: L2Place) -> None:
    """What RCX, RDX and the low half of the status tell of an L2 entry."""
    free = place.value == FREE
    public = PUBLIC_FREE if free else PUBLIC_TABLE
    call.outputs["RCX"] = sept.SUPPRESS_VE if free else place.value & TABLE
    call.outputs["RDX"] = place.level | public << 8 | place.vm << 16
    call.detail = place.vm << 16 | place.level


def aliases(place: SeptPlace) -> tuple[int, ...]:
    """L2 VMs that have a table where this entry leads to one."""
    return tuple(vm for vm in VMS if place.value & sept.alias(vm))


def add(call: Call, td: Td, above: SeptPlace, place: L2Place, page: Hpa) -> None:
    """A new, empty table; the L1 entry ``above`` learns of it."""
    call.clear_page(page, td.hkid)
    link(call, td, place, TABLE | page)
    now = int.from_bytes(physical.read_physical(call.p, above.address, td.hkid, 8), "little")
    physical.write_physical(
        call.p, above.address, td.hkid, (now | sept.alias(place.vm)).to_bytes(8, "little")
    )
    td.add_children(1)
    call.give_page(page, "PT_EPT", td.tdr_page)


def link(call: Call, td: Td, place: L2Place, value: int) -> None:
    physical.write_physical(call.p, place.address, td.hkid, value.to_bytes(8, "little"))


def lock_tables(call: Call, td: Td, above: SeptPlace) -> tuple[list[L2Place], str]:
    """The tables beside the one that ``above`` leads to, locked to be taken away; why one of them cannot be."""
    found = []
    for vm in aliases(above):
        place = walk(call, td, vm, above.gpa, above.level)
        if place.level != above.level or place.value == FREE:
            raise Inconsistent(f"L2 VM {vm} has no table for {above.gpa:#x}, but the L1 entry says so")
        lock = Lock("PAMT", sept.frame(place.value), PAGE, exclusive=True)
        pamt.consult(call.p, call.m, lock.at)
        if call.is_taken(lock):
            return found, f"the PAMT entry of {lock.at:#x}, a table of L2 VM {vm}, is locked"
        call.locks.append(lock)
        found.append(place)
    return found, ""


def remove_all(call: Call, td: Td, places: list[L2Place]) -> dict[str, Hpa]:
    """Take tables away; what R9 to R11 return of a version that tells."""
    return {f"R{8 + place.vm}": remove(call, td, place) for place in places}


def remove(call: Call, td: Td, place: L2Place) -> Hpa:
    """Take a table away; the page, which is free now."""
    page = sept.frame(place.value)
    link(call, td, place, FREE)
    td.add_children(-1)
    call.free(page)
    return page
