"""TDH.MNG.*: create a TD, give it a key, its TDCS pages and its parameters; take the key away."""

import hashlib

from tdxviz.core import events as e
from tdxviz.core.arch import cpuid, sept
from tdxviz.core.arch import state_table as st
from tdxviz.core.arch import structures as s
from tdxviz.core.tdx import td_params
from tdxviz.core.tdx.call import Call
from tdxviz.core.tdx.locks import Lock
from tdxviz.core.tdx.module import KotEntry
from tdxviz.core.tdx.structs import Td
from tdxviz.core.units import is_private

HP_LOCK_TIMEOUT = 1_000_000
"""Default: one second, in microseconds."""


def create(call: Call) -> None:
    m, hkid = call.m, call.regs["rdx"]
    private = is_private(hkid) and hkid <= m.config.highest_private_hkid
    call.require(private, f"RDX = {hkid:#x} is not a private HKID")
    page = call.free_page("RCX")
    call.take(Lock("KOT", exclusive=True), "the Key Ownership Table is locked")
    call.require(m.kot[hkid].state == "HKID_FREE", f"HKID {hkid:#x} is {m.kot[hkid].state}")
    call.require(m.config.entropy, "RDRAND gave no entropy for the TD_UUID")
    # ---- all checks passed: nothing below can fail ----
    m.name_td(page)
    call.clear_page(page, m.global_hkid)
    tdr = Td(call.p, m, page).tdr
    tdr["HKID"] = hkid
    tdr.put("TD_UUID", call.p.drbg.draw(32, "TD_UUID"))
    tdr["LIFECYCLE_STATE"] = st.LIFECYCLE_STATES["TD_HKID_ASSIGNED"]
    m.kot[hkid] = KotEntry("HKID_ASSIGNED")
    call.note(e.KotChanged(lp=call.lp, hkid=hkid, before="HKID_FREE", after="HKID_ASSIGNED"))
    call.give_page(page, "PT_TDR", 0)


def key_config(call: Call) -> None:
    td = call.open_tdr("RCX", "ex")
    package = call.p.lps[call.lp].package
    call.require(not td.tdr["FATAL"], f"{td.actor} is fatal: it will never run again")
    fresh = td.lifecycle == "TD_HKID_ASSIGNED"
    call.require(fresh, f"the lifecycle state of {td.actor} is {td.lifecycle}")
    done = td.tdr["PKG_CONFIG_BITMAP"]
    call.require(not done >> package & 1, f"package {package} has this key already")
    call.require(call.m.config.pconfig_free, "another key operation blocks PCONFIG")
    call.require(call.m.config.entropy, "PCONFIG had no entropy")
    # ---- all checks passed: nothing below can fail ----
    if not done:
        call.p.keys.program(td.hkid, call.p.drbg)
    done |= 1 << package
    td.tdr["PKG_CONFIG_BITMAP"] = done
    call.note(e.KeyConfigured(lp=call.lp, hkid=td.hkid, package=package))
    if done.bit_count() == len({lp.package for lp in call.p.lps}):
        _lifecycle(call, td, "TD_HKID_ASSIGNED", "TD_KEYS_CONFIGURED")


def addcx(call: Call) -> None:
    td = call.open_tdr("RDX", "ex")
    call.require(not td.tdr["FATAL"], f"{td.actor} is fatal: it will never run again")
    keys = td.lifecycle == "TD_KEYS_CONFIGURED"
    call.require(keys, f"the lifecycle state of {td.actor} is {td.lifecycle}")
    count = td.tdr["NUM_TDCX"]
    call.require(count < s.MAX_TDCX, f"{td.actor} has {count} TDCX pages already")
    page = call.free_page("RCX")
    call.require(count != 5 or call.m.config.entropy, "RDRAND gave no entropy")
    early = count < s.MIN_TDCX or td.op_state == "UNINITIALIZED"
    call.require(early, f"{td.actor} is initialised; no page can be added")
    # ---- all checks passed: nothing below can fail ----
    patterns = {s.MSR_BITMAP_INDEX: b"\xff", s.SEPT_ROOT_INDEX: sept.FREE_ENTRY.to_bytes(8, "little")}
    call.clear_page(page, td.hkid, patterns.get(count, b"\x00"))
    td.tdr[f"TDCX_PA{count}"] = page
    td.tdr["NUM_TDCX"] = count + 1
    td.add_children(1)
    call.give_page(page, "PT_TDCX", td.tdr_page)


