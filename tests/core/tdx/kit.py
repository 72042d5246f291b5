"""Machines stopped right before each leaf of an honest build, and ways to bend them."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, cached_property

from tdxviz.core.arch.leaves import BY_NAME
from tdxviz.core.commands import Command, HostWrite, Seamcall
from tdxviz.core.events import Event, LeafReturned
from tdxviz.core.faults import Intercept
from tdxviz.core.guest import programs
from tdxviz.core.host import boot, layout, run
from tdxviz.core.hw import physical
from tdxviz.core.machine import Machine
from tdxviz.core.tdx import guest_side
from tdxviz.core.tdx.structs import Td, Vcpu
from tdxviz.core.units import split_keyid

NAMES = {leaf.number: leaf.name for leaf in BY_NAME.values() if leaf.side == "host"}
DEMAND = layout.GUEST_BASE + 0xA000
FREE_PAGE = 0x0080_0000
"""A free page, 2 MiB aligned, that the scenario never uses."""


@dataclass(frozen=True)
class Stages:
    before: dict[str, tuple[Machine, Seamcall]] = field(default_factory=dict)
    """Leaf -> the machine right before the build's first use of it, and that use."""
    log: list[Command] = field(default_factory=list)


@cache
def stages() -> Stages:
    machine, found = Machine("ci"), Stages()

    def script():
        yield from boot.bring_up()
        yield from boot.build_td(programs.load("vault"))
        yield from run.resume(machine, steps=60_000, until=layout.symbol("ready"), trace=False)

    steps = script()
    command = next(steps)
    try:
        while True:
            if isinstance(command, Seamcall):
                machine.platform.dram.digest(hashlib.sha256())  # its copies need not hash these pages again
                found.before.setdefault(NAMES[command.rax & 0xFFFF], (machine.copy(), command))
            found.log.append(command)
            command = steps.send(machine.do(command))
    except StopIteration:
        found.before["running"] = (machine, Seamcall(rax=0))
    return found


Elsewhere = dict[str, tuple[str, dict[str, int], tuple["Prepare", ...]]]


@cache
def elsewhere() -> Elsewhere:
    """Leaves that the honest build never uses, from VALID of the ``checks_*`` modules: the stage,
    the registers of a call that succeeds there, and what must happen first."""
    from tests.core.tdx import cases

    return cases.gather("VALID")


def known(leaf: str) -> bool:
    return leaf in stages().before or leaf in elsewhere()


def before(leaf: str) -> Machine:
    if leaf in elsewhere():
        stage, _, prepare = elsewhere()[leaf]
        machine = before(stage)
        for step in prepare:
            step(machine)
        return machine
    return stages().before[leaf][0].copy()


def valid(leaf: str) -> Seamcall:
    """The call of that leaf that an honest host makes, and that succeeds."""
    if leaf in elsewhere():
        return Seamcall(rax=BY_NAME[leaf].number, **elsewhere()[leaf][1])
    return stages().before[leaf][1]


def valid_tdcall(leaf: str) -> tuple[Event, ...]:
    """A TDCALL of that leaf that succeeds, carried out."""
    machine = before(leaf)
    return tdcall(machine, leaf, **elsewhere()[leaf][1])


def registers(call: Seamcall) -> dict[str, int]:
    names = [name for name in Seamcall.__struct_fields__ if name not in ("rax", "trace")]
    return {name: getattr(call, name) for name in names if getattr(call, name)}


def seamcall(machine: Machine, leaf: str, *, version: int = 0, **regs: int) -> tuple[Event, ...]:
    return machine.do(Seamcall(rax=BY_NAME[leaf].number | version << 16, **regs))


def answer(events: tuple[Event, ...]) -> LeafReturned:
    found = [e for e in events if isinstance(e, LeafReturned)]
    assert len(found) == 1, events
    return found[0]


@dataclass(frozen=True, eq=False)
class Essence:
    """What counts of a machine: caches written back, the registers of SEAMCALL and TDCALL left out."""

    machine: Machine
    quick: tuple[str, tuple]
    """Fingerprint without caches, and the dirty lines: where these agree, all agrees."""

    def __eq__(self, other: object) -> bool:
        assert isinstance(other, Essence)
        return self.quick == other.quick or self.written_back == other.written_back

    @cached_property
    def written_back(self) -> str:
        twin = self.machine.copy()
        for tag in sorted(twin.platform.cache.lines):
            physical.evict(twin.platform, *split_keyid(tag), "test")
        return bare(twin)


def bare(machine: Machine) -> str:
    """Fingerprint without cache and registers, which go."""
    machine.platform.cache.clear()
    for lp in machine.platform.lps:
        lp.gprs = [0] * 16
        lp.cpu.gprs[0] = lp.cpu.rip = 0
    return machine.fingerprint()


def essence(machine: Machine) -> Essence:
    machine.platform.dram.digest(hashlib.sha256())  # hashes of pages are kept there, and copied from there
    lines = sorted(machine.platform.cache.lines.items())
    dirty = tuple((tag, line.data) for tag, line in lines if line.dirty)
    return Essence(machine.copy(), (bare(machine.copy()), dirty))


def td(machine: Machine) -> Td:
    assert machine.module is not None
    return Td(machine.platform, machine.module, layout.TDR)


def vcpu(machine: Machine) -> Vcpu:
    return Vcpu(td(machine), layout.TDVPR)


Prepare = Callable[[Machine], None]


def config(**changes) -> Prepare:
    def prepare(machine: Machine) -> None:
        assert machine.module is not None
        machine.module.config = machine.module.config._replace(**changes)

    return prepare


def tdr_field(name: str, value: int) -> Prepare:
    def prepare(machine: Machine) -> None:
        td(machine).tdr[name] = value

    return prepare


def tdcs_field(name: str, value: int) -> Prepare:
    def prepare(machine: Machine) -> None:
        td(machine).tdcs[name] = value

    return prepare


def vps_field(name: str, value: int) -> Prepare:
    def prepare(machine: Machine) -> None:
        vcpu(machine).vps[name] = value

    return prepare


def host_bytes(hpa: int, data: bytes) -> Prepare:
    def prepare(machine: Machine) -> None:
        machine.do(HostWrite(hpa=hpa, data=data, lp=0))

    return prepare


def first(leaf: str, **regs: int) -> Prepare:
    """Another successful call before."""

    def prepare(machine: Machine) -> None:
        assert answer(seamcall(machine, leaf, **regs)).status == 0

    return prepare


def tdcall(
    machine: Machine, leaf: str, *, lp: int = 0, version: int = 0, **regs: int
) -> tuple[Event, ...]:  # fmt: skip
    """One TDCALL of the guest that runs on ``lp``, wherever its RIP is."""
    from tdxviz.core.arch.registers import GPR_NAMES

    assert machine.module is not None
    cpu = machine.platform.lps[lp].cpu
    cpu.gprs[0] = BY_NAME[leaf].number | version << 16
    for name, value in regs.items():
        cpu.gprs[GPR_NAMES.index(name.upper())] = value
    machine._news = []
    fault = guest_side.guest_intercept(machine.platform, machine.module, lp, Intercept("TDCALL", 4))
    assert fault is None
    return tuple(machine._news)


def host_read(machine: Machine, hpa: int, size: int) -> bytes:
    """Bytes that the host sees under KeyID 0."""
    return physical.read_physical(machine.platform, hpa, 0, size)
