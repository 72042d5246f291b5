"""TDH.SYS.*: bring up the module. One function a leaf; checks first, effects last."""

import struct

from tdxviz.core import events as e
from tdxviz.core.arch import msr_policy
from tdxviz.core.arch import structures as lay
from tdxviz.core.tdx import pamt, td_params
from tdxviz.core.tdx.call import Call
from tdxviz.core.tdx.locks import Lock
from tdxviz.core.tdx.module import KotEntry, Tdmr
from tdxviz.core.tdx.tdmr import parse_tdmr
from tdxviz.core.units import GIB, MAXPA, MIB, PAGE, is_private

TDMR_INFO_SIZE = 512
SYSINFO_SIZE, MOST_CMRS = 1024, 32
VENDOR_ID, VERSION = 0x8086, (1, 5)
SYS_RD_AVAILABLE, TSC_ADJUST = 1, 0x3B
HANDOFF_VERSION = 0
CHUNK = 4 * MIB
"""TDMR.INIT initialises the PAMT of this much memory a call."""


def _system(call: Call, state: str) -> None:
    before, call.m.sys_state = call.m.sys_state, state
    call.note(e.SystemStateChanged(lp=call.lp, before=before, after=state))


def _global_lock(call: Call, *, exclusive: bool = True) -> None:
    call.take(Lock("SYS", exclusive=exclusive), "another logical processor holds the global lock")


def init(call: Call) -> None:
    m, config = call.m, call.m.config
    call.cleared("RCX", "RDX", "R8", "R9", "R10")
    _global_lock(call)
    call.require(call.regs["rcx"] == 0, "RCX has reserved bits set")
    call.require(m.sys_state == "SYSINIT_PENDING", f"the module is {m.sys_state}")
    unfit = msr_policy.capability_objection(call.p.arch_capabilities)
    call.detail = msr_policy.ARCH_CAPABILITIES_MSR if unfit else 0
    unfit = unfit or ("" if config.feature_msrs_ok else "a feature MSR has a value that TDX does not accept")
    call.require(not unfit, unfit)
    limited = config.cpuid_ok and config.boot_nt4
    call.require(
        config.cpuid_ok and not config.boot_nt4, "CPUID is not what TDX needs",
        status="TDX_LIMIT_CPUID_MAXVAL_SET" if limited else "TDX_INCORRECT_CPUID_VALUE",
    )  # fmt: skip
    call.require(config.highest_private_hkid < 2048, "too many KeyIDs are activated")
    call.require(bool(config.cmrs), "firmware reported no convertible memory")
    call.require(config.smrr_ok, "SMRR is not locked", status="TDX_SMRR_NOT_LOCKED")
    call.require(config.seam_capabilities_ok, "SEAMOPS lacks a capability")
    call.require(config.entropy, "RDRAND gave no entropy")
    # ---- all checks passed: nothing below can fail ----
    m.config = config._replace(tsc_adjust=call.p.lps[call.lp].tsc_adjust)
    _system(call, "SYSINIT_DONE")


def lp_init(call: Call) -> None:
    m, config = call.m, call.m.config
    call.cleared("RCX", "RDX", "R8")
    _global_lock(call, exclusive=False)
    call.require(m.sys_state == "SYSINIT_DONE", f"the module is {m.sys_state}")
    call.require(call.lp not in m.lps_initialised, f"logical processor {call.lp} is initialised")
    call.require(config.entropy, "RDRAND gave no entropy")
    call.require(config.seam_capabilities_ok, "SEAM capabilities differ from those at SYS.INIT")
    call.detail = 0 if call.tsc_adjusted() else TSC_ADJUST
    same = config.feature_msrs_ok and not call.detail
    call.require(same, "an MSR differs from SYS.INIT", status="TDX_INCONSISTENT_MSR")
    # ---- all checks passed: nothing below can fail ----
    count = call.p.lps[call.lp].tlb.flush()
    call.note(e.TlbFlushed(lp=call.lp, vpid=-1, count=count, reason="global INVEPT at SYS.LP.INIT"))
    m.lps_initialised |= {call.lp}


def config(call: Call) -> None:
    m, regs = call.m, call.regs
    _global_lock(call)
    call.require(m.sys_state == "SYSINIT_DONE", f"the module is {m.sys_state}")
    missing = [lp.id for lp in call.p.lps if lp.id not in m.lps_initialised]
    call.require(not missing, f"SYS.LP.INIT is missing on logical processors {missing}")
    call.require(call.shared_address(regs["rcx"], 512, 512), "RCX is no usable shared buffer")
    call.require(1 <= regs["rdx"] <= 64, f"RDX = {regs['rdx']}: between 1 and 64 TDMRs")
    hkid = regs["r8"]
    private = hkid <= m.config.highest_private_hkid and is_private(hkid)
    call.require(private, f"R8 = {hkid:#x} is not a private HKID")
    if m.kot[hkid].state != "HKID_RESERVED":  # reserved before the list is checked, and kept
        call.note(e.KotChanged(lp=call.lp, hkid=hkid, before=m.kot[hkid].state, after="HKID_RESERVED"))
        m.kot[hkid] = KotEntry("HKID_RESERVED")
    tdmrs: list[Tdmr] = []
    pointers = call.read_shared(regs["rcx"], 8 * regs["rdx"])
    first = call.passed
    for number in range(regs["rdx"]):
        call.passed, call.detail = first, number
        pointer = int.from_bytes(pointers[number * 8 : number * 8 + 8], "little")
        tdmrs.append(parse_tdmr(call, pointer, tdmrs))
    # ---- all checks passed: nothing below can fail ----
    m.tdmrs, m.global_hkid = tuple(tdmrs), hkid
    _system(call, "SYSCONFIG_DONE")


