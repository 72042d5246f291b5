"""Power-on: what stays, what is new, and what keeps TDX off."""

import pytest

from tdxviz.core import commands as c
from tdxviz.core import events as e
from tdxviz.core import power
from tdxviz.core.arch.msr_policy import ARCH_CAPABILITIES
from tdxviz.core.arch.status import name_of
from tdxviz.core.drive import drive
from tdxviz.core.host.boot import bring_up
from tdxviz.core.hw.dram import Dram
from tdxviz.core.machine import Machine
from tdxviz.core.observe import observe


@pytest.mark.parametrize("world", ["legacy", "li", "ci"])
def test_guests_and_memory_are_gone_and_keys_are_new(ready, world):
    machine = ready(world)
    before = machine.platform.memctl.mac_key
    (event,) = machine.do(c.Reboot())
    assert event == e.MachineRebooted(tdx=world != "legacy")
    assert machine.platform.memctl.mac_key != before
    assert observe(machine, "guest", 0x41_3540, 8).kind == "refused"
    assert machine.vms == {} and {lp.mode for lp in machine.platform.lps} == {"host"}


def test_the_module_comes_up_again(ready):
    machine = ready("ci")
    machine.do(c.Reboot())
    drive(machine, bring_up())
    assert machine.module is not None and machine.module.sys_state == "SYS_READY"


def test_an_unlocked_smrr_is_refused_at_init():
    machine = Machine("ci")
    machine.do(c.Reboot(smrr_locked=False))
    (answer,) = [n for n in machine.do(c.Seamcall(rax=33)) if isinstance(n, e.LeafReturned)]
    assert answer.status >> 63 and machine.module is not None
    assert machine.module.sys_state == "SYSINIT_PENDING"


@pytest.mark.parametrize(("claimed", "found"), [(1, False), (2, True), (4, True)])
def test_the_boot_check_finds_aliases_by_trying(claimed, found):
    assert power.aliases(Dram((1 << 20) * claimed, 1 << 20)) is found


def test_ghost_addresses_share_their_cells():
    machine = Machine("legacy")
    size = machine.platform.size
    machine.do(c.Reboot(spd_factor=2))
    assert machine.platform.size == 2 * size
    machine.do(c.HostWrite(hpa=0x20_0000, data=bytes([7]) * 64, how="full-line"))
    (read,) = [n for n in machine.do(c.HostRead(hpa=size + 0x20_0000)) if isinstance(n, e.HostLoaded)]
    assert read.data == bytes([7]) * 64


def test_with_aliases_every_seamcall_fails():
    machine = Machine("ci")
    (event,) = machine.do(c.Reboot(spd_factor=2))
    assert (event.tdx, event.why) == (False, power.ALIAS)
    (failed,) = machine.do(c.Seamcall(rax=33))
    assert isinstance(failed, e.SeamcallFailed) and failed.how == "VMfailInvalid"


def test_a_machine_that_is_off_can_be_switched_on_and_nonsense_is_refused():
    machine = Machine("ci")
    machine.do(c.DumpDimm(hpa=0))
    (event,) = machine.do(c.Reboot())
    assert isinstance(event, e.MachineRebooted) and machine.platform.powered
    (refused,) = machine.do(c.Reboot(spd_factor=3))
    assert isinstance(refused, e.CommandRefused) and "spd_factor" in refused.reason


def test_two_boots_of_one_seed_are_equal_and_differ_from_one():
    one, two = Machine("ci"), Machine("ci")
    first = one.fingerprint()
    for machine in (one, two):
        machine.do(c.Reboot())
    assert one.fingerprint() == two.fingerprint() != first


def test_processors_that_are_open_to_known_attacks_keep_tdx_off():
    machine = Machine("ci")
    for missing, word in ((1 << 0 | 1 << 5, "RDCL_NO, MDS_NO"), (1 << 1, "IBRS_ALL"), (1 << 21, "XAPIC")):
        machine.do(c.Reboot(arch_capabilities=ARCH_CAPABILITIES & ~missing))
        answer = machine.do(c.Seamcall(rax=33))[-1]
        assert isinstance(answer, e.LeafReturned)
        assert name_of(answer.status) == "TDX_INCORRECT_MSR_VALUE" and word in answer.reason
        assert answer.status & 0xFFFF_FFFF == 0x10A  # the MSR
        assert machine.platform.lps[0].predictor.separate == (not missing & 2)
    machine.do(c.Reboot(arch_capabilities=ARCH_CAPABILITIES | 1 << 2))
    answer = machine.do(c.Seamcall(rax=33))[-1]
    assert isinstance(answer, e.LeafReturned) and "RSBA" in answer.reason
    machine.do(c.Reboot())
    answer = machine.do(c.Seamcall(rax=33))[-1]
    assert isinstance(answer, e.LeafReturned) and answer.status == 0
    assert not Machine("legacy").platform.lps[0].predictor.separate
