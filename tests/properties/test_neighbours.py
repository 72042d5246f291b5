"""An ordinary VM beside TDs, whose EPT its host fills as it likes: it reads no secret and changes nothing unseen."""

from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from tdxviz.core import commands as c
from tdxviz.core.events import MemoryLoaded, VmExited
from tdxviz.core.host import layout
from tdxviz.core.machine import Machine
from tdxviz.core.observe import observe
from tdxviz.core.units import PAGE, is_private
from tests.properties import two_tds as two
from tests.properties.test_hosts import check_owners

EPT, POOL, CODE_PAGE = 0x00D0_0000, 0x00D1_0000, 0x00D2_0000
CODE, LOOK, LP = 0x5000, 0x9000, 3
READER = bytes.fromhex("488b06 4883c608 ebf7")  # mov rax, [rsi]; add rsi, 8; jmp back
WRITER = bytes.fromhex("488906 4883c608 ebf7")  # mov [rsi], rax
SECRETS = ((two.PLACE_A, two.SECRET_A, "td-a"), (two.PRIVATE_B + 0x100, two.SECRET_B, "td-b"))
PAGES = (two.PLACE_A, two.PRIVATE_B, layout.TABLES, layout.TDR, layout.TDVPR, layout.PAMT_4K)

looks = st.tuples(
    st.sampled_from(PAGES), st.sampled_from((0, 0, 0, 1, 15, 16, 0x20, 0x21, 0x22, 63)), st.integers(0, 7),
    st.booleans(), st.sampled_from((0, 0x100)),
)  # fmt: skip


@cache
def beside(world: str) -> Machine:
    """Two TDs whose secrets lie in memory, and a VM of two instructions."""
    machine = two.built(world)
    for place, _, actor in SECRETS:
        machine.do(c.EvictLine(hpa=place, keyid=layout.HKIDS[actor == "td-b"]))
    machine.do(c.VmCreate(vm=1, eptp=EPT))
    code = READER.ljust(64, b"\x90") + WRITER.ljust(64, b"\x90")
    machine.do(c.HostWrite(hpa=CODE_PAGE, data=code, how="full-line"))
    machine.do(c.VmMap(vm=1, gpa=CODE, hpa=CODE_PAGE, tables=POOL))
    machine.vms[1].cpu.bits = 64
    return machine


def look(machine: Machine, page: int, keyid: int, perms: int, store: bool, offset: int) -> tuple:
    machine.do(c.VmMap(vm=1, gpa=LOOK, hpa=page & -PAGE, tables=POOL, perms=perms, keyid=keyid))
    machine.do(c.VmInvept(vm=1))
    machine.do(c.VmWrite(vm=1, register="RSI", value=LOOK + offset))
    machine.do(c.VmWrite(vm=1, register="RIP", value=CODE + 64 * store))
    machine.do(c.VmEnter(vm=1, lp=LP))
    story = machine.do(c.RunGuest(lp=LP, steps=48))
    if machine.platform.lps[LP].mode != "host":
        machine.do(c.RaiseInterrupt(lp=LP))
        machine.do(c.RunGuest(lp=LP, steps=1))
    for line in range(page & -PAGE, (page & -PAGE) + 0x200, 64):
        machine.do(c.FlushLine(hpa=line))
    return story


@settings(max_examples=25, deadline=None)
@given(world=st.sampled_from(("ci", "li")), history=st.lists(looks, min_size=1, max_size=3))
def test_no_ept_of_an_ordinary_vm_breaks_what_tdx_promises(world, history):
    machine = beside(world).copy()
    before = {actor: observe(machine, actor, at, 64).data for at, _, actor in SECRETS}
    assert all(secret in before[actor] for _, secret, actor in SECRETS)
    for page, keyid, perms, store, offset in history:
        store = store and page != layout.TDR  # without its TDR a TD is nobody whom one could ask
        story = look(machine, page, keyid, perms, store, offset)
        seen = b"".join(
            n.data for n in story if isinstance(n, MemoryLoaded) and n.actor == "vm-b" and n.kind == "load"
        )
        assert not any(secret[:8] in seen for _, secret, _ in SECRETS)
        reasons = [n.reason for n in story if isinstance(n, VmExited)]
        if perms in (2, 6) or (perms and is_private(keyid)):
            assert reasons == [49]
    for at, _, actor in SECRETS:
        now = observe(machine, actor, at, 64)
        assert now.data == before[actor] or now.kind != "readable"
    check_owners(machine)
