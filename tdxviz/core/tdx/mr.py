"""TDH.MR.*: measure a page's content, and finish the build."""

from tdxviz.core import events as e
from tdxviz.core.arch import sept
from tdxviz.core.arch import state_table as st
from tdxviz.core.hw import physical
from tdxviz.core.tdx import measurement
from tdxviz.core.tdx.call import Call
from tdxviz.core.tdx.mem import SHARED_BIT

CHUNK = 256


def extend(call: Call) -> None:
    call.cleared("RCX", "RDX")
    td = call.open_tdr("RDX", "ex")
    call.state(td, lock=False)
    gpa = call.regs["rcx"]
    call.require(gpa % CHUNK == 0, f"RCX = {gpa:#x} is not 256-byte aligned")
    call.require(gpa >> SHARED_BIT == 0, f"{gpa:#x} is no private GPA of this TD")
    place, reached = call.entry_at(td, gpa & ~0xFFF, 0)
    present = reached and sept.PERMS.get(place.state, "---") != "---"
    if not present:
        call.report_entry(place)
    call.require(present, f"nothing is mapped at {gpa:#x}")
    if place.state != "MAPPED":
        call.report_entry(place)
    call.require(place.state == "MAPPED", f"the entry is {place.state}")
    # ---- all checks passed: nothing below can fail ----
    page = call.mapped_page(td, place)
    content = physical.read_physical(call.p, page + gpa % 4096, td.hkid, CHUNK)
    measurement.content_extended(call, td, gpa, content)


def finalize(call: Call) -> None:
    td = call.open_tdr("RCX", "ex")
    call.state(td, lock=False)
    call.require(td.tdcs["NUM_VCPUS"] > 0, "no vCPU was initialised")
    # ---- all checks passed: nothing below can fail ----
    measurement.finalise(call, td)
    td.tdcs["OP_STATE"] = st.OP_STATES["RUNNABLE"]
    call.note(e.OpStateChanged(lp=call.lp, td=td.actor, before="INITIALIZED", after="RUNNABLE"))
