"""Peek at translations: tables in memory, TLBs and epochs, without touching caches."""

from dataclasses import dataclass, replace

from tdxviz.core.arch import sept
from tdxviz.core.hw.walk import MISCONFIGURED, misconfiguration
from tdxviz.core.machine import Machine
from tdxviz.core.observe import data_as_read, guest_actor
from tdxviz.core.tdx.inspect import TdInfo, epoch_counts, first_td, page_entry, td_of_page, tds, vcpu_field
from tdxviz.core.units import KEYID_SHIFT, PAGE, Gla, Gpa, Hkid, Hpa, line_of

LEVELS = ("PT", "PD", "PDPT", "PML4")
FRAME = 0x000F_FFFF_FFFF_F000
PLACE = FRAME & (1 << KEYID_SHIFT) - 1
"""Address bits of an entry without the KeyID."""
RWX = 7
SHARED = 1 << 47


@dataclass(frozen=True, slots=True)
class WalkStep:
    level: int
    name: str
    index: int
    entry_hpa: Hpa
    value: int
    state: str


@dataclass(frozen=True, slots=True)
class WalkInfo:
    """A second-level walk of one GPA, as far as it gets. ``table``: ``sept`` or ``ept``."""

    gpa: Gpa
    shared: bool
    table: str
    steps: tuple[WalkStep, ...]
    hpa: Hpa | None
    perms: str
    pamt_kind: str
    pamt_owner: str
    owner_ok: bool


@dataclass(frozen=True, slots=True)
class TlbRow:
    valid: bool
    actor: str
    vcpu: int
    gla: Gla
    gpa: Gpa
    hpa: Hpa
    keyid: Hkid
    perms: str
    epoch: int
    state: str
    """``ok``, or ``stale`` when the tables no longer say the same."""


@dataclass(frozen=True, slots=True)
class EpochInfo:
    td_epoch: int
    refcount0: int
    refcount1: int


def _first_td(machine: Machine) -> TdInfo | None:
    return None if machine.module is None else first_td(machine.platform, machine.module)


def _qword(machine: Machine, hpa: Hpa, keyid: Hkid) -> int:
    data = data_as_read(machine, line_of(hpa), keyid)
    return int.from_bytes(data[hpa % 64 : hpa % 64 + 8], "little")


def walk(machine: Machine, gpa: Gpa, td: TdInfo | None = None) -> WalkInfo:
    """Walk Secure EPT (private GPA) or the host's EPT (legacy VM, or SHARED bit set), of the first
    TD unless another is given."""
    td = td or _first_td(machine)
    shared = bool(td and gpa >> 47 & 1)
    private = td is not None and not shared
    root, keyid = (td.sept_root, td.hkid) if td and private else (_ept_root(machine, td), 0)
    steps: list[WalkStep] = []
    hpa: Hpa | None = None
    perms = "---"
    table = root
    for level in (3, 2, 1, 0):
        if not table:
            break
        index = (gpa & ~SHARED if shared else gpa) >> 12 + 9 * level & 511
        at = table + index * 8
        value = _qword(machine, at, keyid)
        state = sept.state_of(value) if private else "PRESENT" if value & RWX else "NOT PRESENT"
        steps.append(WalkStep(level, LEVELS[level], index, at, value, state))
        present = bool(value & RWX)
        if present and not private and misconfiguration(value, level):
            steps[-1] = replace(steps[-1], state=MISCONFIGURED)
            present = False
        if present and (level == 0 or (level < 3 and value >> 7 & 1)):
            hpa = (value & PLACE) + (gpa & (1 << 12 + 9 * level) - 1)
            perms = "".join(c if value >> n & 1 else "-" for n, c in enumerate("rwx"))
        table = value & PLACE if present and hpa is None else 0
    kind, owner, fine = _ownership(machine, td if private else None, hpa)
    table_name = "sept" if private else "ept"
    return WalkInfo(gpa, shared, table_name, tuple(steps), hpa, perms, kind, owner, fine)


def page_now(machine: Machine, gpa: Gpa, tdr: Hpa) -> Hpa | None:
    """Host page behind a private page of the TD at ``tdr`` (in the legacy world: of the first VM), blocked or
    pending ones included; None if the tables do not lead to a page of that guest's."""
    guests = () if machine.module is None else tds(machine.platform, machine.module)
    td = next((one for one in guests if one.tdr == tdr), None)
    if td is None and machine.module is not None:
        return None
    info = walk(machine, gpa, td)
    if not info.steps or td is None:
        return None if info.hpa is None else info.hpa & -PAGE
    last = info.steps[-1]
    known = sept.STATES.get(last.state)
    if known is None or not known.leaf:
        return None
    page = sept.page_of(last.value, last.level) | gpa & (1 << 12 + 9 * last.level) - PAGE
    return page if _ownership(machine, td, page)[2] else None


def _ept_root(machine: Machine, td: TdInfo | None = None) -> Hpa:
    """The host's EPT: that of a TD's shared pages, or the first ordinary VM's."""
    if td:
        return vcpu_field(machine.platform, td, td.vcpus[0], "SHARED_EPTP") & FRAME if td.vcpus else 0
    vm = next(iter(machine.vms.values()), None)
    return vm.eptp if vm else 0


