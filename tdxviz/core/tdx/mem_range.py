"""TDH.MEM.*: take private memory away from a TD that may be running: block, track, remove.

Source: tdx-architecture 4, 7.4, 8.2.
"""

from tdxviz.core import events as e
from tdxviz.core.arch import sept
from tdxviz.core.tdx import l2_sept, tracking
from tdxviz.core.tdx.call import PAGE_SIZES, Call, SeptPlace
from tdxviz.core.tdx.locks import Lock
from tdxviz.core.tdx.mem import ROOT_LEVEL, sept_operand, sept_place
from tdxviz.core.tdx.structs import Td
from tdxviz.core.units import PAGE, Hpa

REMOVABLE = ("MAPPED", "BLOCKED", "BLOCKEDW", "PENDING", "PENDING_BLOCKED", "PENDING_BLOCKEDW")
IMPORTING = ("MEMORY_IMPORT", "STATE_IMPORT", "POST_IMPORT", "LIVE_IMPORT")
ENTRIES = 512
L2_ATTRIBUTES = 1
DEBUG = 1


def behind(call: Call, td: Td, place: SeptPlace) -> Hpa:
    """The page that an entry names: a TD page, or the Secure EPT page one level down."""
    if sept.STATES[place.state].leaf:
        return call.mapped_page(td, place)
    return call.table_page(td, place)


def range_block(call: Call) -> None:
    call.cleared("RCX", "RDX")
    td = call.open_tdr("RDX", "sh")
    call.state(td)
    place = sept_place(call, td, 0, ROOT_LEVEL, how="ex")
    state = place.state
    if state not in sept.BLOCK:
        call.report_entry(place)
    call.require(state not in tracking.BLOCKED, f"the entry for {place.gpa:#x} is {state} already")
    call.require(state in sept.BLOCK, f"the entry for {place.gpa:#x} is {state}")
    # ---- all checks passed: nothing below can fail ----
    page = behind(call, td, place)
    call.set_entry(td, place, sept.BLOCK[state], page)
    epoch = td.tdcs["TD_EPOCH"]
    call.m.set_page(page, tracking.entry_of(call, page)._replace(bepoch=epoch))
    call.note(e.EpochStamped(lp=call.lp, td=td.actor, hpa=page, bepoch=epoch))


def range_unblock(call: Call) -> None:
    call.cleared("RCX", "RDX")
    td = call.open_tdr("RDX", "sh")
    call.state(td)
    place = sept_operand(call, td, 0, ROOT_LEVEL, tracking.BLOCKED, how="ex")
    page = behind(call, td, place)
    tracking.require_epoch(call, td, place, page)
    # ---- all checks passed: nothing below can fail ----
    call.set_entry(td, place, sept.UNBLOCK[place.state], page)


def track(call: Call) -> None:
    td = call.open_tdr("RCX", "sh")
    call.state(td)
    call.take(Lock("TD_EPOCH", td.tdr_page, exclusive=True), "the TD epoch is locked")
    tdcs = td.tdcs
    epoch = tdcs["TD_EPOCH"]
    waiting = tdcs[f"REFCOUNT{1 - (epoch & 1)}"]
    call.require(not waiting, f"{waiting} vCPUs are still in epoch {epoch - 1}; make them exit")
    # ---- all checks passed: nothing below can fail ----
    tdcs["TD_EPOCH"] = epoch + 1
    call.note(e.EpochAdvanced(lp=call.lp, td=td.actor, before=epoch, after=epoch + 1))


def page_remove(call: Call) -> None:
    call.cleared("RCX", "RDX")
    td = call.open_tdr("RDX", "sh")
    call.state(td)
    place = sept_operand(call, td, 0, 2, REMOVABLE)
    page, span = call.mapped_page(td, place), PAGE_SIZES[place.level]
    call.lock(page, "ex", span)
    tracking.require_tracked(call, td, place, page)
    # ---- all checks passed: nothing below can fail ----
    call.set_entry(td, place, "REMOVED" if td.op_state in IMPORTING else "FREE", 0)
    td.add_children(-(span // PAGE))
    call.free(page)
    call.outputs["RCX"] = page


def sept_remove(call: Call) -> None:
    call.cleared("RCX", "RDX")
    version = call.regs["rax"] >> 16 & 0xFF
    if version:
        call.outputs |= dict.fromkeys(("R9", "R10", "R11"), l2_sept.NULL_PA)
    call.require(version <= 1, f"this leaf has no version {version}")
    td = call.open_tdr("RDX", "sh")
    call.state(td)
    place = sept_operand(call, td, 1, ROOT_LEVEL, ("NL_MAPPED", "NL_BLOCKED"), how="ex")
    page = call.table_page(td, place)
    call.lock(page, "ex")
    tracking.require_tracked(call, td, place, page)
    used = next((n for n in range(ENTRIES) if call.child(td, place, page, n).state != "FREE"), None)
    if used is not None:
        call.report_entry(place)
    beside, busy = l2_sept.lock_tables(call, td, place) if used is None else ([], "")
    why = busy or f"entry {used} of the Secure EPT page {page:#x} is not FREE"
    call.require(used is None and not busy, why, status="TDX_OPERAND_BUSY" if busy else "")
    # ---- all checks passed: nothing below can fail ----
    given_back = l2_sept.remove_all(call, td, beside)
    call.outputs |= given_back if version else {}
    call.set_entry(td, place, "FREE", 0)
    td.add_children(-1)
    call.free(page)
    call.outputs["RCX"] = page


def sept_rd(call: Call) -> None:
    call.cleared("RCX", "RDX")
    td = call.open_tdr("RDX", "sh", mask=L2_ATTRIBUTES)
    call.state(td)
    l2 = call.regs["rdx"] & L2_ATTRIBUTES
    debug = td.tdcs["ATTRIBUTES"] & DEBUG
    call.require(bool(not l2 or debug), "L2 attributes are readable for debug TDs only")
    place = sept_operand(call, td, 0, ROOT_LEVEL, tuple(sept.STATES))
    # ---- all checks passed: nothing below can fail ----
    call.report_entry(place)
    if l2:
        call.outputs["R8"] = 0  # L2 leaves are not modelled: no page has an alias
