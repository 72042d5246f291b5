"""Who may do what with a page: U/S, R/W, NX, CR0.WP, SMEP and SMAP, by every combination.

The expectation below is written from the Intel SDM, volume 3, 4.6.1 and 4.7, not from the walk.
"""

import itertools

import pytest

from tdxviz.core.faults import GuestFault
from tdxviz.core.hw import path
from tdxviz.core.units import PAGE
from tests.core.hw.kit import BASE, RAM, flat, put

TABLE = BASE + 7 * PAGE
LINEAR = 1 << 39 | 2 << 30 | 3 << 21 | 4 << 12
"""One page serves as all four tables: entries 1, 2 and 3 point to it, 4 maps a page."""
P, W, U, NX = 1, 2, 4, 1 << 63
WP, SMEP, SMAP, AC, NXE = 1 << 16, 1 << 20, 1 << 21, 1 << 18, 1 << 11


def guest(leaf: int):
    p, lp, ctx = flat()
    cpu = ctx.cpu
    cpu.cr0 |= 1 << 31 | WP
    cpu.cr3, cpu.cr4, cpu.efer, cpu.bits = TABLE, 1 << 5, 0xD01 | NXE, 64
    frame = RAM + 7 * PAGE
    for n in (1, 2, 3):
        put(p, frame + 8 * n, TABLE | P | W | U)
    put(p, frame + 32, BASE | P | leaf)
    return p, lp, ctx


def error(leaf: int, access: str, *, user: bool, wp: bool, smep: bool, smap: bool, ac: bool) -> int | None:
    """The #PF's error code, None where the access is good."""
    of_user = bool(leaf & U)
    if access == "fetch":
        bad = bool(leaf & NX) or (user and not of_user) or (not user and of_user and smep)
    elif user:
        bad = not of_user or (access == "store" and not leaf & W)
    else:
        bad = (of_user and smap and not ac) or (access == "store" and not leaf & W and wp)
    return (1 | (access == "store") << 1 | user << 2 | (access == "fetch") << 4) if bad else None


def tried(p, lp, ctx, access: str) -> int | None:
    do = {"load": path.load, "fetch": path.fetch}
    try:
        if access == "store":
            path.store(p, lp, ctx, LINEAR + 8, b"x")
        else:
            do[access](p, lp, ctx, LINEAR + 8, 1)
    except GuestFault as fault:
        assert (fault.vector, fault.cr2) == (14, LINEAR + 8)
        return fault.error
    return None


SWITCHES = list(itertools.product((False, True), repeat=5))


@pytest.mark.parametrize(
    "leaf", [0, W, U, U | W, U | NX, W | NX], ids=["k", "kw", "u", "uw", "u-nx", "kw-nx"]
)
@pytest.mark.parametrize("trace", [False, True])
def test_every_combination_with_and_without_the_translation_at_hand(leaf, trace):
    p, lp, ctx = guest(leaf)
    p.trace = trace
    for user, wp, smep, smap, ac in SWITCHES:
        for access in ("load", "store", "fetch"):
            cpu = ctx.cpu
            cpu.cr0 = cpu.cr0 & ~WP | (WP if wp else 0)
            cpu.cr4 = 1 << 5 | (SMEP if smep else 0) | (SMAP if smap else 0)
            cpu.rflags, cpu.cpl = 2 | (AC if ac else 0), 3 if user else 0
            wanted = error(leaf, access, user=user, wp=wp, smep=smep, smap=smap, ac=ac)
            lp.tlb.flush()
            assert tried(p, lp, ctx, access) == wanted
            cpu.cpl, cpu.cr4, cpu.rflags = (3 if leaf & U else 0), 1 << 5, 2
            tried(p, lp, ctx, "load")  # now the TLB has the page, filled by an access that may
            assert lp.tlb.lookup(ctx.vpid, LINEAR) is not None
            cpu.cr4 = 1 << 5 | (SMEP if smep else 0) | (SMAP if smap else 0)
            cpu.rflags, cpu.cpl = 2 | (AC if ac else 0), 3 if user else 0
            assert tried(p, lp, ctx, access) == wanted
