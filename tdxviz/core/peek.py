"""Read-only questions about a machine, for views and tests: no fills, no counters, no events.

What an actor *sees* at an address is not asked here but in ``observe``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from tdxviz.core import peek_guest, peek_walk
from tdxviz.core.guest.programs.palette import PALETTE
from tdxviz.core.hw.memctl import ReadResult
from tdxviz.core.machine import Machine
from tdxviz.core.observe import Seen, guest_actor, guest_keyid, observe
from tdxviz.core.tdx.inspect import TdInfo, page_entry, td_of_page, tds
from tdxviz.core.tdx.module import SPANS
from tdxviz.core.units import LINE, PAGE, Gpa, Hkid, Hpa, page_of, split_keyid

Answer = TypeVar("Answer")
VcpuInfo = peek_guest.VcpuInfo
disassembly = peek_guest.disassembly
vcpu = peek_guest.vcpu
symbols = peek_guest.symbols
host_registers = peek_guest.host_registers
WalkInfo = peek_walk.WalkInfo
WalkStep = peek_walk.WalkStep
walk = peek_walk.walk
tlb = peek_walk.tlb
TlbRow = peek_walk.TlbRow
epochs = peek_walk.epochs
EpochInfo = peek_walk.EpochInfo

OWNERS = ("free", "host", "td_a", "td_b", "module", "shared", "meta", "device", "legacy")
"""Owner tokens; the index is the code in ``page_map``."""
FREE, HOST, TD_A, TD_B, MODULE, SHARED, META, DEVICE, LEGACY = range(len(OWNERS))
LETTERS = ("", "H", "A", "B", "M", "~", "S", "D", "V")
META_LETTERS = {"PT_EPT": "S", "PT_TDR": "T", "PT_TDCX": "T", "PT_TDVPR": "T"}
MOST_DERIVED = 16
"""Remembered answers about one state of the PAMT; old ones go all at once."""
DEVICE_BUFFER = range(0x0300_0000, 0x0310_0000)


@dataclass(frozen=True, slots=True)
class PageInfo:
    """One 4 KiB page: who owns it, in what role, and where its owner sees it."""

    hpa: Hpa
    owner: str
    letter: str
    kind: str
    gpa: Gpa | None
    hkid: Hkid | None
    sept_state: str
    title: str


@dataclass(frozen=True, slots=True)
class LineInfo:
    """One 64-byte line of a page."""

    hpa: Hpa
    index: int
    owner_bit: bool
    poison: bool
    cached: str
    """``no``, ``clean`` or ``dirty``, under any KeyID."""
    touched: bool = False


@dataclass(frozen=True, slots=True)
class LineDetail:
    """One line through all eyes, with its metadata. MACs are None where there is none."""

    hpa: Hpa
    td: Seen
    host: Seen
    device: Seen
    probe: Seen
    cipher: bytes
    mac_stored: int | None
    mac_expected: int | None
    owner_bit: bool
    poison: bool
    cached: tuple[tuple[Hkid, bool], ...]
    caption: str


@dataclass(frozen=True, slots=True)
class KeyRow:
    hkid: Hkid
    state: str
    owner: str
    configured: bool


def _guests(machine: Machine) -> tuple[TdInfo, ...]:
    return () if machine.module is None else tds(machine.platform, machine.module)


def from_ownership(machine: Machine, key: tuple[object, ...], work_out: Callable[[], Answer]) -> Answer:
    """An answer that follows from the PAMT, the TDMRs, the TDs' names and which pages were ever written,
    and from nothing else: worked out again when one of them changed. ``key`` names the question."""
    module = machine.module
    if module is None:
        return work_out()
    whole = (*key, machine.platform.dram.extent, module.tdmrs, tuple(module.actors.items()))
    if whole not in module.derived:
        if len(module.derived) >= MOST_DERIVED:
            module.derived.clear()
        module.derived[whole] = work_out()
    return module.derived[whole]


def page_map(machine: Machine) -> bytes:
    """One owner code (index into ``OWNERS``) for each 4 KiB page of memory, in order."""
    return from_ownership(machine, ("map",), lambda: _page_map(machine))


def _page_map(machine: Machine) -> bytes:
    p = machine.platform
    codes = bytearray(p.size // PAGE)
    seam_low, seam_high = p.seam_range
    for page in p.dram.pages():
        codes[page // PAGE] = HOST
    _paint(codes, DEVICE_BUFFER.start, DEVICE_BUFFER.stop, DEVICE)
    if machine.module is None:
        _paint_vm(machine, codes)
        return bytes(codes)
    _paint(codes, seam_low, seam_high, MODULE)
    for low, high in machine.module.pamt_areas():
        _paint(codes, low, high, META)
    _paint_vm(machine, codes)
    owners = {td.tdr: TD_A if td.actor == "td-a" else TD_B for td in _guests(machine)}
    for hpa, entry in machine.module.pamt.items():
        if entry.kind == "PT_REG":
            _paint(codes, hpa, hpa + SPANS[entry.size], owners.get(entry.owner, TD_B))
        elif entry.kind in META_LETTERS:
            codes[hpa // PAGE] = META
    return bytes(codes)


def _paint_vm(machine: Machine, codes: bytearray) -> None:
    """The pages of the first ordinary VM, if there is one."""
    for _, hpa in peek_walk.vm_pages(machine) if machine.vms else ():
        if hpa < machine.platform.size:
            codes[hpa // PAGE] = LEGACY


def _paint(codes: bytearray, low: Hpa, high: Hpa, code: int) -> None:
    codes[low // PAGE : high // PAGE] = bytes([code]) * ((high - low) // PAGE)


def page_info(machine: Machine, hpa: Hpa, codes: bytes = b"") -> PageInfo:
    """The page that holds ``hpa``. ``codes``: the machine's ``page_map``, if it is at hand."""
    hpa = page_of(hpa)
    codes = codes or page_map(machine)
    owner = codes[hpa // PAGE] if hpa < machine.platform.size else FREE
    kind, gpa, hkid, state = "", None, None, ""
    if machine.module is None:
        gpa = next((g for g, at in peek_walk.vm_pages(machine) if at == hpa), None)
    else:
        entry = page_entry(machine.module, hpa)
        kind = entry.kind if entry else ""
        tdr = td_of_page(machine.platform, machine.module, hpa)
        td = next((t for t in _guests(machine) if t.tdr == tdr), None)
        hkid = td.hkid if td else None
        if td and kind == "PT_REG":
            gpa, state = peek_walk.gpa_of(machine, td, hpa)
    letter = META_LETTERS.get(kind, "P") if owner == META else LETTERS[owner]
    return PageInfo(hpa, OWNERS[owner], letter, kind, gpa, hkid, state, _title(machine, owner, kind, hkid))


def _title(machine: Machine, owner: int, kind: str, hkid: Hkid | None) -> str:
    names = {
        FREE: "never used", HOST: "host memory", MODULE: "TDX module", SHARED: "shared with the host",
        DEVICE: "device buffer", LEGACY: "memory of the ordinary VM",
    }  # fmt: skip
    if owner in (TD_A, TD_B):
        return f"TD-{LETTERS[owner]} private, HKID {hkid:#x}" if hkid is not None else "TD private"
    if owner == META:
        return {
            "PT_EPT": "Secure EPT table", "PT_TDR": "TDR, root of a TD", "PT_TDCX": "TDCS or TDVPS page",
            "PT_TDVPR": "TDVPR, root of a vCPU",
        }.get(kind, "PAMT, page ownership table")  # fmt: skip
    return names[owner]


def page_lines(machine: Machine, hpa: Hpa) -> tuple[LineInfo, ...]:
    """The 64 lines of the page that holds ``hpa``."""
    page = page_of(hpa)
    cached = _cached(machine, page, PAGE)
    rows: list[LineInfo] = []
    for index in range(PAGE // LINE):
        line = page + index * LINE
        chips = machine.platform.memctl.probe(line)
        dirty = [d for _, d in cached.get(line, ())]
        word = "no" if not dirty else "dirty" if any(dirty) else "clean"
        rows.append(LineInfo(line, index, chips.owner, chips.poison, word))
    return tuple(rows)


def _cached(machine: Machine, low: Hpa, size: int) -> dict[Hpa, list[tuple[Hkid, bool]]]:
    cache = machine.platform.cache
    return {
        line: [(split_keyid(tag)[1], cache.lines[tag].dirty) for tag in tags]
        for line in range(low, low + size, LINE)
        if (tags := cache.tags(line))
    }


def line_detail(machine: Machine, hpa: Hpa) -> LineDetail:
    """The line that holds ``hpa``. The expected MAC is computed under the owning guest's key."""
    line = hpa & ~(LINE - 1)
    p = machine.platform
    chips = p.memctl.probe(line)
    guest = _guest_at(machine, line)
    td = observe(machine, guest, line, LINE)
    host = observe(machine, "host", line, LINE)
    expected: int | None = None
    keyid = guest_keyid(machine, guest)
    if machine.world == "ci" and keyid and p.powered:
        result: ReadResult = p.memctl.inspect(line, keyid)
        expected = result.mac_expected if result.mac_expected >= 0 else None
    return LineDetail(
        hpa=line,
        td=td,
        host=host,
        device=observe(machine, "device", line, LINE),
        probe=observe(machine, "probe", line, LINE),
        cipher=chips.data,
        mac_stored=chips.mac if machine.world == "ci" and chips.owner else None,
        mac_expected=expected,
        owner_bit=chips.owner,
        poison=chips.poison,
        cached=tuple(sorted(_cached(machine, line, LINE).get(line, []))),
        caption=_caption(machine, td, host),
    )


def _guest_at(machine: Machine, hpa: Hpa) -> str:
    """The guest that owns the page, else the machine's first guest."""
    if machine.module is not None:
        tdr = td_of_page(machine.platform, machine.module, page_of(hpa))
        for td in _guests(machine):
            if td.tdr == tdr:
                return td.actor
    return guest_actor(machine)


def _caption(machine: Machine, td: Seen, host: Seen) -> str:
    if machine.world == "legacy":
        return "No encryption: guest, host, device and probe read the same bytes."
    if td.kind == "poison":
        return f"The TD gets no data here ({td.reason})."
    if host.kind == "zeros":
        return "The host sees zeros because the TD-owner bit is 1."
    if td.kind == "refused":
        return f"Not the TD's: {td.reason}."
    return f"Host: {host.reason}."


def palette() -> tuple[str, ...]:
    """Colours of the pixel values of the guest's picture."""
    return PALETTE


def keys(machine: Machine) -> tuple[KeyRow, ...]:
    """Every KeyID that is in use, in order."""
    p = machine.platform
    if machine.module is None:
        return ()
    names = {td.hkid: td.actor for td in _guests(machine)}
    rows = [KeyRow(0, "TME key", "host", p.keys.key(0) is not None)]
    for hkid, entry in sorted(machine.module.kot.items()):
        owner = names.get(hkid, "module" if entry.state == "HKID_RESERVED" else "")
        rows.append(KeyRow(hkid, entry.state, owner, p.keys.key(hkid) is not None))
    return tuple(rows)
