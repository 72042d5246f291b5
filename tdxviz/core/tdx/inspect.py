"""Looking at the module's structures without disturbing caches, poison or events."""

from dataclasses import dataclass
from functools import lru_cache

from tdxviz.core.arch import structures as s
from tdxviz.core.hw.cpu import CpuState
from tdxviz.core.hw.platform import Platform
from tdxviz.core.tdx import vcpu_state
from tdxviz.core.tdx.module import Module, PamtEntry
from tdxviz.core.units import LINE, PAGE, Hkid, Hpa, with_keyid

TDR_END = max(offset + size for _, offset, size in s.TDR.values())


@dataclass(frozen=True, slots=True)
class TdInfo:
    actor: str
    tdr: Hpa
    hkid: Hkid
    fatal: bool
    tdcx: tuple[Hpa, ...]
    sept_root: Hpa
    vcpus: tuple[Hpa, ...]
    """TDVPR pages in address order."""


def _bytes(p: Platform, hpa: Hpa, keyid: Hkid, size: int) -> bytes:
    data = b""
    while len(data) < size:
        at = hpa + len(data)
        line, start = at & -LINE, at % LINE
        cached = p.cache.lines.get(with_keyid(line, keyid))
        content = cached.data if cached else p.memctl.inspect(line, keyid).data
        data += content[start : start + size - len(data)]
    return data


def field(p: Platform, keyid: Hkid, pages: tuple[Hpa, ...], layout: s.Layout, name: str) -> int:
    """One field of a structure; 0 where its page is missing or damaged."""
    page, offset, size = layout[name]
    if page >= len(pages):
        return 0
    return int.from_bytes(_bytes(p, pages[page] + offset, keyid, size), "little")


def tds(p: Platform, m: Module) -> tuple[TdInfo, ...]:
    """Every TD that exists, in order of creation."""
    return tuple(
        _td(p, m, tdr, actor)
        for tdr, actor in m.actors.items()
        if tdr in m.pamt and m.pamt[tdr].kind == "PT_TDR"
    )


def first_td(p: Platform, m: Module) -> TdInfo | None:
    """The oldest TD that exists; the others are not read."""
    living = (one for one in m.actors.items() if one[0] in m.pamt and m.pamt[one[0]].kind == "PT_TDR")
    found = next(living, None)
    return None if found is None else _td(p, m, *found)


def first_actor(m: Module) -> str:
    """Name of the oldest TD that lives; empty for none."""
    living = (a for tdr, a in m.actors.items() if tdr in m.pamt and m.pamt[tdr].kind == "PT_TDR")
    return next(living, "")


def _td(p: Platform, m: Module, tdr: Hpa, actor: str) -> TdInfo:
    data = _bytes(p, tdr, m.global_hkid, TDR_END)
    return _from_tdr(actor, tdr, data, tuple(sorted(page for page, owner in m.vcpus.items() if owner == tdr)))


@lru_cache(maxsize=256)
def _from_tdr(actor: str, tdr: Hpa, data: bytes, vcpus: tuple[Hpa, ...]) -> TdInfo:
    """What the first lines of a TDR say; from moment to moment they mostly stay as they are."""

    def value(name: str) -> int:
        _, offset, size = s.TDR[name]
        return int.from_bytes(data[offset : offset + size], "little")

    tdcx = tuple(value(f"TDCX_PA{n}") for n in range(min(value("NUM_TDCX"), s.MAX_TDCX)))
    sept_root = tdcx[s.SEPT_ROOT_INDEX] if len(tdcx) > s.SEPT_ROOT_INDEX else 0
    return TdInfo(actor, tdr, value("HKID"), bool(value("FATAL")), tdcx, sept_root, vcpus)


def page_entry(m: Module, hpa: Hpa) -> PamtEntry | None:
    """PAMT entry of the page that holds ``hpa``."""
    return m.page(hpa & -PAGE)


def td_of_page(p: Platform, m: Module, hpa: Hpa) -> Hpa:
    """TDR of the TD that owns a page in any role; 0 for none."""
    entry = page_entry(m, hpa)
    if entry is None:
        return 0
    return hpa & -PAGE if entry.kind == "PT_TDR" else entry.owner


def vcpu_field(p: Platform, td: TdInfo, tdvpr: Hpa, name: str) -> int:
    """One field of one vCPU's TDVPS; 0 where its page is missing or damaged."""
    return field(p, td.hkid, _vps(p, td, tdvpr), s.TDVPS, name)


def _vps(p: Platform, td: TdInfo, tdvpr: Hpa = 0) -> tuple[Hpa, ...]:
    """All pages of a vCPU's TDVPS, of the first one by default."""
    first = (tdvpr or td.vcpus[0],)
    count = min(field(p, td.hkid, first, s.TDVPS, "NUM_TDVPS"), s.MAX_TDVPS)
    pages = [field(p, td.hkid, first, s.TDVPS, f"TDVPS_PA{n}") for n in range(1, count)]
    return (*first, *pages)


def saved_cpu(p: Platform, td: TdInfo) -> CpuState:
    """Registers of the TD's first vCPU as its TDVPS pages hold them."""
    pages = _vps(p, td)

    def read(page: int, offset: int, size: int) -> bytes:
        return _bytes(p, pages[page] + offset, td.hkid, size) if page < len(pages) else bytes(size)

    return vcpu_state.load(read)


def epoch_counts(p: Platform, td: TdInfo) -> tuple[int, int, int]:
    """TD_EPOCH and the two reference counts."""
    names = ("TD_EPOCH", "REFCOUNT0", "REFCOUNT1")
    a, b, c = (field(p, td.hkid, td.tdcx, s.TDCS, name) for name in names)
    return a, b, c
