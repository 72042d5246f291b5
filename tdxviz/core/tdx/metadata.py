"""Reading and writing metadata fields by id: where an element lies, what it may become.

The table is ``arch.metadata``; the leaves are in ``rdwr`` (host) and ``guest_rdwr`` (guest).
"""

from collections.abc import Callable
from dataclasses import dataclass

from tdxviz.core.arch import metadata as md
from tdxviz.core.hw import physical
from tdxviz.core.hw.platform import Platform
from tdxviz.core.tdx import td_params
from tdxviz.core.tdx.module import Module
from tdxviz.core.tdx.structs import Fields, Td, Vcpu
from tdxviz.core.units import KEYID_SHIFT, PAGE, is_private, split_keyid, with_keyid

MOST_CMRS = 32
XBUFF_PAGE = 3
POSTED_INTERRUPTS = 0x80
FLEXIBLE_PENDING_VE = 2


@dataclass(frozen=True, slots=True)
class Store:
    """Whose fields: of the module alone, of a TD, or of one of its vCPUs."""

    p: Platform
    m: Module
    td: Td | None = None
    vcpu: Vcpu | None = None

    @property
    def host_access(self) -> str:
        """Which masks count for the host."""
        assert self.td is not None
        return "debug" if self.td.tdcs["ATTRIBUTES"] & td_params.DEBUG else "host"

    def structure(self, name: str) -> Fields:
        assert self.td is not None
        if name == "TDR":
            return self.td.tdr
        if name == "TDCS":
            return self.td.tdcs
        assert self.vcpu is not None
        return self.vcpu.vps


def read(store: Store, row: md.Field, index: int) -> int:
    """One element, whole. Raises MachineCheck or Inconsistent like every look into the structures."""
    if row.where.startswith("="):
        return _computed(store, row.where[2:], index) & (1 << row.bits) - 1
    structure, _, name = row.where.partition(".")
    field, element = divmod(index, row.elements)
    raw = store.structure(structure).raw(name.format(n=field))
    if row.elements > 1:
        raw = raw[8 * element : 8 * element + 8]
    return int.from_bytes(raw, "little") & (1 << row.bits) - 1


def write(store: Store, row: md.Field, index: int, value: int) -> None:
    """``value`` is whole and legal. No field of several elements can be written."""
    structure, _, name = row.where.partition(".")
    store.structure(structure)[name.format(n=index)] = value


def _computed(store: Store, what: str, index: int) -> int:
    if what in COMPUTED:
        return COMPUTED[what](store, index)
    return int(what, 0)


def _details(store: Store, index: int) -> int:
    """Bit 0, VMXIP: a virtual interrupt waits that the vCPU's priority lets through."""
    vps = store.structure("TDVPS")

    def highest(name: str) -> int:
        return max(
            (32 * n + vps[f"{name}{n}"].bit_length() for n in range(8) if vps[f"{name}{n}"]), default=0
        )

    requested, served = highest("IRR") - 1, highest("ISR") - 1
    priority = max(vps["TPR"] >> 4, max(served, 0) >> 4)
    return int(requested >= 0 and requested >> 4 > priority)


def _xbuff(store: Store, index: int) -> int:
    assert store.vcpu is not None
    vps = store.vcpu.vps
    page, offset = divmod(index * 8, PAGE)
    raw = physical.read_physical(store.p, vps.page(XBUFF_PAGE + page) + offset, vps.hkid, 8)
    return int.from_bytes(raw, "little")


def _eptp(store: Store, index: int) -> int:
    assert store.td is not None
    return store.td.sept_root | store.td.tdcs["EPTP"]


def _with_hkid(store: Store, page: int) -> int:
    """How the module keeps the pages of its structures: with the TD's HKID. 0 where there is none."""
    assert store.td is not None
    return with_keyid(page, store.td.hkid) if page else 0


def _tdcx(store: Store, index: int) -> int:
    assert store.td is not None
    return _with_hkid(store, store.td.tdr[f"TDCX_PA{index}"])


def _tdvps(store: Store, index: int) -> int:
    assert store.vcpu is not None
    page = store.vcpu.vps[f"TDVPS_PA{index}"] if index else store.vcpu.tdvpr
    return _with_hkid(store, page)


