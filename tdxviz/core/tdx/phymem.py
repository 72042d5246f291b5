"""TDH.PHYMEM.*: physical pages whoever they belong to: what they are, giving them back, caches.

Source: tdx-architecture 1.5, 1.6, 2, 4.
"""

from tdxviz.core import events as e
from tdxviz.core.arch import state_table as st
from tdxviz.core.hw import physical
from tdxviz.core.hw.cache import SUB_BLOCKS
from tdxviz.core.tdx.call import Call
from tdxviz.core.tdx.locks import Lock
from tdxviz.core.tdx.module import SPANS, CacheWriteBack, PamtEntry
from tdxviz.core.tdx.structs import Td
from tdxviz.core.units import LINE, PAGE, Hpa, split_keyid

OUTPUTS = ("RCX", "RDX", "R8", "R9", "R10", "R11")
WITH_BEPOCH = ("PT_REG", "PT_EPT")
START, RESUME = 0, 1


def _page(call: Call, how: str) -> tuple[Hpa, PamtEntry]:
    """Address, block, lock: the page around RCX."""
    page = call.regs["rcx"]
    entry = call.page_address("RCX", page)
    call.lock(page & -SPANS[entry.size], how, SPANS[entry.size])
    return page, entry


def _tell(call: Call, entry: PamtEntry) -> None:
    outputs = call.outputs
    outputs["RCX"], outputs["RDX"], outputs["R8"] = st.PAGE_TYPES[entry.kind], entry.owner, entry.size


def page_rdmd(call: Call) -> None:
    call.cleared(*OUTPUTS)
    _, entry = _page(call, "sh")
    # ---- all checks passed: nothing below can fail ----
    _tell(call, entry)
    if entry.kind in WITH_BEPOCH:
        call.outputs["R9"] = entry.bepoch


def page_reclaim(call: Call) -> None:
    call.cleared(*OUTPUTS)
    page, entry = _page(call, "ex")
    used = entry.kind not in ("PT_NDA", "PT_RSVD")
    call.require(used, lambda: f"{page:#x} is {entry.kind}: nobody owns it")
    _tell(call, entry)
    call.require(page % SPANS[entry.size] == 0, lambda: f"{page:#x} lies in the middle of a larger page")
    root = entry.kind == "PT_TDR"
    owner = page if root else entry.owner
    if root:
        call.passed += 1  # this page is the TDR, and it is locked
    else:
        call.lock(owner, "sh")
    td = Td(call.p, call.m, owner)
    lifecycle = td.lifecycle
    torn = lifecycle == "TD_TEARDOWN"
    call.require(torn, lambda: f"the lifecycle state of {td.actor} is {lifecycle}")
    left = td.tdr["CHLDCNT"] if root else 0
    call.require(not left, lambda: f"{td.actor} still owns {left} pages")
    # ---- all checks passed: nothing below can fail ----
    if root:
        call.m.mrtd.pop(page, None)
    else:
        td.add_children(-(SPANS[entry.size] // PAGE))
    call.free(page)


def page_wbinvd(call: Call) -> None:
    page, hkid = split_keyid(call.regs["rcx"])
    rest = call.regs["rcx"] >> 52 << 52
    call.typed_page_at("RCX", page | rest, "sh", "PT_NDA")
    # ---- all checks passed: nothing below can fail ----
    for line in range(page, page + PAGE, LINE):
        physical.evict(call.p, line, hkid, "TDH.PHYMEM.PAGE.WBINVD")


def cache_wb(call: Call) -> None:
    m, command, package = call.m, call.regs["rcx"], call.p.lps[call.lp].package
    call.require(command <= RESUME, f"RCX = {command:#x}: 0 starts, 1 resumes")
    busy = Lock("WBCACHE", package, exclusive=True)
    call.take(busy, f"another processor of package {package} writes its caches back")
    call.take(Lock("KOT"), "the Key Ownership Table is locked")
    flushed = frozenset(n for n, entry in m.kot.items() if entry.state == "HKID_FLUSHED")
    if command == START:
        m.write_backs.pop(package, None)  # what was interrupted is forgotten, whatever comes now
    call.require(command != START or bool(flushed), "no HKID is HKID_FLUSHED")
    begun = m.write_backs.get(package)
    call.require(command != RESUME or begun is not None, f"nothing of package {package} was interrupted")
    at = begun or CacheWriteBack(0, flushed)
    block = at.block
    while True:
        physical.write_back_block(call.p, package, block)
        block += 1
        done, called = block == SUB_BLOCKS, call.p.lps[call.lp].pending_interrupt >= 0
        if not done and called:
            m.write_backs[package] = at._replace(block=block)
        if done or called:
            break
    call.require(done, "a host interrupt is pending; resume with RCX = 1")
    # ---- all checks passed: nothing below can fail ----
    m.write_backs.pop(package, None)
    for hkid in sorted(at.hkids):
        entry = m.kot[hkid]
        m.kot[hkid] = entry._replace(wbinvd=entry.wbinvd & ~(1 << package))
        call.note(
            e.KotChanged(
                lp=call.lp, hkid=hkid, before=entry.state, after=entry.state, wbinvd=m.kot[hkid].wbinvd
            )
        )  # fmt: skip
