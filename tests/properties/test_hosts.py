"""Whatever a host calls, in whatever order: pages have one owner, secrets stay, MRTD is what it is.

Source: tdx-architecture 2.3, 12.5; attack catalogue, what TDX promises against a malicious host.
"""

import hashlib
from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from tdxviz.core import commands as c
from tdxviz.core.arch import sept
from tdxviz.core.arch.leaves import BY_NAME
from tdxviz.core.events import DmaLoaded, Event, HostLoaded, LeafReturned
from tdxviz.core.host import layout
from tdxviz.core.machine import Machine
from tdxviz.core.observe import line_as_read, observe
from tdxviz.core.tdx import dispatch
from tdxviz.core.tdx.inspect import TdInfo, tds
from tdxviz.core.tdx.module import SPANS
from tdxviz.core.units import PAGE
from tests.properties import two_tds as two

TDRS = (layout.TDR, two.TDR_B)
FREE = (0x00C0_0000, 0x00C0_1000, 0x00C0_2000, 0x00E0_0000)
OWNED = (
    two.PLACE_A, two.PRIVATE_B, two.PAGES_B, two.PAGES_B + 8 * PAGE, layout.TABLES, layout.TDCX,
    layout.TDVPR, layout.TABLES + 2 * PAGE,
)  # fmt: skip
PAGES = (*FREE, *OWNED, *TDRS, layout.PAMT_4K)
GPAS = (
    two.GPA_B, two.GPA_B + PAGE, two.GPA_B + (2 << 20), layout.GUEST_BASE, layout.GUEST_BASE + 0x9000,
    layout.GUEST_BASE + 0xC000, layout.GUEST_BASE + (2 << 20),
)  # fmt: skip
HKIDS = (0x21, 0x22, 0x23)
MEMORY = [n for n in dispatch.BODIES if n.startswith(("TDH.MEM", "TDH.PHYMEM", "TDH.MR"))]

LP_A, TEN = 0, 10
WHERE = [(gpa, two.TDR_B) for gpa in GPAS[:3]] + [(gpa, layout.TDR) for gpa in GPAS[3:]]
"""GPAs that have a place in the Secure EPT, each with its own TD."""

any_page = st.sampled_from(PAGES)
free_or_not = st.one_of(st.sampled_from(FREE), st.sampled_from(OWNED))
level = st.sampled_from((0, 0, 0, 1, 1, 2, 3))
number = st.one_of(any_page, st.sampled_from(GPAS), st.sampled_from(HKIDS), st.integers(0, 2**64 - 1))
lps = st.sampled_from((1, 1, 2, 3, LP_A))
holds = st.one_of(st.none(), st.none(), st.none(), st.integers(0, 20))


def seamcall(leaf: str, lp: int = 1, **regs: int) -> c.Command:
    return c.Seamcall(rax=BY_NAME[leaf].number, lp=lp, **regs)


@cache
def wild(leaf: str) -> st.SearchStrategy[c.Command]:
    """Any numbers in any register."""
    return st.builds(
        c.Seamcall, rax=st.just(BY_NAME[leaf].number), lp=lps, rcx=number, rdx=number, r8=number,
        r9=number, hold=holds,
    )  # fmt: skip


@st.composite
def plausible(draw: st.DrawFn) -> c.Command:
    """A memory leaf with registers of the kinds it wants, often enough right to get somewhere."""
    leaf = draw(st.sampled_from(MEMORY))
    gpa, tdr = draw(st.sampled_from(WHERE))
    gpa, tdr = draw(st.sampled_from(((gpa, tdr), (gpa, tdr), (draw(st.sampled_from(GPAS)), tdr))))
    at = draw(level)
    rcx = gpa >> 12 + 9 * at << 12 + 9 * at | at
    if not BY_NAME[leaf].inputs.get("RCX", "").startswith("GPA"):
        rcx = draw(
            st.sampled_from((tdr, draw(any_page), draw(any_page) | draw(st.sampled_from(HKIDS)) << 46))
        )
    if leaf == "TDH.PHYMEM.CACHE.WB":
        rcx = draw(st.integers(0, 1))
    return c.Seamcall(
        rax=BY_NAME[leaf].number, lp=draw(lps), rcx=rcx, rdx=tdr, r8=draw(free_or_not), r9=two.SOURCE_B,
        hold=draw(holds),
    )  # fmt: skip


def shoot_down(gpa: int, tdr: int) -> list[c.Command]:
    return [
        seamcall("TDH.MEM.RANGE.BLOCK", rcx=gpa, rdx=tdr), seamcall("TDH.MEM.TRACK", rcx=tdr),
        c.RaiseInterrupt(lp=LP_A), c.RunGuest(lp=LP_A, steps=1, trace=False),
    ]  # fmt: skip


