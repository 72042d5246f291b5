"""The legacy world's host builds an ordinary VM from the same program at the same addresses."""

from tdxviz.core.commands import HostWrite, VmCreate, VmMap
from tdxviz.core.guest.programs import Program
from tdxviz.core.host import layout
from tdxviz.core.host.seam import Recipe
from tdxviz.core.units import PAGE


def build_vm(program: Program) -> Recipe:
    yield VmCreate(vm=0, eptp=layout.TABLES)
    demand = layout.GUEST_BASE + 0xA000
    for gpa, content in sorted((program.pages | {demand: bytes(PAGE)}).items()):
        hpa = layout.hpa_of(gpa)
        yield HostWrite(hpa=hpa, data=content, how="full-line", lp=0)
        yield VmMap(vm=0, gpa=gpa, hpa=hpa, tables=layout.TABLES + PAGE)
