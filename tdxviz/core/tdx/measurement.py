"""MRTD: SHA-384 over 128-byte blocks, in the order in which the host built the TD.

PAGE.ADD contributes one block: its name and the GPA, not the content. MR.EXTEND contributes one
block with its name and GPA, and the 256 bytes of content. Source: tdx-architecture 12.5.
"""

from tdxviz.core import events as e
from tdxviz.core.tdx.call import Call
from tdxviz.core.tdx.structs import Td
from tdxviz.core.units import Gpa

BLOCK = 128


def block(name: str, gpa: Gpa) -> bytes:
    """ASCII name, zero padded; GPA at offset 16; rest zero."""
    return (name.encode().ljust(16, b"\x00") + gpa.to_bytes(8, "little")).ljust(BLOCK, b"\x00")


def page_added(call: Call, td: Td, gpa: Gpa) -> None:
    _extend(call, td, "MEM.PAGE.ADD", gpa, b"")


def content_extended(call: Call, td: Td, gpa: Gpa, content: bytes) -> None:
    """``content``: the 256 bytes at ``gpa``."""
    _extend(call, td, "MR.EXTEND", gpa, content)


def _extend(call: Call, td: Td, name: str, gpa: Gpa, content: bytes) -> None:
    call.m.mrtd[td.tdr_page].update(block(name, gpa) + content)
    call.note(e.MeasurementExtended(lp=call.lp, td=td.actor, register="MRTD", what=name, gpa=gpa))


def finalise(call: Call, td: Td) -> None:
    """Freeze MRTD in the TDCS."""
    digest = call.m.mrtd.pop(td.tdr_page).digest()
    td.tdcs.put("MRTD", digest)
    call.note(
        e.MeasurementExtended(
            lp=call.lp, td=td.actor, register="MRTD", what="MR.FINALIZE", gpa=0, digest=digest
        )
    )