def _vpid(store: Store, index: int) -> int:
    assert store.td is not None
    return store.td.hkid << 2


def _cmr(store: Store, index: int, part: int) -> int:
    cmrs = store.m.config.cmrs
    return cmrs[index][part] if index < len(cmrs) else 0


COMPUTED: dict[str, Callable[[Store, int], int]] = {
    "details": _details,
    "xbuff": _xbuff,
    "eptp": _eptp,
    "tdcx": _tdcx,
    "tdvps": _tdvps,
    "vpid": _vpid,
    "lpid": lambda store, index: store.vcpu.lp if store.vcpu else -1,
    "packages": lambda store, index: len({lp.package for lp in store.p.lps}),
    "cmrs": lambda store, index: len(store.m.config.cmrs),
    "cmr_base": lambda store, index: _cmr(store, index, 0),
    "cmr_size": lambda store, index: _cmr(store, index, 1),
    "attributes_fixed0": lambda store, index: td_params.ATTRIBUTES_FIXED0,
    "xfam_fixed0": lambda store, index: td_params.XFAM_FIXED0,
    "xfam_fixed1": lambda store, index: td_params.XFAM_FIXED1,
    "config_flags_fixed0": lambda store, index: td_params.FLEXIBLE_PENDING_VE | td_params.NO_RBP_MOD,
}


# --- what a value must be ------------------------------------------------------------------------


def _shared_page(store: Store, old: int, new: int) -> str:
    hpa, keyid = split_keyid(new)
    if new >> 52 or is_private(keyid):
        return f"{new:#x} carries a private KeyID or lies beyond the physical address width"
    low, high = store.p.seam_range
    return f"{hpa:#x} is in the SEAM range" if low <= hpa < high else ""


def _timeout(store: Store, old: int, new: int) -> str:
    return "" if 10_000 <= new <= 100_000_000 else f"{new} is not between 10 ms and 100 s, in microseconds"


def _guest_ctls(store: Store, old: int, new: int) -> str:
    assert store.td is not None
    flexible = store.td.tdcs["CONFIG_FLAGS"] & FLEXIBLE_PENDING_VE
    return "" if flexible or old == new else "CONFIG_FLAGS.FLEXIBLE_PENDING_VE is clear"


def _cr3(store: Store, old: int, new: int) -> str:
    return f"{new:#x} has reserved bits set" if new >> KEYID_SHIFT else ""


LEGAL: dict[str, Callable[[Store, int, int], str]] = {
    "HP_LOCK_TIMEOUT": _timeout,
    "TD_CTLS": _guest_ctls,
    "PEND_NMI": lambda store, old, new: "" if new <= 1 else f"{new} is neither 0 nor 1",
    "L2_CTLS": lambda store, old, new: "bit 2 is not allowed in this version" if new & 4 else "",
    "Posted-interrupt notification vector": lambda store, old, new: (
        "" if new <= 255 else f"{new:#x} is no vector"
    ),
    "Posted-interrupt descriptor address": _shared_page,
    "Shared EPTP": _shared_page,
    "Guest CR3": _cr3,
}
"""Field -> why a new value is not legal; empty when it is."""


def objection(store: Store, row: md.Field, old: int, new: int) -> str:
    """Why the field cannot take this value; empty if it can."""
    return LEGAL[row.name](store, old, new) if row.name in LEGAL else ""


def not_initialised(store: Store, row: md.Field, new: int) -> int:
    """Encoding of the VMCS field that must be set before posted interrupts are switched on; -1 for none."""
    if row.name != "Pin-based VM-execution controls" or not new & POSTED_INTERRUPTS:
        return -1
    vps = store.structure("TDVPS")
    if vps["POSTED_INTERRUPT_NOTIFICATION_VECTOR"] > 255:
        return md.named("Posted-interrupt notification vector").code
    unset = vps["POSTED_INTERRUPT_DESCRIPTOR_ADDRESS"] == (1 << 64) - 1
    return md.named("Posted-interrupt descriptor address").code if unset else -1
