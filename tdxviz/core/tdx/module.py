"""The TDX module's own state: what it keeps in the SEAM range and in the PAMT.

Control structures of TDs (TDR, TDCS, TDVPS, Secure EPT) are not here: they lie in encrypted pages
of simulated DRAM. What PAMT entries say is kept as a sparse table (the lines where they lie: ``pamt``), and the
running MRTD hash beside the TDCS instead of inside; both are simplifications (decision record 0003).
"""

import hashlib
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tdxviz.core.tdx.locks import Inside, Lock
from tdxviz.core.units import GIB, MAX_KEYID, MAX_SHARED_KEYID, MIB, PAGE, Hkid, Hpa

SPANS = (PAGE, 2 * MIB, GIB)
"""Bytes of a page by its PAMT size."""


class PamtEntry(NamedTuple):
    kind: str
    """PT_NDA, PT_RSVD, PT_REG, PT_TDR, PT_TDCX, PT_TDVPR or PT_EPT."""
    owner: Hpa = 0
    size: int = 0
    """0 = 4 KiB, 1 = 2 MiB, 2 = 1 GiB."""
    bepoch: int = 0
    """TD_EPOCH when the mapping was blocked; PT_REG and PT_EPT only."""


FREE, RESERVED = PamtEntry("PT_NDA"), PamtEntry("PT_RSVD")
"""What the PAMT says of pages that nobody was ever given."""


class KotEntry(NamedTuple):
    state: str = "HKID_FREE"
    wbinvd: int = 0
    """One bit per package whose caches still have to be written back."""


class CacheWriteBack(NamedTuple):
    """An interrupted TDH.PHYMEM.CACHE.WB of one package."""

    block: int
    """The next cache sub-block."""
    hkids: frozenset[Hkid]
    """HKIDs that were HKID_FLUSHED when it began."""


class Tdmr(NamedTuple):
    base: Hpa
    size: int
    reserved: tuple[tuple[Hpa, int], ...]
    """(first byte, size), absolute."""
    pamts: tuple[tuple[Hpa, int], ...]
    """The 1G, 2M and 4K arrays."""
    done: Hpa
    """PAMT entries are initialised below this address."""


class PlatformConfig(NamedTuple):
    """MSRs and CPUID facts of the modelled platform that leaves check."""

    boot_nt4: bool = False
    tsc_adjust: int = 0
    """IA32_TSC_ADJUST as TDH.SYS.INIT has seen it."""
    feature_msrs_ok: bool = True
    cpuid_ok: bool = True
    highest_private_hkid: int = MAX_KEYID
    cmrs: tuple[tuple[Hpa, int], ...] = ((0, 0x1000_0000),)
    smrr_ok: bool = True
    seam_capabilities_ok: bool = True
    entropy: bool = True
    monitor_ok: bool = True
    pconfig_free: bool = True
    local_attestation: bool = True
    """SEAMOPS can verify reports."""


class Current(NamedTuple):
    """The vCPU that a logical processor runs. Its VMCS is current there, so the processor holds
    this; nothing of it is read from memory until the TD exit."""

    tdr: Hpa
    tdvpr: Hpa
    actor: str
    vcpu: int
    hkid: Hkid
    sept_root: Hpa
    shared_ept: Hpa
    epoch: int
    notify_vector: int = 0xFFFF
    """Physical vector that tells of posted interrupts."""
    descriptor: int = 0
    """Host-physical address of the posted-interrupt descriptor, with its KeyID."""
    posting: bool = False
    barred_cr4: int = 0
    """CR4 bits of features that the TD does not have."""
    perfmon: bool = False
    """ATTRIBUTES.PERFMON: the TD owns the performance counters while it runs."""
    xfam: int = 3
    losing: bool = False
    """The vCPU's last TDCALL lost a lock to the host's priority (TDVPS.HP_LOCK_BUSY)."""


class Stepping(NamedTuple):
    """What the stepping filter knows of the vCPU that a logical processor runs."""

    rip: int
    """At TDH.VP.ENTER."""
    tsc: int
    left: int = 0
    """Further instructions to run before an interruption may leave the TD."""
    done: bool = False
    """The filter has acted since entry."""


