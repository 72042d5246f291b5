"""TDG.MR.*: extend a runtime measurement, make a report, verify one made on this platform."""

import hashlib

from tdxviz.core import events as e
from tdxviz.core.arch import status as s
from tdxviz.core.hw import physical, seamops
from tdxviz.core.hw.cpu import CpuState
from tdxviz.core.tdx import guest_memory, report
from tdxviz.core.tdx.call import Call
from tdxviz.core.tdx.locks import Lock
from tdxviz.core.tdx.structs import Td

DIGEST, DATA = 48, 64
RTMRS = 4
LOCKED = "another vCPU is busy with the RTMRs"


def rtmr_extend(call: Call, td: Td, cpu: CpuState, length: int) -> int:
    gpa, index = call.regs["rcx"], call.regs["rdx"]
    call.require(gpa % DATA == 0, f"RCX = {gpa:#x} is not aligned to {DATA} bytes")
    call.require(guest_memory.is_private(gpa), f"{gpa:#x} is no private GPA of this TD")
    value = guest_memory.read(call, gpa, DIGEST)  # before the index is looked at
    call.require(index < RTMRS, f"RDX = {index}: there are RTMR0 to RTMR3")
    call.take(Lock("RTMR", td.tdr_page, exclusive=True), LOCKED)
    # ---- all checks passed: nothing below can fail ----
    name, tdcs = f"RTMR{index}", td.tdcs
    digest = hashlib.sha384(tdcs.raw(name) + value).digest()
    tdcs.put(name, digest)
    call.note(
        e.MeasurementExtended(
            lp=call.lp, td=td.actor, register=name, what="MR.RTMR.EXTEND", gpa=gpa, digest=digest
        )
    )
    return s.SUCCESS


def report_(call: Call, td: Td, cpu: CpuState, length: int) -> int | None:
    out, data, subtype = call.regs["rcx"], call.regs["rdx"], call.regs["r8"]
    call.require(out % 1024 == 0, f"RCX = {out:#x} is not aligned to 1024 bytes")
    call.require(data % DATA == 0, f"RDX = {data:#x} is not aligned to {DATA} bytes")
    call.require(guest_memory.is_valid(data), f"{data:#x} is no GPA of this TD")
    content = guest_memory.read(call, data, DATA)
    call.require(subtype == 0, f"R8 = {subtype}: the only subtype is 0")
    call.take(Lock("RTMR", td.tdr_page), LOCKED)
    call.require(guest_memory.is_valid(out), f"{out:#x} is no GPA of this TD")
    where = guest_memory.place(call, out, "store")
    if call.p.lps[call.lp].pending_interrupt >= 0:
        call.note(e.TdcallInterrupted(lp=call.lp, name=call.leaf.name))
        return None
    # ---- all checks passed: nothing below can fail ----
    physical.write_physical(call.p, *where, report.build(td, content))
    call.note(e.ReportMade(lp=call.lp, td=td.actor, gpa=out, data=content))
    return s.SUCCESS


def verify_report(call: Call, td: Td, cpu: CpuState, length: int) -> int:
    gpa = call.regs["rcx"]
    call.require(call.m.config.local_attestation, "SEAMOPS of this processor cannot verify reports")
    call.require(gpa % 256 == 0, f"RCX = {gpa:#x} is not aligned to 256 bytes")
    call.require(guest_memory.is_private(gpa), f"{gpa:#x} is no private GPA of this TD")
    structure = guest_memory.read(call, gpa, 256)
    current = structure[16:32] == seamops.CPUSVN
    call.require(current, "CPUSVN is not the one of this processor")
    genuine = seamops.verify(call.p.report_key, structure)
    call.require(genuine, "the MAC does not belong to these bytes: this platform did not seal them")
    # ---- all checks passed: nothing below can fail ----
    return s.SUCCESS
