"""A machine with a running TD and a half-built one, each with a secret that the host never had."""

from functools import cache

from tdxviz.core.commands import HostWrite
from tdxviz.core.drive import drive
from tdxviz.core.host import boot, layout
from tdxviz.core.host.seam import Recipe, seamcall
from tdxviz.core.host.setup import setup
from tdxviz.core.hw import physical
from tdxviz.core.machine import Machine
from tdxviz.core.units import PAGE, Hkid, Hpa

TDR_B: Hpa = 0x00A0_0000
PAGES_B = TDR_B + PAGE
"""TDCX 0..5, Secure EPT 6..8, private 9..10, in this order."""
TDVPR_B = TDR_B + 0x2_0000
GPA_B, SOURCE_B = 0x4000_0000, 0x0028_0000
HKID_B = layout.HKIDS[1]
PRIVATE_B = PAGES_B + 9 * PAGE
SECRET_A, SECRET_B = b"only the guest A", b"only the guest B"
PLACE_A = layout.hpa_of(layout.GUEST_BASE + 0x9000)


def second_td() -> Recipe:
    """TD B up to one measured page; INITIALIZED, without a vCPU."""
    yield from seamcall("TDH.MNG.CREATE", lp=1, rcx=TDR_B, rdx=HKID_B)
    for lp in (1, 2):
        yield from seamcall("TDH.MNG.KEY.CONFIG", lp=lp, rcx=TDR_B)
    for n in range(6):
        yield from seamcall("TDH.MNG.ADDCX", lp=1, rcx=PAGES_B + n * PAGE, rdx=TDR_B)
    yield HostWrite(hpa=layout.TD_PARAMS, data=boot.td_params(), how="full-line", lp=1)
    yield from seamcall("TDH.MNG.INIT", lp=1, rcx=TDR_B, rdx=layout.TD_PARAMS)
    for level in (3, 2, 1):
        page = PAGES_B + (9 - level) * PAGE
        at = GPA_B >> 12 + 9 * level << 12 + 9 * level | level
        yield from seamcall("TDH.MEM.SEPT.ADD", lp=1, rcx=at, rdx=TDR_B, r8=page)
    yield HostWrite(hpa=SOURCE_B, data=b"program".ljust(PAGE, b"."), how="full-line", lp=1)
    yield from seamcall("TDH.MEM.PAGE.ADD", lp=1, rcx=GPA_B, rdx=TDR_B, r8=PRIVATE_B, r9=SOURCE_B)
    yield from seamcall("TDH.MR.EXTEND", lp=1, rcx=GPA_B, rdx=TDR_B)


def as_the_guest(machine: Machine, hkid: Hkid, hpa: Hpa, data: bytes) -> None:
    """What a guest's store would do, under its own key."""
    physical.write_physical(machine.platform, hpa, hkid, data)


@cache
def _built(world: str) -> Machine:
    machine = Machine(world)
    drive(machine, setup(machine))
    drive(machine, second_td())
    as_the_guest(machine, layout.HKIDS[0], PLACE_A, SECRET_A * 4)
    as_the_guest(machine, HKID_B, PRIVATE_B + 0x100, SECRET_B * 4)
    return machine


def built(world: str) -> Machine:
    return _built(world).copy()


def block_of(name: str, gpa: int) -> bytes:
    """The 128 bytes that a leaf adds to MRTD. Source: tdx-architecture 12.5."""
    return (name.encode().ljust(16, b"\x00") + gpa.to_bytes(8, "little")).ljust(128, b"\x00")
