"""MRTD against an independent computation from the commands that built the TD."""

import hashlib

from tdxviz.core.arch.leaves import BY_NAME
from tdxviz.core.commands import HostWrite, Seamcall
from tdxviz.core.host import layout
from tests.core.tdx import kit

ADD, EXTEND = BY_NAME["TDH.MEM.PAGE.ADD"].number, BY_NAME["TDH.MR.EXTEND"].number


def independent() -> bytes:
    """SHA-384 over 128-byte blocks: name at 0, GPA at 16; after MR.EXTEND the 256 bytes of content."""
    sha, source, pages = hashlib.sha384(), {}, {}
    for command in kit.stages().log:
        match command:
            case HostWrite():
                source[command.hpa] = command.data
            case Seamcall() if command.rax == ADD:
                pages[command.rcx] = source[command.r9]
                sha.update(b"MEM.PAGE.ADD\0\0\0\0" + command.rcx.to_bytes(8, "little") + bytes(104))
            case Seamcall() if command.rax == EXTEND:
                content = pages[command.rcx & ~0xFFF][command.rcx & 0xFFF :][:256]
                sha.update(b"MR.EXTEND".ljust(16, b"\0") + command.rcx.to_bytes(8, "little") + bytes(104))
                sha.update(content[:128])
                sha.update(content[128:])
    return sha.digest()


def test_mrtd_equals_an_independent_computation():
    machine = kit.before("running")
    assert kit.td(machine).tdcs.raw("MRTD") == independent()


def test_finalize_tells_the_digest_and_freezes_the_build():
    machine = kit.before("TDH.MR.FINALIZE")
    events = machine.do(kit.valid("TDH.MR.FINALIZE"))
    assert events[0].digest == independent()
    assert machine.module.mrtd == {}
    refused = kit.answer(kit.seamcall(machine, "TDH.MR.EXTEND", rcx=layout.GUEST_BASE, rdx=layout.TDR))
    assert refused.status >> 63


def test_order_matters_and_content_counts_only_when_extended():
    def build(*steps: str, content: bytes = b"") -> bytes:
        machine = kit.before("TDH.MEM.PAGE.ADD")
        add = kit.valid("TDH.MEM.PAGE.ADD")
        machine.do(HostWrite(hpa=add.r9, data=content or b"\x01", lp=0))
        for step in steps:
            if step == "add":
                assert kit.answer(machine.do(add)).status == 0
            else:
                at = add.rcx + 256 * int(step)
                assert kit.answer(kit.seamcall(machine, "TDH.MR.EXTEND", rcx=at, rdx=layout.TDR)).status == 0
        (event,) = [
            e for e in kit.seamcall(machine, "TDH.MR.FINALIZE", rcx=layout.TDR) if hasattr(e, "digest")
        ]
        return event.digest

    assert build("add", "0", "1") != build("add", "1", "0")
    assert build("add") == build("add", content=b"\x02")
    assert build("add", "0") != build("add", "0", content=b"\x02")
    assert build("add", "1") == build("add", "1", content=b"\x02")