def removed(where: tuple[int, int]) -> list[c.Command]:
    return [*shoot_down(*where), seamcall("TDH.MEM.PAGE.REMOVE", rcx=where[0], rdx=where[1])]


def hasty(where: tuple[int, int]) -> list[c.Command]:
    """Without the interrupt: a running vCPU still translates the old way."""
    calm = [command for command in removed(where) if isinstance(command, c.Seamcall)]
    return [c.Seamcall(rax=0, lp=LP_A, rcx=layout.TDVPR), c.RunGuest(lp=LP_A, steps=50, trace=False), *calm]


def moved(where: tuple[int, int], page: int) -> list[c.Command]:
    return [*shoot_down(*where), seamcall("TDH.MEM.PAGE.RELOCATE", rcx=where[0], rdx=where[1], r8=page)]


def added(where: tuple[int, int], page: int, leaf: str) -> list[c.Command]:
    return [seamcall(leaf, rcx=where[0], rdx=where[1], r8=page, r9=two.SOURCE_B)]


def ended(pages: list[int]) -> list[c.Command]:
    """TD B is torn down as far as these pages go."""
    return [
        seamcall("TDH.MNG.VPFLUSHDONE", rcx=two.TDR_B), seamcall("TDH.PHYMEM.CACHE.WB"),
        seamcall("TDH.PHYMEM.CACHE.WB", lp=2), seamcall("TDH.MNG.KEY.FREEID", rcx=two.TDR_B),
        *(seamcall("TDH.PHYMEM.PAGE.RECLAIM", rcx=page) for page in pages),
    ]  # fmt: skip


where = st.sampled_from(WHERE)
sequences = st.one_of(
    st.builds(removed, where),
    st.builds(hasty, where),
    st.builds(moved, where, free_or_not),
    st.builds(added, where, free_or_not, st.just("TDH.MEM.PAGE.AUG")),
    st.builds(added, where, free_or_not, st.just("TDH.MEM.PAGE.ADD")),
    st.builds(ended, st.lists(any_page, max_size=4)),
    st.just([c.Seamcall(rax=0, lp=LP_A, rcx=layout.TDVPR)]),
)
"""What random calls would hardly ever get right together."""
one = st.one_of(
    plausible(),
    plausible(),
    st.sampled_from(list(dispatch.BODIES)).flatmap(wild),
    st.builds(c.Proceed, lp=lps),
    st.builds(c.RaiseInterrupt, lp=lps),
    st.builds(c.RunGuest, lp=lps, steps=st.integers(1, 20), trace=st.just(False)),
    st.builds(c.HostRead, hpa=any_page, size=st.just(64)),
    st.builds(c.DmaMap, iova=st.just(0), hpa=any_page),
    st.builds(c.DmaRead, iova=st.just(0x100), size=st.just(64)),
    st.builds(c.HostWrite, hpa=st.sampled_from(FREE), data=st.just(bytes(64))),
).map(lambda command: [command])
histories = st.lists(st.one_of(sequences, sequences, one), min_size=4, max_size=TEN)


class Measurement:
    """MRTD of TD B, computed from the calls that succeeded and from the content of its pages."""

    def __init__(self, machine: Machine) -> None:
        assert machine.module is not None
        self.hash = machine.module.mrtd[two.TDR_B].copy()
        self.done = False

    def add(self, machine: Machine, events: tuple[Event, ...]) -> None:
        for event in events:
            if not isinstance(event, LeafReturned) or event.status or self.done:
                continue
            rcx, rdx = event.inputs.get("RCX", 0), event.inputs.get("RDX", 0)
            if event.name == "TDH.MEM.PAGE.ADD" and rdx == two.TDR_B:
                self.hash.update(two.block_of("MEM.PAGE.ADD", rcx & -PAGE))
            elif event.name == "TDH.MR.EXTEND" and rdx == two.TDR_B:
                self.hash.update(two.block_of("MR.EXTEND", rcx) + content(machine, rcx))
            elif rcx == two.TDR_B and event.name in ("TDH.MR.FINALIZE", "TDH.PHYMEM.PAGE.RECLAIM"):
                self.done = True


def content(machine: Machine, gpa: int) -> bytes:
    td = next(t for t in tds(machine.platform, machine.module) if t.tdr == two.TDR_B)
    hpa = next(hpa for at, hpa, _ in leaves(machine, td) if at == gpa & -PAGE)
    return observe(machine, td.actor, hpa + gpa % PAGE, 256).data or b""


