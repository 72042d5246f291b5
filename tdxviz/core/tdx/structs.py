"""Control structures in memory: every field is read and written in an encrypted page of DRAM.

What comes back from memory is believed only as far as the PAMT and the Key Ownership Table confirm
it: a page that the PAMT does not give to the TD, or a state that does not exist, is Inconsistent.
"""

import struct
from collections.abc import Sequence
from functools import cached_property

from tdxviz.core.arch import state_table as st
from tdxviz.core.arch import structures as s
from tdxviz.core.faults import Inconsistent
from tdxviz.core.hw import physical
from tdxviz.core.hw.platform import Platform
from tdxviz.core.tdx.module import Module
from tdxviz.core.units import LINE, Hkid, Hpa, with_keyid

_LIFECYCLE = {v: k for k, v in st.LIFECYCLE_STATES.items()}
_OP = {v: k for k, v in st.OP_STATES.items()}
_VCPU = {v: k for k, v in st.VCPU_STATES.items()}


TDCX_PA = tuple(f"TDCX_PA{n}" for n in range(s.MAX_TDCX))
SEPT_ROOT = TDCX_PA[s.SEPT_ROOT_INDEX]
BEGINNING = struct.Struct("<3Q")
IN_USE = ("HKID_ASSIGNED", "HKID_FLUSHED")


def known(table: dict[int, str], value: int, what: str) -> str:
    """Name of a stored state. Raises Inconsistent."""
    if value not in table:
        raise Inconsistent(f"{what} holds {value:#x}, which is no state")
    return table[value]


def lifecycle_name(value: int) -> str:
    """Raises Inconsistent."""
    return known(_LIFECYCLE, value, "TDR.LIFECYCLE_STATE")


class Fields:
    """Fields of one structure, which begins in a page that the caller knows and goes on in
    PT_TDCX pages of ``owner``.

    Raises:
        MachineCheck: somebody damaged the page, and it shows.
        Inconsistent: somebody damaged it, and it shows only in what it says.
    """

    def __init__(
        self, p: Platform, hkid: Hkid, pages: Sequence[Hpa], layout: s.Layout, m: Module, owner: Hpa,
        known_pages: int = 1,
    ) -> None:  # fmt: skip
        self.p = p
        self.hkid = hkid
        self.pages = pages
        self.layout = layout
        self.m = m
        self.owner = owner
        self.known_pages = known_pages
        self._high = with_keyid(0, hkid)
        self._lines = p.cache.lines

    def __getitem__(self, name: str) -> int:
        page, offset, size = self.layout[name]
        at = (self.pages[page] if page < self.known_pages else self.page(page)) + offset
        start = at % LINE
        line = self._lines.get(at - start | self._high)
        if line is None or start + size > LINE or self.p.trace:
            return int.from_bytes(physical.read_physical(self.p, at, self.hkid, size), "little")
        return int.from_bytes(line.data[start : start + size], "little")  # nearly always

    def __setitem__(self, name: str, value: int) -> None:
        size = self.layout[name][2]
        if not 0 <= value < 1 << 8 * size:
            raise Inconsistent(f"{name} would become {value:#x}")
        self.put(name, value.to_bytes(size, "little"))

    def raw(self, name: str) -> bytes:
        at, size = self._place(name)
        return physical.read_physical(self.p, at, self.hkid, size)

    def put(self, name: str, data: bytes) -> None:
        physical.write_physical(self.p, self._place(name)[0], self.hkid, data)

    def _place(self, name: str) -> tuple[Hpa, int]:
        """Address and size of a field, in a page that is really the structure's."""
        page, offset, size = self.layout[name]
        return self.page(page) + offset, size

    def page(self, number: int) -> Hpa:
        """A page of the structure. Raises Inconsistent unless it is really the structure's."""
        if number < self.known_pages:
            return self.pages[number]
        if number >= len(self.pages):
            raise Inconsistent(f"page {number} of a structure of {len(self.pages)} pages")
        at = self.pages[number]
        entry = self.m.page(at)
        if entry is None or entry.kind != "PT_TDCX" or entry.owner != self.owner:
            raise Inconsistent(f"{at:#x} is no TDCX page of this TD")
        return at


class TdcxPages(Sequence[Hpa]):
    """The TD's TDCX pages, each looked up in the TDR when it is asked for."""

    def __init__(self, tdr: Fields) -> None:
        self.tdr = tdr

    def __len__(self) -> int:
        count = self.tdr["NUM_TDCX"]
        if count > s.MAX_TDCX:
            raise Inconsistent(f"TDR.NUM_TDCX holds {count:#x}")
        return count

    def __getitem__(self, number: int) -> Hpa:  # type: ignore[override]  # because nobody slices it
        return self.tdr[TDCX_PA[number]]