@dataclass(slots=True)
class Module:
    sys_state: str = "SYSINIT_PENDING"
    config: PlatformConfig = field(default_factory=PlatformConfig)
    lps_initialised: frozenset[int] = frozenset()
    tdmrs: tuple[Tdmr, ...] = ()
    global_hkid: Hkid = 0
    key_packages: frozenset[int] = frozenset()
    kot: dict[Hkid, KotEntry] = field(
        default_factory=lambda: {n: KotEntry() for n in range(MAX_SHARED_KEYID + 1, MAX_KEYID + 1)}
    )
    pamt: dict[Hpa, PamtEntry] = field(default_factory=dict)
    """Only entries that are not PT_NDA. A 2 MiB or 1 GiB page has one entry, at its base."""
    vcpus: dict[Hpa, Hpa] = field(default_factory=dict)
    """TDVPR page -> TDR page: an index of ``pamt``, for those who look."""
    derived: dict[object, Any] = field(default_factory=dict)
    """What lookers worked out from ``pamt``; another dict as soon as that changes. No state; shared by copies."""
    actors: dict[Hpa, str] = field(default_factory=dict)
    """TDR page -> ``td-a``, ``td-b``, ... in order of TDH.MNG.CREATE."""
    created: int = 0
    """TDs created so far; no two of them share a name, also where pages are used again."""
    running: dict[Hpa, int] = field(default_factory=dict)
    """PAMT locks held shared from TDH.VP.ENTER to TD exit: page -> count."""
    mrtd: dict[Hpa, "hashlib._Hash"] = field(default_factory=dict)
    """TDR page -> SHA-384 under construction."""
    current: dict[int, Current] = field(default_factory=dict)
    """Logical processor -> the vCPU that it runs."""
    write_backs: dict[int, CacheWriteBack] = field(default_factory=dict)
    """Package -> its interrupted TDH.PHYMEM.CACHE.WB."""
    inside: dict[int, Inside] = field(default_factory=dict)
    """Logical processor -> the call that it is still in, with the locks that it holds."""
    stepping: dict[int, Stepping] = field(default_factory=dict)
    """Logical processor -> the stepping filter's memory."""
    dead: bool = False
    """SEAM was shut down by a machine check in the module: every SEAMCALL fails from now on."""

    def page(self, hpa: Hpa) -> PamtEntry | None:
        """PAMT entry of a 4 KiB page; None outside the initialised 1 GiB blocks of all TDMRs."""
        found = self.pamt.get(hpa)
        if found is not None:
            return found
        for tdmr in self.tdmrs:
            if tdmr.base <= hpa < tdmr.base + tdmr.size and hpa // GIB * GIB + GIB <= tdmr.done:
                return self._around(hpa) or self._default(tdmr, hpa)
        return None

    def _around(self, hpa: Hpa) -> PamtEntry | None:
        """The walk from above: the 1 GiB or 2 MiB page that the address lies in."""
        entry = self.pamt.get(hpa & -GIB)
        if entry is not None and entry.size == 2:
            return entry
        entry = self.pamt.get(hpa & -2 * MIB)
        return entry if entry is not None and entry.size == 1 else None

    def is_free(self, hpa: Hpa, size: int) -> bool:
        """Whether the page of that size is PT_NDA at every level: nothing around it, nothing in it."""
        here = self.page(hpa)
        if here is None or here.kind != "PT_NDA":
            return False
        if size == 0:
            return True
        end = hpa + SPANS[size]
        inside = any(at in self.pamt for at in range(hpa, end, PAGE))
        reserved = any(low < end and hpa < low + n for tdmr in self.tdmrs for low, n in tdmr.reserved)
        return not inside and not reserved and self.page(end - PAGE) is not None

    def name_td(self, tdr: Hpa) -> None:
        """A new TD gets the next letter; its TDR page may be one that a TD had before."""
        self.actors.pop(tdr, None)
        self.actors[tdr] = f"td-{chr(ord('a') + self.created % 26)}"
        self.created += 1

    def locks_of_others(self, lp: int) -> list[Lock]:
        """What running vCPUs and calls on other logical processors hold."""
        locks = [Lock("PAMT", page, PAGE) for page in self.running]
        for other, call in self.inside.items():
            locks += call.locks if other != lp else ()
        return locks

    @staticmethod
    def _default(tdmr: Tdmr, hpa: Hpa) -> PamtEntry:
        for low, size in tdmr.reserved:
            if low <= hpa < low + size:
                return RESERVED
        return FREE

    def pamt_areas(self) -> tuple[tuple[Hpa, Hpa], ...]:
        """(low, high) of every PAMT array."""
        return tuple((low, low + size) for tdmr in self.tdmrs for low, size in tdmr.pamts)

    def set_page(self, hpa: Hpa, entry: PamtEntry) -> None:
        assert hpa % PAGE == 0
        self.derived = {}
        if entry.kind == "PT_TDVPR":
            self.vcpus[hpa] = entry.owner
        elif hpa in self.vcpus:
            del self.vcpus[hpa]
        if entry.kind == "PT_NDA":
            self.pamt.pop(hpa, None)
        else:
            self.pamt[hpa] = entry

    def copy(self) -> "Module":
        return Module(
            self.sys_state, self.config, self.lps_initialised, self.tdmrs, self.global_hkid,
            self.key_packages, self.kot.copy(), self.pamt.copy(), self.vcpus.copy(), self.derived, self.actors.copy(),
            self.created, self.running.copy(), {tdr: h.copy() for tdr, h in self.mrtd.items()},
            self.current.copy(), self.write_backs.copy(), self.inside.copy(),
            self.stepping.copy(), self.dead,
        )  # fmt: skip

    def digest(self, h: "hashlib._Hash") -> None:
        state = (
            self.sys_state, self.config, sorted(self.lps_initialised), self.tdmrs,
            self.global_hkid, sorted(self.key_packages), sorted(self.kot.items()),
            sorted(self.pamt.items()), sorted(self.actors.items()), self.created,
            sorted(self.running.items()),
            [(tdr, m.hexdigest()) for tdr, m in sorted(self.mrtd.items())],
            sorted(self.current.items()),
            [(n, w.block, sorted(w.hkids)) for n, w in sorted(self.write_backs.items())],
            sorted(self.inside.items()), sorted(self.stepping.items()), self.dead,
        )  # fmt: skip
        h.update(repr(state).encode())
