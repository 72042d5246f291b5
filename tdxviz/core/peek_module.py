"""Peek at the module's own bookkeeping: TDs, vCPUs, HKIDs. Disturbs nothing, believes nothing.

A structure whose key is gone or whose page was damaged gives numbers that name no state: they are
shown as ``unreadable``.
"""

from typing import NamedTuple

from tdxviz.core.arch import state_table as st
from tdxviz.core.arch import structures as s
from tdxviz.core.machine import Machine
from tdxviz.core.tdx.inspect import TdInfo, epoch_counts, field, tds
from tdxviz.core.units import KEYID_SHIFT, MAX_KEYID, MAX_SHARED_KEYID, Hkid, Hpa

UNREADABLE = "unreadable"
_LIFECYCLE = {value: name for name, value in st.LIFECYCLE_STATES.items()}
_OP_STATE = {value: name for name, value in st.OP_STATES.items()}
_VCPU = {value: name for name, value in st.VCPU_STATES.items()}


class VcpuRow(NamedTuple):
    """``assoc``: the processor it is bound to, -1 for none; ``runs_on``: where it is entered now."""

    number: int
    tdvpr: Hpa
    state: str
    assoc: int
    epoch: int
    """VCPU_EPOCH: the TD's epoch at its last entry."""
    runs_on: int | None


class TdRow(NamedTuple):
    actor: str
    tdr: Hpa
    hkid: Hkid
    lifecycle: str
    op_state: str
    """Empty while there is no TDCS."""
    fatal: bool
    debug: bool
    packages: int
    """PKG_CONFIG_BITMAP: packages on which its key was configured."""
    epoch: int
    refcounts: tuple[int, int]
    """Running vCPUs by parity of the epoch in which they entered."""
    vcpus: tuple[VcpuRow, ...]


class KeyIdRow(NamedTuple):
    hkid: Hkid
    state: str
    """KOT state; ``shared`` for KeyIDs that software uses, ``TME`` for KeyID 0."""
    owner: str
    flush: int
    """One bit per package whose caches still have to be written back."""
    packages: int
    """One bit per package on which the key was configured."""
    key: bool
    """Whether the encryption engine holds a key under this KeyID."""
    lines: int
    dirty: int
    """Lines in the cache under this KeyID, and those that memory does not hold yet."""


def _tdcs(machine: Machine, td: TdInfo, name: str) -> int:
    return field(machine.platform, td.hkid, td.tdcx, s.TDCS, name)


def td_rows(machine: Machine) -> tuple[TdRow, ...]:
    """Every TD, in order of creation."""
    module = machine.module
    if module is None:
        return ()
    return tuple(_td_row(machine, td) for td in tds(machine.platform, module))


def _td_row(machine: Machine, td: TdInfo) -> TdRow:
    module, p = machine.module, machine.platform
    assert module is not None
    key = module.global_hkid
    lifecycle = _LIFECYCLE.get(field(p, key, (td.tdr,), s.TDR, "LIFECYCLE_STATE"), UNREADABLE)
    packages = field(p, key, (td.tdr,), s.TDR, "PKG_CONFIG_BITMAP")
    has = len(td.tdcx) >= s.MIN_TDCX
    readable = has and lifecycle == "TD_KEYS_CONFIGURED"
    op_state = _OP_STATE.get(_tdcs(machine, td, "OP_STATE"), UNREADABLE) if readable else ""
    counts = epoch_counts(p, td) if readable and op_state != UNREADABLE else (0, 0, 0)
    debug = readable and bool(_tdcs(machine, td, "ATTRIBUTES") & 1)
    vcpus = tuple(_vcpu(machine, td, page) for page in td.vcpus) if readable else ()
    return TdRow(td.actor, td.tdr, td.hkid, lifecycle, op_state, td.fatal, debug, packages,
                 counts[0], counts[1:], tuple(sorted(vcpus)))  # fmt: skip


def _vcpu(machine: Machine, td: TdInfo, tdvpr: Hpa) -> VcpuRow:
    module = machine.module
    assert module is not None

    def value(name: str) -> int:
        return field(machine.platform, td.hkid, (tdvpr,), s.TDVPS, name)

    on = next((lp for lp, current in module.current.items() if current.tdvpr == tdvpr), None)
    state = _VCPU.get(value("VCPU_STATE"), UNREADABLE)
    return VcpuRow(value("VCPU_INDEX"), tdvpr, state, value("ASSOC_LPID") - 1, value("VCPU_EPOCH"), on)


def key_ids(machine: Machine) -> tuple[KeyIdRow, ...]:
    """Every KeyID of the platform in order; empty where there is no module."""
    module, p = machine.module, machine.platform
    if module is None:
        return ()
    owners = {td.hkid: td for td in td_rows(machine) if td.lifecycle != "TD_TEARDOWN"}
    lines = _cached(machine)
    rows = []
    for hkid in (*range(MAX_SHARED_KEYID + 1), *sorted(module.kot)):
        entry, td = module.kot.get(hkid), owners.get(hkid)
        state = entry.state if entry else "shared" if hkid else "TME"
        owner, packages = td.actor if td else "", td.packages if td else 0
        if state == "HKID_RESERVED":
            owner, packages = "module", sum(1 << n for n in module.key_packages)
        elif not entry:
            owner = "host"
        count = lines.get(hkid, (0, 0))
        configured = p.keys.key(hkid) is not None
        rows.append(KeyIdRow(hkid, state, owner, entry.wbinvd if entry else 0, packages, configured, *count))
    return tuple(rows)


def _cached(machine: Machine) -> dict[Hkid, tuple[int, int]]:
    """KeyID -> lines in the cache, dirty ones among them."""
    found: dict[Hkid, tuple[int, int]] = {}
    for tag, line in machine.platform.cache.lines.items():
        keyid = tag >> KEYID_SHIFT & MAX_KEYID
        every, dirty = found.get(keyid, (0, 0))
        found[keyid] = (every + 1, dirty + line.dirty)
    return found
