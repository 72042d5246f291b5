"""Another guest beside the first: a TD with a key of its own, or an ordinary VM in any world."""

import pytest

from tdxviz.core import events as e
from tdxviz.core.arch import sept
from tdxviz.core.arch.leaves import BY_NAME
from tdxviz.core.commands import EvictLine, Seamcall
from tdxviz.core.drive import drive
from tdxviz.core.host import layout, second
from tdxviz.core.hw import physical
from tdxviz.core.observe import actors, guest_actor, observe
from tdxviz.core.peek import page_map, vcpu
from tdxviz.core.peek_walk import walk
from tdxviz.core.tdx.inspect import tds
from tdxviz.core.units import page_of

SECRET = layout.hpa_of(layout.symbol("password"))


def loads(story, actor):
    return b"".join(
        n.data for n in story if isinstance(n, e.MemoryLoaded) and n.actor == actor and n.kind == "load"
    )


def add(machine, page):
    regs = {"rcx": second.PLACE, "rdx": layout.SECOND.tdr, "r8": page}
    (answer,) = [
        n
        for n in machine.do(Seamcall(rax=BY_NAME["TDH.MEM.PAGE.AUG"].number, lp=1, **regs))
        if isinstance(n, e.LeafReturned)
    ]
    return answer.status


@pytest.mark.parametrize("world", ["li", "ci"])
def test_a_second_td_runs_under_a_key_of_its_own(ready, world):
    machine = ready(world)
    drive(machine, second.build(machine))
    assert actors(machine)[:2] == ("td-a", "td-b")
    assert (guest_actor(machine), vcpu(machine, "td-b").rip) == ("td-a", second.label("accepting"))
    assert machine.platform.keys.configured()[-2:] == layout.HKIDS
    page = layout.SPARE
    assert add(machine, page) == 0
    story, _ = drive(machine, second.look(machine))
    assert loads(story, "td-b") == bytes(64)  # accepted memory is cleared
    assert observe(machine, "td-b", page, 64).kind == "readable"
    assert observe(machine, "td-a", page, 64).reason == "this page belongs to another TD"
    assert machine.copy().fingerprint() == machine.fingerprint()


def test_it_waits_for_a_page_and_can_be_built_again(ready):
    machine = ready("ci")
    for name in ("td-b", "td-c"):
        drive(machine, second.build(machine))
        story, _ = drive(machine, second.look(machine))
        (left,) = [n for n in story if isinstance(n, e.TdExited)]
        assert (left.td, left.reason) == (name, 48)
    assert actors(machine)[:2] == ("td-a", "td-c")


@pytest.mark.parametrize("world", ["legacy", "li", "ci"])
def test_an_ordinary_vm_runs_in_every_world(ready, world):
    machine = ready(world)
    drive(machine, second.build_vm(machine))
    drive(machine, second.map_vm(page_of(SECRET)))
    assert "vm-b" in actors(machine)
    assert guest_actor(machine) == ("vm-a" if world == "legacy" else "td-a")
    story, _ = drive(machine, second.look(machine))
    seen = loads(story, "vm-b")
    if world == "legacy":
        assert seen == observe(machine, "guest", SECRET, 64).data
    else:  # the owner bit is 1 and the VM's KeyID is 0
        assert seen == bytes(64)
        assert observe(machine, "guest", SECRET, 64).data != seen
    assert observe(machine, "vm-b", SECRET, 64).data == seen
    elsewhere = layout.hpa_of(layout.symbol("picture"))
    assert observe(machine, "vm-b", elsewhere, 64).reason == "not mapped in this VM"
    assert len(page_map(machine)) == machine.platform.size // 4096
    drive(machine, second.leave(machine))
    assert machine.platform.lps[layout.SECOND_LP].mode == "host"


@pytest.mark.parametrize("world", ["li", "ci"])
def test_a_page_mapped_into_both_tds_would_not_be_read_by_the_second(ready, world):
    """As if the module had a defect: TD-B's Secure EPT leads to TD-A's page, past the PAMT."""
    machine = ready(world)
    machine.do(EvictLine(hpa=SECRET, keyid=layout.HKIDS[0]))
    expected = observe(machine, "td-a", SECRET, 64).data
    drive(machine, second.build(machine))
    td = tds(machine.platform, machine.module)[1]
    entry = walk(machine, second.PLACE, td).steps[-1].entry_hpa
    mapped = sept.make_entry("MAPPED", page_of(SECRET)).to_bytes(8, "little")
    physical.write_physical(machine.platform, entry, td.hkid, mapped)
    story, _ = drive(machine, second.look(machine))
    seen = loads(story, "td-b")
    if world == "ci":  # the MAC was made under another key
        assert seen == b""
        assert [n.context for n in story if isinstance(n, e.MachineCheckRaised)] == ["td-b"]
    else:  # the owner bit is 1: noise
        assert len(seen) == 64 and seen != expected and any(seen)


def test_a_private_keyid_in_its_ept_leaves_the_vm(ready):
    machine = ready("ci")
    drive(machine, second.build_vm(machine))
    drive(machine, second.map_vm(page_of(SECRET), keyid=layout.HKIDS[0]))
    assert page_map(machine)  # a view that walks the table survives the address
    story, _ = drive(machine, second.look(machine))
    (left,) = [n for n in story if isinstance(n, e.VmExited)]
    assert (left.vm, left.reason) == ("vm-b", 49)
    assert "private KeyID" in left.why
    assert loads(story, "vm-b") == b""


def test_poison_that_it_meets_is_its_own_trouble(ready):
    machine = ready("ci")
    drive(machine, second.build_vm(machine))
    page = layout.SPARE
    machine.platform.memctl.poison(page + 0x540, 0)
    drive(machine, second.map_vm(page))
    story, _ = drive(machine, second.look(machine))
    assert [n.context for n in story if isinstance(n, e.MachineCheckRaised)] == ["vm-b"]
    assert not machine.module.dead and observe(machine, "guest", SECRET, 8).kind == "readable"
