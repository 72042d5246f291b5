"""Control structures in memory: every field is read and written in an encrypted page of DRAM."""

from tdxviz.core.arch import state_table as st
from tdxviz.core.arch import structures as s
from tdxviz.core.hw import path
from tdxviz.core.hw.platform import Platform
from tdxviz.core.tdx.module import Module
from tdxviz.core.units import Hkid, Hpa

_LIFECYCLE = {v: k for k, v in st.LIFECYCLE_STATES.items()}
_OP = {v: k for k, v in st.OP_STATES.items()}
_VCPU = {v: k for k, v in st.VCPU_STATES.items()}


class Fields:
    """Fields of one structure. Reads may raise MachineCheck: somebody damaged the page."""

    def __init__(self, p: Platform, hkid: Hkid, pages: tuple[Hpa, ...], layout: s.Layout) -> None:
        self.p = p
        self.hkid = hkid
        self.pages = pages
        self.layout = layout

    def __getitem__(self, name: str) -> int:
        return int.from_bytes(self.raw(name), "little")

    def __setitem__(self, name: str, value: int) -> None:
        self.put(name, value.to_bytes(self.layout[name][2], "little"))

    def raw(self, name: str) -> bytes:
        page, offset, size = self.layout[name]
        return path.read_physical(self.p, self.pages[page] + offset, self.hkid, size)

    def put(self, name: str, data: bytes) -> None:
        page, offset, _ = self.layout[name]
        path.write_physical(self.p, self.pages[page] + offset, self.hkid, data)


class Td:
    """One TD, by its TDR page."""

    def __init__(self, p: Platform, m: Module, tdr: Hpa) -> None:
        self.p, self.m, self.tdr_page = p, m, tdr
        self.tdr = Fields(p, m.global_hkid, (tdr,), s.TDR)

    @property
    def actor(self) -> str:
        return self.m.actors[self.tdr_page]

    @property
    def hkid(self) -> Hkid:
        return self.tdr["HKID"]

    @property
    def lifecycle(self) -> str:
        return _LIFECYCLE[self.tdr["LIFECYCLE_STATE"]]

    @property
    def tdcx(self) -> tuple[Hpa, ...]:
        return tuple(self.tdr[f"TDCX_PA{n}"] for n in range(self.tdr["NUM_TDCX"]))

    @property
    def tdcs(self) -> Fields:
        return Fields(self.p, self.hkid, self.tdcx, s.TDCS)

    @property
    def op_state(self) -> str:
        return _OP[self.tdcs["OP_STATE"]]

    @property
    def sept_root(self) -> Hpa:
        return self.tdr[f"TDCX_PA{s.SEPT_ROOT_INDEX}"]

    def add_children(self, count: int) -> None:
        self.tdr["CHLDCNT"] += count


class Vcpu:
    """One vCPU, by its TDVPR page."""

    def __init__(self, td: Td, tdvpr: Hpa) -> None:
        self.td, self.tdvpr = td, tdvpr
        first = Fields(td.p, td.hkid, (tdvpr,), s.TDVPS)
        count = first["NUM_TDVPS"]
        pages = (tdvpr, *(first[f"TDVPS_PA{n}"] for n in range(1, count)))
        self.vps = Fields(td.p, td.hkid, pages, s.TDVPS)
        self.count = max(count, 1)

    @property
    def state(self) -> str:
        return _VCPU[self.vps["VCPU_STATE"]]

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
