"""The border between guest and host, at random: what the host sees, and what interruption leaves behind.

Two properties. Values: no register of the guest turns up anywhere in the host's sight unless it was
handed over, and in the end the guest is where an undisturbed one is. Interference: what the host sees
is the same, whatever the secrets are. The last test plants leaks and losses and sees them caught.
"""

from collections.abc import Callable
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tdxviz.core.hw.cpu import CpuState
from tdxviz.core.hw.host_state import HostState
from tdxviz.core.tdx import entry, leaving, vcpu_state
from tests.properties import border

LENGTH, ROUNDS = 26, 7
SLOW = [HealthCheck.too_slow]


def check_values(seed: int) -> None:
    rng = Random(seed)
    world = border.prepared(border.random_program(rng, LENGTH))
    calm = border.Border(world.machine.copy(), world.end)
    calm.finish()
    border.disturb(world, rng, ROUNDS)
    world.finish()
    assert (world.private - world.given) & world.shown() == set()
    assert world.state() == calm.state()


def transcript(seed: int, secret: int) -> list[object]:
    """Everything that the host sees of a program that keeps its secrets to itself."""
    rng = Random(seed)
    world = border.prepared(border.discreet_program(rng, LENGTH), secret)
    border.disturb(world, rng, ROUNDS)
    world.finish()
    return list(world.seen)


def check_interference(seed: int) -> None:
    assert transcript(seed, border.SECRET) == transcript(seed, 0x0123_4567_0000_0000)


@settings(max_examples=60, deadline=None, suppress_health_check=SLOW)
@given(st.integers(0, 2**32))
def test_the_host_sees_nothing_and_the_guest_notices_nothing(seed):
    check_values(seed)


@settings(max_examples=30, deadline=None, suppress_health_check=SLOW)
@given(st.integers(0, 2**32))
def test_what_the_host_sees_does_not_depend_on_secrets(seed):
    check_interference(seed)


def test_the_histories_are_worth_their_name():
    """Random programs really exit for many reasons, and every host action really happens."""
    reasons, leaves, lps = set(), set(), set()
    for seed in range(25):
        rng = Random(seed)
        world = border.prepared(border.random_program(rng, LENGTH))
        border.disturb(world, rng, ROUNDS)
        lps.add(world.lp)
        reasons |= {n.reason for n in world.seen if isinstance(n, border.e.TdExited)}
        leaves |= {n.name for n in world.seen if isinstance(n, border.e.LeafReturned) and n.side == "host"}
    assert reasons >= {0, 1, 3, 6, 48, 77}
    assert leaves >= {"TDH.VP.FLUSH", "TDH.MEM.PAGE.RELOCATE", "TDH.MEM.RANGE.UNBLOCK", "TDH.VP.RD"}
    assert lps == {0, 1, 2, 3}


# --- planted ------------------------------------------------------------------------------------------

Plant = Callable[[pytest.MonkeyPatch], None]


def _gprs_stay(m: pytest.MonkeyPatch) -> None:
    """An asynchronous exit forgets to scrub RBX."""
    old = leaving.async_exit

    def leaky(p, module, lp, exit_, *, state="READY"):
        rbx = p.lps[lp].cpu.gprs[3]
        old(p, module, lp, exit_, state=state)
        p.lps[lp].gprs[3] = rbx

    m.setattr(leaving, "async_exit", leaky)


def _mask_is_ignored(m: pytest.MonkeyPatch) -> None:
    """A TDVMCALL shows RBP though it was not selected."""
    old = leaving.vmcall_exit

    def leaky(p, module, lp, length):
        rbp = p.lps[lp].cpu.gprs[5]
        old(p, module, lp, length)
        p.lps[lp].gprs[5] = rbp

    m.setattr(entry, "vmcall_exit", leaky)


def _vectors_stay(m: pytest.MonkeyPatch) -> None:
    old = leaving.hand_over

    def leaky(p, processor, host, xmm, now, exit_, **how):
        old(p, processor, host, list(processor.cpu.xmm), now, exit_, **how)

    m.setattr(leaving, "hand_over", leaky)


def _debug_registers_stay(m: pytest.MonkeyPatch) -> None:
    """Nobody resets DR0 to DR3 and CR2 behind the guest."""
    old = leaving.hand_over

    def leaky(p, processor, host, xmm, now, exit_, **how):
        cpu: CpuState = processor.cpu
        old(p, processor, host, xmm, now, exit_, **how)
        processor.host.dr, processor.host.cr2 = list(cpu.dr), cpu.cr2

    m.setattr(leaving, "hand_over", leaky)


def _msrs_stay(m: pytest.MonkeyPatch) -> None:
    """No guest of this test writes them, so the kernel's GS base is made to hold a secret."""

    def leaky(self, xfam):
        self.msrs["IA32_KERNEL_GS_BASE"] = border.SECRET + 4 * 0x0101_0101

    m.setattr(HostState, "scrub", leaky)


def _a_register_is_not_saved(m: pytest.MonkeyPatch) -> None:
    old = vcpu_state.save

    def lossy(vcpu, cpu):
        twin = cpu.copy()
        twin.gprs[13] = 0
        old(vcpu, twin)

    m.setattr(vcpu_state, "save", lossy)


def _flags_are_not_saved(m: pytest.MonkeyPatch) -> None:
    old = vcpu_state.save

    def lossy(vcpu, cpu):
        twin = cpu.copy()
        twin.rflags &= ~0x8D5
        old(vcpu, twin)

    m.setattr(vcpu_state, "save", lossy)


def _the_hosts_values_get_in(m: pytest.MonkeyPatch) -> None:
    """Entry takes the host's RDX after any exit."""
    old = vcpu_state.restore

    def bold(vcpu):
        cpu = old(vcpu)
        cpu.gprs[2] = border.ANSWERS["rdx"]
        return cpu

    m.setattr(entry.vcpu_state, "restore", bold)


def _the_qualification_tells_the_offset(m: pytest.MonkeyPatch) -> None:
    """R8 of an exit holds a whole register instead of a page-aligned address."""
    old, before = leaving.host_registers, leaving.async_exit
    low: list[int] = [0]

    def leaky(exit_):
        host = old(exit_)
        host[8] |= low[0]
        return host

    def watched(p, module, lp, exit_, *, state="READY"):
        low[0] = p.lps[lp].cpu.gprs[6] >> 60
        before(p, module, lp, exit_, state=state)

    m.setattr(leaving, "host_registers", leaky)
    m.setattr(leaving, "async_exit", watched)


VALUES: tuple[Plant, ...] = (
    _gprs_stay, _mask_is_ignored, _vectors_stay, _debug_registers_stay, _msrs_stay, _a_register_is_not_saved,
    _flags_are_not_saved, _the_hosts_values_get_in,
)  # fmt: skip
INTERFERENCE: tuple[Plant, ...] = (
    _gprs_stay, _mask_is_ignored, _vectors_stay, _debug_registers_stay, _the_qualification_tells_the_offset,
)  # fmt: skip


@pytest.mark.parametrize(
    ("plant", "check"),
    [*((plant, check_values) for plant in VALUES), *((plant, check_interference) for plant in INTERFERENCE)],
    ids=lambda value: value.__name__.strip("_"),
)
def test_a_planted_leak_or_loss_is_caught(plant, check, monkeypatch):
    plant(monkeypatch)
    for seed in range(30):
        try:
            check(seed)
        except AssertionError:
            return
    pytest.fail("thirty random histories did not notice it")
