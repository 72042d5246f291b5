"""TDH.VP.CREATE, ADDCX and INIT: make a vCPU. TDH.VP.ENTER is in ``entry``."""

from tdxviz.core import events as e
from tdxviz.core.arch import cpuid
from tdxviz.core.arch import registers as r
from tdxviz.core.arch import state_table as st
from tdxviz.core.arch import structures as s
from tdxviz.core.hw.cpu import CpuState
from tdxviz.core.tdx import vcpu_state
from tdxviz.core.tdx.call import Call
from tdxviz.core.tdx.structs import Vcpu
from tdxviz.core.units import U64

GPA_WIDTH = 48
NO_VECTOR = 0xFFFF
"""No posted-interrupt notification vector was set yet. Source: module source td_vmcs_init.c."""


def create(call: Call) -> None:
    td = call.open_tdr("RDX", "sh")
    call.state(td)
    page = call.free_page("RCX")
    # ---- all checks passed: nothing below can fail ----
    call.clear_page(page, td.hkid)
    vcpu = Vcpu(td, page)
    vcpu.vps["NUM_TDVPS"] = 1
    vcpu.vps["TDVPS_PA0"] = page
    td.add_children(1)
    call.give_page(page, "PT_TDVPR", td.tdr_page)


def addcx(call: Call) -> None:
    vcpu = call.open_vcpu("RDX", "ex")
    td = vcpu.td
    call.state(td)
    call.require(vcpu.state == "UNINITIALIZED", f"the vCPU is {vcpu.state}")
    call.require(vcpu.count < s.MAX_TDVPS, f"the vCPU has {vcpu.count} TDVPS pages already")
    page = call.free_page("RCX")
    # ---- all checks passed: nothing below can fail ----
    call.clear_page(page, td.hkid)
    vcpu.vps[f"TDVPS_PA{vcpu.count}"] = page
    vcpu.vps["NUM_TDVPS"] = vcpu.count + 1
    td.add_children(1)
    call.give_page(page, "PT_TDCX", td.tdr_page)


def init(call: Call) -> None:
    vcpu = call.open_vcpu("RCX", "ex")
    td = vcpu.td
    call.state(td)
    tdcs = td.tdcs
    needed = s.MIN_TDVPS + 3 * tdcs["NUM_L2_VMS"]
    call.require(vcpu.count == needed, f"{vcpu.count} TDVPS pages, {needed} are needed")
    call.require(vcpu.state == "UNINITIALIZED", f"the vCPU is {vcpu.state}")
    index = tdcs["NUM_VCPUS"]
    call.require(index < tdcs["MAX_VCPUS"], f"the TD was made for {tdcs['MAX_VCPUS']} vCPUs")
    adjusted = call.tsc_adjusted()
    if not adjusted:
        tdcs["NUM_VCPUS"] = index + 1  # the module has counted already when this check fails
    call.require(adjusted, "IA32_TSC_ADJUST differs from SYS.INIT")
    # ---- all checks passed: nothing below can fail ----
    tdcs["NUM_VCPUS"] = index + 1
    tdcs["NUM_ASSOC_VCPUS"] += 1
    vcpu.vps["VCPU_INDEX"] = index
    vcpu.vps["LAST_TD_EXIT"] = st.LAST_TD_EXIT["ASYNC_FAULT"]
    vcpu.lp = call.lp
    vcpu.vps["POSTED_INTERRUPT_NOTIFICATION_VECTOR"] = NO_VECTOR
    vcpu.vps["POSTED_INTERRUPT_DESCRIPTOR_ADDRESS"] = U64
    vcpu_state.save(vcpu, initial(call.regs["rdx"], index))
    vcpu.state = "READY"
    call.note(e.VcpuStateChanged(lp=call.lp, td=td.actor, vcpu=index, before="UNINITIALIZED", after="READY"))


def initial(operand: int, index: int) -> CpuState:
    """Flat 32-bit protected mode at the reset vector. Source: tdx-architecture 10.3."""
    cpu = CpuState()
    cpu.gprs[r.RBX], cpu.gprs[r.RCX], cpu.gprs[r.R8] = GPA_WIDTH, operand, operand
    cpu.gprs[r.RDX], cpu.gprs[r.RSI] = cpuid.SIGNATURE, index
    return cpu
