"""The whole state of one machine: the platform, the TDX module, and ordinary VMs."""

from dataclasses import dataclass, field

from tdxviz.core.hw.cpu import CpuState
from tdxviz.core.hw.platform import Platform
from tdxviz.core.tdx.module import Module
from tdxviz.core.units import Hpa, World


@dataclass(slots=True)
class Vm:
    """An ordinary VM, alone in the legacy world, beside TDs in the others: its EPT and its VMCS belong to
    the host."""

    number: int
    eptp: Hpa
    cpu: CpuState = field(default_factory=CpuState)
    lp: int = -1
    """Logical processor it is entered on, -1 for none."""
    vmx: bool = False
    """The guest executed VMXON."""
    cpuid: dict[int, tuple[int, int, int, int]] = field(default_factory=dict)
    """Leaf -> EAX EBX ECX EDX, where the host has chosen other answers than its usual ones."""

    @property
    def actor(self) -> str:
        return f"vm-{chr(ord('a') + self.number)}"

    def copy(self) -> "Vm":
        return Vm(self.number, self.eptp, self.cpu.copy(), self.lp, self.vmx, self.cpuid.copy())


@dataclass(slots=True)
class State:
    """Everything there is. ``module`` is None in the legacy world."""

    world: World
    platform: Platform
    module: Module | None
    vms: dict[int, Vm] = field(default_factory=dict)

    def copy(self) -> "State":
        """Independent; running vCPUs keep sharing their registers with their logical processor."""
        twin = State(
            self.world,
            self.platform.copy(),
            None if self.module is None else self.module.copy(),
            {number: vm.copy() for number, vm in self.vms.items()},
        )
        for vm in twin.vms.values():
            if vm.lp >= 0:
                vm.cpu = twin.platform.lps[vm.lp].cpu
        return twin


def actor_letter(actor: str) -> str:
    """``A`` for ``td-a`` and ``vm-a``; empty for actors that are not guests."""
    kind, _, letter = actor.partition("-")
    return letter.upper() if kind in ("td", "vm") else ""