class Td:
    """One TD, by its TDR page."""

    def __init__(self, p: Platform, m: Module, tdr: Hpa) -> None:
        self.p, self.m, self.tdr_page = p, m, tdr
        self.tdr = Fields(p, m.global_hkid, (tdr,), s.TDR, m, tdr)
        self._hkid = -1
        self._tdcs: Fields | None = None

    @property
    def actor(self) -> str:
        return self.m.actors[self.tdr_page]

    @property
    def hkid(self) -> Hkid:
        """Found once: a TD keeps its HKID for as long as one leaf looks at it."""
        if self._hkid < 0:
            self._hkid = self._hkid_in_memory()
        return self._hkid

    def _hkid_in_memory(self) -> Hkid:
        hkid = self.tdr["HKID"]
        entry = self.m.kot.get(hkid)
        if entry is None or entry.state not in IN_USE:
            raise Inconsistent(f"TDR.HKID holds {hkid:#x}, which no TD has")
        return hkid

    def beginning(self) -> tuple[int, int, int]:
        """FATAL, LIFECYCLE_STATE and NUM_TDCX, which lie in one line, at one look."""
        return BEGINNING.unpack(physical.read_physical(self.p, self.tdr_page, self.tdr.hkid, BEGINNING.size))

    @property
    def lifecycle(self) -> str:
        return lifecycle_name(self.tdr["LIFECYCLE_STATE"])

    @property
    def tdcx(self) -> tuple[Hpa, ...]:
        pages = TdcxPages(self.tdr)
        return tuple(pages[n] for n in range(len(pages)))

    @property
    def tdcs(self) -> Fields:
        if self._tdcs is None:
            pages = TdcxPages(self.tdr)
            self._tdcs = Fields(self.p, self.hkid, pages, s.TDCS, self.m, self.tdr_page, known_pages=0)
        return self._tdcs

    @property
    def op_state(self) -> str:
        return known(_OP, self.tdcs["OP_STATE"], "TDCS.OP_STATE")

    @property
    def sept_root(self) -> Hpa:
        root = self.tdr[SEPT_ROOT]
        if not self.owns(root, "PT_TDCX"):
            raise Inconsistent(f"the Secure EPT root {root:#x} is no TDCX page of this TD")
        return root

    def owns(self, page: Hpa, kind: str) -> bool:
        """Whether the PAMT gives the page to this TD in that role."""
        entry = self.m.page(page)
        return entry is not None and entry.owner == self.tdr_page and entry.kind == kind

    def add_children(self, count: int) -> None:
        self.tdr["CHLDCNT"] += count


class Vcpu:
    """One vCPU, by its TDVPR page. Its pages are looked at when something in them is asked for: not
    before a leaf has seen that the TD still has its key."""

    def __init__(self, td: Td, tdvpr: Hpa) -> None:
        self.td, self.tdvpr = td, tdvpr

    @cached_property
    def vps(self) -> Fields:
        """All pages of the TDVPS. Raises MachineCheck or Inconsistent."""
        td, tdvpr = self.td, self.tdvpr
        first = Fields(td.p, td.hkid, (tdvpr,), s.TDVPS, td.m, td.tdr_page)
        count = first["NUM_TDVPS"]
        if count > s.MAX_TDVPS:
            raise Inconsistent(f"TDVPS.NUM_TDVPS holds {count:#x}")
        pages = (tdvpr, *(first[f"TDVPS_PA{n}"] for n in range(1, count)))
        return Fields(td.p, td.hkid, pages, s.TDVPS, td.m, td.tdr_page)

    @property
    def count(self) -> int:
        """Pages of the TDVPS that were added so far, the TDVPR among them."""
        return len(self.vps.pages)

    @property
    def state(self) -> str:
        return known(_VCPU, self.vps["VCPU_STATE"], "TDVPS.VCPU_STATE")

    @state.setter
    def state(self, name: str) -> None:
        self.vps["VCPU_STATE"] = st.VCPU_STATES[name]

    @property
    def index(self) -> int:
        return self.vps["VCPU_INDEX"]

    @property
    def lp(self) -> int:
        """Logical processor it is associated with, -1 for none."""
        return self.vps["ASSOC_LPID"] - 1

    @lp.setter
    def lp(self, number: int) -> None:
        self.vps["ASSOC_LPID"] = number + 1