def _ownership(machine: Machine, td: TdInfo | None, hpa: Hpa | None) -> tuple[str, str, bool]:
    if machine.module is None or td is None or hpa is None:
        return "", "", False
    entry = page_entry(machine.module, hpa & ~(PAGE - 1))
    tdr = td_of_page(machine.platform, machine.module, hpa & ~(PAGE - 1))
    lives = tdr in machine.module.pamt and machine.module.pamt[tdr].kind == "PT_TDR"
    owner = machine.module.actors.get(tdr, "") if lives else ""
    return entry.kind if entry else "", owner, tdr == td.tdr


def translate(machine: Machine, gla: Gla, *, cr3: int, paging: bool) -> Hpa | None:
    """The guest's linear address through its own tables and the second level; None if unmapped."""
    gpa = _guest_walk(machine, cr3, gla) if paging else gla
    return None if gpa is None else walk(machine, gpa).hpa


def _guest_walk(machine: Machine, cr3: int, gla: Gla) -> Gpa | None:
    td = _first_td(machine)
    keyid = td.hkid if td else 0
    table = cr3 & FRAME
    for level in (3, 2, 1, 0):
        at = walk(machine, table + (gla >> 12 + 9 * level & 511) * 8).hpa
        if at is None:
            return None
        value = _qword(machine, at, keyid)
        if not value & 1:
            return None
        if level == 0 or (level < 3 and value >> 7 & 1):
            low = (1 << 12 + 9 * level) - 1
            return (value & FRAME & ~low) + (gla & low)
        table = value & FRAME
    return None


def vm_pages(machine: Machine) -> list[tuple[Gpa, Hpa]]:
    """GPA -> HPA of every 4 KiB page of the legacy VM."""
    found: list[tuple[Gpa, Hpa, int]] = []
    root = _ept_root(machine)
    if root:
        _collect(machine, root, 3, 0, 0, found)
    return [(gpa, hpa) for gpa, hpa, _ in found]


def _collect(
    machine: Machine, table: Hpa, level: int, gpa: Gpa, keyid: Hkid, found: list[tuple[Gpa, Hpa, int]],
    wanted: Hpa = -1,
) -> None:  # fmt: skip
    """Every leaf under a table that leads to a page: GPA, HPA, level; of 4 KiB leaves perhaps only those near
    a ``wanted`` page. Of an EPT that the host has tangled, no more than memory has pages."""
    most = machine.platform.size // PAGE
    mark = (wanted >> 16 & 0xFFFF_FFFF).to_bytes(4, "little") if wanted >= 0 and level == 0 else b""
    for base in range(0, PAGE, 64):
        data = data_as_read(machine, table + base, keyid)
        if mark not in data or not any(data[0::8]):  # bytes 2 to 5 of an entry are bits 16 to 47 of its page
            continue
        for n in range(0, 64, 8):
            value = int.from_bytes(data[n : n + 8], "little")
            if keyid == 0 and len(found) >= most:
                return
            if not value & RWX or (keyid == 0 and misconfiguration(value, level)):
                continue
            at = gpa | (base + n) // 8 << 12 + 9 * level
            if level == 0 or value >> 7 & 1:
                found.append((at, value & PLACE, level))
            else:
                _collect(machine, value & PLACE, level - 1, at, keyid, found, wanted)


def gpa_of(machine: Machine, td: TdInfo, page: Hpa) -> tuple[Gpa | None, str]:
    """Where a TD's Secure EPT maps a page, and the state of that leaf entry."""
    found: list[tuple[Gpa, Hpa, int]] = []
    _collect(machine, td.sept_root, 3, 0, td.hkid, found, page)
    for gpa, hpa, level in found:
        if hpa <= page < hpa + (PAGE << 9 * level):
            steps = walk(machine, gpa).steps
            return gpa + page - hpa, steps[-1].state
    return None, ""


def tlb(machine: Machine, lp: int) -> tuple[TlbRow, ...]:
    """The translations that a logical processor holds, oldest first."""
    rows: list[TlbRow] = []
    guests = () if machine.module is None else tds(machine.platform, machine.module)
    for entry in machine.platform.lps[lp].tlb.entries():
        actor = _actor_of(machine, entry.vpid)
        td = next((one for one in guests if one.actor == actor), None)
        now = walk(machine, entry.gpa, td) if td or actor == guest_actor(machine) else None
        stale = now is not None and now.hpa != entry.hpa
        rows.append(
            TlbRow(
                True, actor, 0, entry.gla, entry.gpa, entry.hpa, entry.keyid, entry.perms,
                entry.epoch, "stale" if stale else "ok",
            )
        )  # fmt: skip
    return tuple(rows)


def _actor_of(machine: Machine, vpid: int) -> str:
    ordinary = next((vm.actor for vm in machine.vms.values() if vm.number + 1 == vpid), "")
    if ordinary or machine.module is None:
        return ordinary or "vm-a"
    for td in tds(machine.platform, machine.module):
        if td.hkid == vpid >> 2:
            return td.actor
    return "nobody"


def epochs(machine: Machine) -> EpochInfo | None:
    """TD epoch and the two reference counts of the first TD; None where there is none."""
    td = _first_td(machine)
    return None if td is None else EpochInfo(*epoch_counts(machine.platform, td))
