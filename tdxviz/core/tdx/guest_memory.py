"""Guest memory that a TDCALL operand names: the module walks the guest's second level like the guest.

A page that is not there raises EptViolation, which becomes #VE or a TD exit as for the guest's own
access; the TDCALL is then repeated. Source: tdx-architecture 7.5.
"""

from tdxviz.core.arch import instructions
from tdxviz.core.faults import EptViolation
from tdxviz.core.hw import path, physical
from tdxviz.core.hw.path import Translation
from tdxviz.core.hw.platform import Platform
from tdxviz.core.tdx import entry
from tdxviz.core.tdx.call import Call
from tdxviz.core.tdx.module import Module
from tdxviz.core.units import Gpa, Hkid, Hpa

SHARED_BIT = 47
ACCESS = {"load": 1, "store": 2, "fetch": 4}


def translation(p: Platform, m: Module, lp: int) -> Translation:
    """How the TD on this logical processor translates; no memory is read for it."""
    now = m.current[lp]
    return Translation(
        actor=now.actor, vpid=entry.vpid_of(now.hkid), hkid=now.hkid, sept_root=now.sept_root,
        ept_root=now.shared_ept, gpaw_shared_bit=SHARED_BIT, cpu=p.lps[lp].cpu, epoch=now.epoch,
        walk_sept=True, owned_cr0=instructions.CR0_OWNED, owned_cr4=instructions.CR4_OWNED,
        barred_cr4=now.barred_cr4,
    )  # fmt: skip


def is_private(gpa: Gpa) -> bool:
    """A GPA that the TD can use as private."""
    return gpa >> SHARED_BIT == 0


def is_valid(gpa: Gpa) -> bool:
    """A GPA that the TD can use, private or shared."""
    return gpa >> SHARED_BIT <= 1


def place(call: Call, gpa: Gpa, kind: str) -> tuple[Hpa, Hkid]:
    """Where a guest page lies. Raises EptViolation."""
    ctx = translation(call.p, call.m, call.lp)
    mapping = path.second_level(call.p, call.lp, ctx, gpa, kind)
    if not mapping.perms & ACCESS[kind]:
        raise EptViolation(gpa, kind, state="NO PERMISSION", level=0)
    return mapping.hpa, mapping.keyid


def read(call: Call, gpa: Gpa, size: int) -> bytes:
    """``size`` bytes that do not cross a page. Raises EptViolation."""
    return physical.read_physical(call.p, *place(call, gpa, "load"), size)