def leaves(machine: Machine, td: TdInfo) -> list[tuple[int, int, int]]:
    """Every leaf entry of a Secure EPT: GPA, HPA, level."""
    found: list[tuple[int, int, int]] = []

    def below(table: int, level: int, gpa: int) -> None:
        for base in range(0, PAGE, 64):
            data = line_as_read(machine, table + base, td.hkid)[0]
            for n in range(0, 64, 8):
                value = int.from_bytes(data[n : n + 8], "little")
                if value == sept.FREE_ENTRY:
                    continue
                state = sept.state_of(value)
                at = gpa | (base + n) // 8 << 12 + 9 * level
                if state in ("FREE", "REMOVED") or state not in sept.STATES:
                    continue
                if sept.STATES[state].leaf:
                    found.append((at, sept.frame(value), level))
                elif level and sept.frame(value):
                    below(sept.frame(value), level - 1, at)

    if td.sept_root:
        below(td.sept_root, 3, 0)
    return found


def check_owners(machine: Machine) -> None:
    """One owner a page: in the PAMT by construction of ranges, in the Secure EPTs by counting."""
    module = machine.module
    assert module is not None
    end = -1
    for hpa, entry in sorted(module.pamt.items()):
        assert hpa >= end, f"{hpa:#x} lies inside another page"
        assert entry.kind == "PT_TDR" or module.pamt[entry.owner].kind == "PT_TDR"
        end = hpa + SPANS[entry.size]
    named: set[int] = set()
    for td in tds(machine.platform, module):
        if module.kot[td.hkid].state == "HKID_FREE":
            continue  # torn down: nobody walks that Secure EPT any more
        for _, hpa, level in leaves(machine, td):
            entry = module.page(hpa)
            assert entry is not None
            assert (entry.kind, entry.owner, entry.size) == ("PT_REG", td.tdr, level)
            assert hpa not in named
            named.add(hpa)


def check_translations(machine: Machine) -> None:
    """What a running vCPU can still reach through its TLB belongs to its TD."""
    module = machine.module
    assert module is not None
    for lp, now in module.current.items():
        for entry in machine.platform.lps[lp].tlb.entries():
            if entry.vpid == now.hkid << 2 and not entry.shared:
                page = module.page(entry.hpa)
                assert page is not None
                assert (page.kind, page.owner) == ("PT_REG", now.tdr), hex(entry.gpa)


def check_secrets(machine: Machine, events: list[Event]) -> None:
    for event in events:
        if isinstance(event, HostLoaded | DmaLoaded):
            assert two.SECRET_A not in event.data
            assert two.SECRET_B not in event.data
        if isinstance(event, LeafReturned):
            words = b"".join(value.to_bytes(8, "little") for value in event.outputs.values())
            assert two.SECRET_A[:8] not in words
            assert two.SECRET_B[:8] not in words
    for page in (*FREE, two.PLACE_A, two.PRIVATE_B):
        for actor in ("host", "device", "probe"):
            seen = observe(machine, actor, page & -PAGE, 0x200).data or b""
            assert two.SECRET_A not in seen
            assert two.SECRET_B not in seen
    for actor, page in (("td-b", two.PLACE_A), ("td-a", two.PRIVATE_B)):
        seen = observe(machine, actor, page & -PAGE, 0x200).data or b""
        assert (two.SECRET_A if actor == "td-b" else two.SECRET_B) not in seen


@settings(max_examples=60, deadline=None)
@given(world=st.sampled_from(("ci", "li")), history=histories)
def test_no_history_of_calls_breaks_what_tdx_promises(world, history):
    machine = two.built(world)
    measured, story = Measurement(machine), []
    for command in (command for step in history for command in step):
        before = machine.copy() if isinstance(command, c.Seamcall | c.Proceed) else machine
        events = machine.do(command)
        measured.add(before, events)
        story.extend(events)
        check_translations(machine)
    check_secrets(machine, story)
    check_owners(machine)
    assert machine.module is not None
    running = machine.module.mrtd.get(two.TDR_B)
    if running is not None and not measured.done:
        assert running.hexdigest() == measured.hash.hexdigest()


def test_the_secrets_are_really_there():
    """The property would hold for a machine without secrets, too."""
    for world in ("ci", "li"):
        machine = two.built(world)
        for actor, place in (("td-a", two.PLACE_A), ("td-b", two.PRIVATE_B)):
            secret = two.SECRET_A if actor == "td-a" else two.SECRET_B
            assert secret in (observe(machine, actor, place & -PAGE, 0x200).data or b"")
        assert len(leaves(machine, tds(machine.platform, machine.module)[1])) == 1
        assert hashlib.sha384(b"").hexdigest() != machine.module.mrtd[two.TDR_B].hexdigest()
