"""Machine: the only writer of a world's state. Commands in, events out.

Same world + same seed + same commands = same fingerprint, everywhere.
"""

import hashlib
from operator import attrgetter
from typing import assert_never

from tdxviz.core import commands as c
from tdxviz.core import host_software, legacy, power, relying, running
from tdxviz.core.books import NONE, Books
from tdxviz.core.events import CommandRefused, Event, SeamcallFailed
from tdxviz.core.faults import TdxvizError
from tdxviz.core.hw import interrupts, io, privileged
from tdxviz.core.hw.platform import SIZE, Platform
from tdxviz.core.tdx import dispatch
from tdxviz.core.tdx.module import Module, PlatformConfig
from tdxviz.core.units import GIB, U64, World
from tdxviz.core.world import State, Vm

SEAMCALL_REGISTERS = (
    "rax", "rcx", "rdx", "rbx", "rbp", "rsi", "rdi",
    "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
)  # fmt: skip
_VALUES = attrgetter(*SEAMCALL_REGISTERS)

MOST = 64 * GIB
"""Largest memory of a machine."""


class Frozen(Exception):
    """The wanted number of events was reached in the middle of a command."""


class Machine:
    """One simulated platform in one of three worlds.

    ``machine.do(command)`` is the only way to change it. Everything else is for reading:
    ``tdxviz.core.observe`` and ``tdxviz.core.peek`` answer questions without disturbing anything.
    """

    def __init__(self, world: World = "ci", seed: int = 7, size: int = SIZE) -> None:
        """``size``: bytes of memory, SIZE or whole GiB; sparse, so a larger one costs nothing.

        Raises:
            TdxvizError: another size.
        """
        if size != SIZE and (size < GIB or size % GIB or size > MOST):
            raise TdxvizError(f"a machine has {SIZE:#x} bytes of memory, or whole GiB up to {MOST:#x}")
        self.world: World = world
        self.seed = seed
        module = None if world == "legacy" else Module(config=PlatformConfig(cmrs=((0, size),)))
        self.state = State(world, Platform.fresh(world, seed, size), module)
        self.frozen = False
        self.books: Books = NONE
        """What the host that built the guest knows of it; no part of the state."""
        self.ran = 0
        """Steps that the newest ``RunGuest`` took; no part of the state."""
        self._news: list[Event] = []
        self._limit = -1
        self._listen()

    @property
    def platform(self) -> Platform:
        return self.state.platform

    @property
    def module(self) -> Module | None:
        """None in the legacy world."""
        return self.state.module

    @property
    def vms(self) -> dict[int, Vm]:
        return self.state.vms

    def _listen(self) -> None:
        self.platform.listen(self._note)
        self.platform.trace = False

    def _note(self, event: Event) -> None:
        self._news.append(event)
        if len(self._news) == self._limit:
            raise Frozen

    def do(self, command: c.Command, stop_after: int | None = None) -> tuple[Event, ...]:
        """Carry out one command and return what happened, in order.

        With ``stop_after`` the machine freezes right after that many events, in the middle of the
        command: good for looking at, not for going on (``frozen`` is then True and a further
        ``do`` raises).
        """
        if self.frozen:
            raise RuntimeError("a machine frozen in mid-command cannot go on; replay a copy instead")
        self._news = []
        self._limit = -1 if stop_after is None else stop_after
        self.platform.news = self._news if stop_after is None else None
        if stop_after == 0:
            self.frozen = True
            return ()
        try:
            self._carry_out(command)
        except Frozen:
            self.frozen = True
        finally:
            self.platform.trace = False
        return tuple(self._news)

    def _carry_out(self, command: c.Command) -> None:
        p = self.platform
        p.trace = getattr(command, "trace", True)
        if not p.powered and not isinstance(command, c.BusCapture | c.Reboot):
            self._refuse(command, "the machine is switched off; go back in time or start anew")
            return
        lp = getattr(command, "lp", 0)
        if not 0 <= lp < len(p.lps):
            self._refuse(command, f"there is no logical processor {lp}; it has 0..{len(p.lps) - 1}")
            return
        p.cache.package = p.lps[lp].package
        if self._is_inside(command, lp):
            return
        match command:
            case c.Seamcall():
                self._seamcall(command)
            case c.Proceed():
                self._proceed(command)
            case c.Tdcall():
                running.tdcall(self.state, command)
            case c.RunGuest():
                self.ran = running.run_guest(self.state, command)
            case c.RaiseInterrupt():
                running.raise_interrupt(self.state, command)
            case c.Reboot():
                self._reboot(command)
            case c.CheckReport():
                relying.check_report(self.state, command)
            case c.HostClock():
                host_software.clock(self.state, command)
            case c.HostCount():
                host_software.count(self.state, command)
            case c.HostBranch():
                host_software.branch(self.state, command)
            case c.HostWait():
                running.wait(self.state, command)
            case c.VmCreate() | c.VmMap() | c.VmEnter() | c.VmWrite() | c.VmCpuid() | c.VmInvept():
                legacy.vm_command(self.state, command)
            case c.HostRead() | c.HostTime() | c.HostWrite() | c.FlushLine() | c.EvictLine():
                io.host_command(p, command)
            case c.DmaMap() | c.DmaRead() | c.DmaWrite():
                io.device_command(p, command)
            case c.BusCapture() | c.BusInject() | c.FlipBit() | c.DumpDimm():
                io.probe_command(p, command)
            case c.HostExec():
                privileged.host_exec(p, command)
            case c.HostApic():
                interrupts.host_apic(p, command)
            case c.ReadHostRegisters():
                host_software.read_host_registers(self.state, command)
            case _:
                assert_never(command)  # type: ignore[arg-type]  # because Command is open to subclassing

    def _refuse(self, command: c.Command, reason: str) -> None:
        self._note(CommandRefused(command=type(command).__name__, reason=reason))

    def _is_inside(self, command: c.Command, lp: int) -> bool:
        """Whether the processor is still busy with a call, so that this command has to wait."""
        if self.module is None or not self.module.inside:
            return False
        held = self.module.inside.get(lp) if hasattr(command, "lp") else None
        if held is None or isinstance(command, c.Proceed | c.RaiseInterrupt):
            return False
        self._refuse(command, f"logical processor {lp} is still inside {held.name}; let it proceed")
        return True

    def _proceed(self, command: c.Proceed) -> None:
        if self.module is None or command.lp not in self.module.inside:
            self._refuse(command, f"logical processor {command.lp} is in no call")
            return
        self.platform.trace = False
        running.proceed(self.state, command.lp)

    def _reboot(self, command: c.Reboot) -> None:
        if command.spd_factor not in power.SPD_FACTORS:
            self._refuse(command, f"spd_factor {command.spd_factor} must be one of {power.SPD_FACTORS}")
            return
        self.state, event = power.reboot(self.state, command)
        self._listen()
        self._note(event)

    def _seamcall(self, command: c.Seamcall) -> None:
        p, module, lp = self.platform, self.module, command.lp
        if module is None:
            self._note(SeamcallFailed(lp=lp, how="#UD"))
            return
        if p.lps[lp].mode != "host":
            self._refuse(command, f"a guest runs on logical processor {lp}; SEAMCALL is the host's")
            return
        if command.rax >> 63 & 1:
            self._refuse(
                command, "RAX bit 63 calls the P-SEAMLDR, which is not modelled, and not the TDX module"
            )
            return
        values = _VALUES(command)
        if min(values) < 0 or max(values) > U64:
            values = [value & U64 for value in values]
        regs: dict[str, int] = dict(zip(SEAMCALL_REGISTERS, values, strict=True))
        p.trace = False  # the module's own accesses are not the learner's
        if command.hold is None or not dispatch.hold(p, module, lp, regs, command.hold):
            dispatch.seamcall(p, module, lp, regs)

    def fingerprint(self) -> str:
        """Hash of the whole state, as hex."""
        h = hashlib.sha256(f"{self.world}:{self.seed}".encode())
        self.platform.digest(h)
        if self.module is not None:
            self.module.digest(h)
        for number, vm in sorted(self.vms.items()):
            h.update(repr((number, vm)).encode())
        return h.hexdigest()

    def copy(self) -> "Machine":
        """An independent machine in the same state; cheap, memory pages are shared until written."""
        twin = object.__new__(Machine)
        twin.world, twin.seed = self.world, self.seed
        twin.state = self.state.copy()
        twin.frozen, twin.books = self.frozen, self.books
        twin.ran, twin._news, twin._limit = 0, [], -1
        twin._listen()
        return twin