def key_config(call: Call) -> None:
    m = call.m
    package = call.p.lps[call.lp].package
    _global_lock(call)
    call.require(m.sys_state == "SYSCONFIG_DONE", f"the module is {m.sys_state}")
    call.require(package not in m.key_packages, f"package {package} has the key already")
    call.require(m.config.pconfig_free, "another key operation blocks PCONFIG")
    call.require(m.config.entropy, "PCONFIG had no entropy")
    # ---- all checks passed: nothing below can fail ----
    if not m.key_packages:
        call.p.keys.program(m.global_hkid, call.p.drbg)
    m.key_packages |= {package}
    call.note(e.KeyConfigured(lp=call.lp, hkid=m.global_hkid, package=package))
    if len(m.key_packages) == len({lp.package for lp in call.p.lps}):
        _system(call, "SYS_READY")


def info(call: Call) -> None:
    """Legacy enumeration: TDSYSINFO_STRUCT and the list of CMRs."""
    call.outputs |= {"RDX": 0, "R9": 0}
    regs, config = call.regs, call.m.config
    call.require(call.lp in call.m.lps_initialised, f"TDH.SYS.LP.INIT is missing on LP {call.lp}")
    usable = call.shared_address(regs["rcx"], SYSINFO_SIZE, SYSINFO_SIZE)
    call.require(usable, f"RCX = {regs['rcx']:#x} is no usable shared buffer")
    call.require(regs["rdx"] >= SYSINFO_SIZE, f"RDX = {regs['rdx']}: the structure has {SYSINFO_SIZE} bytes")
    usable = call.shared_address(regs["r8"], 512, MOST_CMRS * 16)
    call.require(usable, f"R8 = {regs['r8']:#x} is no usable shared buffer")
    call.require(regs["r9"] >= MOST_CMRS, f"R9 = {regs['r9']}: there may be {MOST_CMRS} CMRs")
    # ---- all checks passed: nothing below can fail ----
    call.write_shared(regs["rcx"], _sysinfo())
    cmrs = b"".join(struct.pack("<QQ", base, size) for base, size in config.cmrs)
    call.write_shared(regs["r8"], cmrs.ljust(MOST_CMRS * 16, b"\x00"))
    call.outputs |= {"RDX": SYSINFO_SIZE, "R9": MOST_CMRS}


def _sysinfo() -> bytes:
    """Offsets of TDSYSINFO_STRUCT; what the model does not know (build date, number) is zero."""
    raw = bytearray(SYSINFO_SIZE)
    struct.pack_into("<IIIHHHB", raw, 0, 0, VENDOR_ID, 0, 0, *VERSION[::-1], SYS_RD_AVAILABLE)
    struct.pack_into("<HHH", raw, 32, 64, 16, 16)  # TDMRs, reserved areas, bytes of a PAMT entry
    struct.pack_into("<HHH", raw, 48, lay.MIN_TDCX * PAGE, 0, lay.MIN_TDVPS * PAGE)
    struct.pack_into(
        "<QQQQ", raw, 64, td_params.ATTRIBUTES_FIXED0, 0, td_params.XFAM_FIXED0, td_params.XFAM_FIXED1
    )
    return bytes(raw)


def shutdown(call: Call) -> None:
    version = call.regs["rcx"]
    call.require(
        version == HANDOFF_VERSION, f"RCX = {version}: only handoff version {HANDOFF_VERSION} is known"
    )
    _global_lock(call)
    busy = sorted((call.m.current.keys() | call.m.inside.keys()) - {call.lp})
    call.require(not busy, f"the module is in use on logical processors {busy}: a TD runs or a call goes on")
    # ---- all checks passed: nothing below can fail ----
    _system(call, "SYS_SHUTDOWN")


def lp_shutdown(call: Call) -> None:
    """Legacy: does nothing and succeeds, also after TDH.SYS.SHUTDOWN."""


def tdmr_init(call: Call) -> None:
    m, base = call.m, call.regs["rcx"]
    call.cleared("RDX")
    call.require(base % GIB == 0 and base >> MAXPA == 0, f"RCX = {base:#x} is no 1 GiB aligned address")
    number = next((n for n, tdmr in enumerate(m.tdmrs) if tdmr.base == base), None)
    call.require(number is not None, f"no TDMR starts at {base:#x}")
    assert number is not None
    tdmr = m.tdmrs[number]
    call.take(Lock("TDMR", base, exclusive=True), f"the TDMR at {base:#x} is locked")
    call.require(tdmr.done < tdmr.base + tdmr.size, "the TDMR is fully initialised")
    # ---- all checks passed: nothing below can fail ----
    done = tdmr.done + CHUNK
    pamt.initialise(call.p, tdmr, done, m.global_hkid)
    m.tdmrs = (*m.tdmrs[:number], tdmr._replace(done=done), *m.tdmrs[number + 1 :])
    call.outputs["RDX"] = done // GIB * GIB
