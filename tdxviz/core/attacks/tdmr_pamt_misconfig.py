"""Firmware and host lie to the TDX module about memory while it comes up."""

import struct

from tdxviz.core.arch.leaves import BY_NAME
from tdxviz.core.attacks.scene import Attack, Play, Scene
from tdxviz.core.commands import HostWrite, Reboot, Seamcall
from tdxviz.core.host import layout
from tdxviz.core.host.boot import tdmr_info
from tdxviz.core.hw.platform import PACKAGE_OF_LP
from tdxviz.core.units import GIB

G1, M2, K4 = layout.PAMTS
OVERLAP = layout.SCENARIO_TDMR._replace(pamts=((K4[0], G1[1]), M2, K4))
"""The 1G array lies inside the 4K array."""
NOWHERE = layout.SCENARIO_TDMR._replace(reserved=(layout.RESERVED[0], 0x200_0000))
"""Only a part of what is no convertible memory is left out."""

FAR = 32 * GIB
"""No memory was reported there."""


def play(scene: Scene) -> Play:
    if scene.legacy:
        scene.no_target = "An ordinary machine has no TDX module, no TDMR and no PAMT to lie about."
        return
    yield Reboot(smrr_locked=False)
    yield _leaf("TDH.SYS.INIT")
    yield from _configure(OVERLAP, NOWHERE)


def pamt_outside(scene: Scene) -> Play:
    if scene.legacy:
        yield _leaf("TDH.SYS.INIT")
        return
    yield from _configure(layout.SCENARIO_TDMR._replace(pamts=(G1, M2, (FAR, K4[1]))))


def _configure(*plans: layout.TdmrPlan) -> Play:
    """Reboot properly, and describe memory in these ways."""
    yield Reboot()
    yield _leaf("TDH.SYS.INIT")
    for lp in range(len(PACKAGE_OF_LP)):
        yield _leaf("TDH.SYS.LP.INIT", lp)
    for plan in plans:
        yield HostWrite(hpa=layout.TDMR_INFO, data=tdmr_info(plan), how="full-line", lp=0)
        pointer = struct.pack("<Q", layout.TDMR_INFO).ljust(512, b"\x00")
        yield HostWrite(hpa=layout.TDMR_LIST, data=pointer, how="full-line", lp=0)
        yield Seamcall(
            rax=BY_NAME["TDH.SYS.CONFIG"].number, rcx=layout.TDMR_LIST, rdx=1, r8=layout.GLOBAL_HKID
        )


def _leaf(name: str, lp: int = 0) -> Seamcall:
    return Seamcall(rax=BY_NAME[name].number, lp=lp)


ATTACK = Attack(
    id="tdmr-pamt-misconfig",
    title="Lie to the module about memory",
    who="Firmware and host",
    what="leave SMRR unlocked, overlap PAMT arrays, describe memory that is none",
    where="the start-up of the TDX module",
    question="Who checks what firmware and host say about memory?",
    position="software",
    property="key-management",
    source="attack catalogue 18; tdx-architecture 2.1",
    play=play,
).with_variants(("pamt-outside", "A PAMT array outside convertible memory", pamt_outside))