def init(call: Call) -> None:
    config = call.m.config
    call.cleared("RCX")
    call.require(not config.boot_nt4, "IA32_MISC_ENABLE.BOOT_NT4 limits CPUID")
    td = call.open_tdr("RCX", "ex")
    call.state(td, lock=False)
    address = call.regs["rdx"]
    call.require(call.shared_address(address, 1024, 1024), f"RDX = {address:#x} is no usable TD_PARAMS")
    params = td_params.judge(call, td, call.read_shared(address, 1024))
    # ---- all checks passed: nothing below can fail ----
    tdcs = td.tdcs
    for name, value in params.fields.items():
        tdcs[name] = value
    for name, data in params.identities.items():
        tdcs.put(name, data)
    for name, value in cpuid.initial(tdcs["XFAM"], tdcs["TSC_FREQUENCY"]).items():
        tdcs[name] = value
    tdcs["TSC_MULTIPLIER"], tdcs["TSC_OFFSET"] = cpuid.tsc_virtualisation(
        call.p.lps[call.lp].tsc, tdcs["TSC_FREQUENCY"]
    )
    tdcs["TD_EPOCH"] = 1
    tdcs["HP_LOCK_TIMEOUT"] = HP_LOCK_TIMEOUT
    tdcs["TD_CTLS"] = params.fields["ATTRIBUTES"] >> 28 & 1  # PENDING_VE_DISABLE
    tdcs["OP_STATE"] = st.OP_STATES["INITIALIZED"]
    call.m.mrtd[td.tdr_page] = hashlib.sha384()
    call.note(e.OpStateChanged(lp=call.lp, td=td.actor, before="UNINITIALIZED", after="INITIALIZED"))


def key_reclaimid(call: Call) -> None:
    """Deprecated: does nothing and succeeds."""


def vpflushdone(call: Call) -> None:
    td = call.open_tdr("RCX", "ex")
    call.take(Lock("KOT", exclusive=True), "the Key Ownership Table is locked")
    before = td.lifecycle
    alive = before in ("TD_KEYS_CONFIGURED", "TD_HKID_ASSIGNED")
    call.require(alive, f"the lifecycle state of {td.actor} is {before}")
    initialised = td.tdr["NUM_TDCX"] >= s.MIN_TDCX and td.op_state != "UNINITIALIZED"
    count = td.tdcs["NUM_ASSOC_VCPUS"] if initialised else 0
    call.require(not count, f"{count} vCPUs are still associated with a logical processor")
    # ---- all checks passed: nothing below can fail ----
    packages = {lp.package for lp in call.p.lps}
    _key_state(call, td, KotEntry("HKID_FLUSHED", sum(1 << package for package in packages)))
    _lifecycle(call, td, before, "TD_BLOCKED")


def key_freeid(call: Call) -> None:
    td = call.open_tdr("RCX", "ex")
    before = td.lifecycle
    call.require(before == "TD_BLOCKED", f"the lifecycle state of {td.actor} is {before}")
    call.take(Lock("KOT", exclusive=True), "the Key Ownership Table is locked")
    left = call.m.kot[td.hkid].wbinvd
    packages = [n for n in range(left.bit_length()) if left >> n & 1]
    call.require(not left, f"TDH.PHYMEM.CACHE.WB is missing on packages {packages}")
    # ---- all checks passed: nothing below can fail ----
    _lifecycle(call, td, before, "TD_TEARDOWN")
    _key_state(call, td, KotEntry("HKID_FREE"))


def _key_state(call: Call, td: Td, after: KotEntry) -> None:
    hkid = td.hkid
    before, call.m.kot[hkid] = call.m.kot[hkid].state, after
    call.note(e.KotChanged(lp=call.lp, hkid=hkid, before=before, after=after.state, wbinvd=after.wbinvd))


def _lifecycle(call: Call, td: Td, before: str, after: str) -> None:
    td.tdr["LIFECYCLE_STATE"] = st.LIFECYCLE_STATES[after]
    call.note(e.LifecycleChanged(lp=call.lp, td=td.actor, before=before, after=after))
