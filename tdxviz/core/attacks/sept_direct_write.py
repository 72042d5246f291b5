"""The host edits the guest's page tables where they lie in memory."""

import struct

from tdxviz.core.attacks.scene import Attack, Play, Scene
from tdxviz.core.commands import EvictLine, FlushLine, HostWrite
from tdxviz.core.host import layout
from tdxviz.core.units import LINE, PAGE, line_of, page_of

RWX = 7


def play(scene: Scene) -> Play:
    yield from scene.run_until("loop_end")
    scene.target_symbol("password")
    other = page_of(scene.at("picture"))
    entry = scene.table_entry(page_of(scene.gla))
    yield from scene.kick()
    if scene.legacy:
        yield HostWrite(hpa=entry, data=struct.pack("<Q", other | RWX), lp=scene.lp)
    else:
        line = line_of(entry)
        yield EvictLine(hpa=line, keyid=scene.keyid)
        yield HostWrite(hpa=line, data=struct.pack("<Q", other | RWX) * 8, how="full-line")
        yield FlushLine(hpa=line, keyid=0)
    yield from scene.forget_translations()
    yield from scene.run_until("password_read")
    yield from scene.try_again()


def tdr_write(scene: Scene) -> Play:
    yield from scene.run_until("loop_end")
    scene.target_symbol("password")
    yield from scene.kick()
    if not scene.legacy:
        yield EvictLine(hpa=layout.TDR, keyid=layout.GLOBAL_HKID)
        yield HostWrite(hpa=layout.TDR, data=bytes([0xCC]) * LINE, how="full-line")
        yield FlushLine(hpa=layout.TDR, keyid=0)
    yield scene.call("TDH.MEM.TRACK", rcx=layout.TDR)
    if not scene.legacy:
        yield scene.call("TDH.MEM.TRACK", lp=2, rcx=layout.TDR)


def pamt_write(scene: Scene) -> Play:
    yield from scene.run_until("loop_end")
    scene.target_symbol("password")
    page = page_of(scene.hpa)
    yield from scene.kick()
    if not scene.legacy:
        line = line_of(layout.PAMT_4K + page // PAGE * layout.PAMT_ENTRY)
        yield EvictLine(hpa=line, keyid=layout.GLOBAL_HKID)
        yield HostWrite(hpa=line, data=bytes([0xCC]) * LINE, how="full-line")
        yield FlushLine(hpa=line, keyid=0)
    yield scene.call("TDH.PHYMEM.PAGE.RDMD", rcx=page)
    if not scene.legacy:
        yield scene.call("TDH.PHYMEM.PAGE.RDMD", lp=2, rcx=layout.TDR)


ATTACK = Attack(
    id="sept-direct-write",
    title="Edit the Secure EPT in memory",
    who="Host software",
    what="overwrites eight entries of the guest's page table",
    where="the entry that leads to the password",
    question="The host donated that page itself. Does the page walk believe what it finds there?",
    position="software",
    property="memory-tamper-detection",
    source="attack catalogue 12; rules R1, R2 and R8",
    play=play,
).with_variants(
    ("pamt-write", "The same write on a line of the PAMT", pamt_write),
    ("tdr-write", "The same write on the TDR page", tdr_write),
)
