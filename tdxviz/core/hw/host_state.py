"""What host software finds in a logical processor besides general registers and XMM.

Source: tdx-architecture 9.3. Registers that a VMCS switches by itself (RIP, segments, CR0, CR3, CR4 ...)
are always the host's own and are not kept here.
"""

from dataclasses import dataclass, field

from tdxviz.core.arch import msrs
from tdxviz.core.hw.cpu import CpuState

DR6_RESET, DR7_RESET, FMASK_RESET = 0xFFFF_0FF0, 0x400, 0x2_0200
XFAM_USER, XFAM_SUPERVISOR = 0x602E7, 0x1_DD00
CLEARED = (
    "IA32_STAR", "IA32_LSTAR", "IA32_TSC_AUX", "IA32_KERNEL_GS_BASE", "IA32_XFD", "IA32_XFD_ERR",
    "IA32_UARCH_MISC_CTL", *(name for name in msrs.SAVED.values() if "PMC" in name or "FIXED" in name or "PERFEVT" in name),
)  # fmt: skip
"""MSRs that the module leaves at 0 after a TD ran."""
KEPT = "IA32_DS_AREA"
"""Saved at entry, restored at exit."""
UNSWITCHED = (
    "IA32_STAR",
    "IA32_LSTAR",
    "IA32_FMASK",
    "IA32_KERNEL_GS_BASE",
    "IA32_TSC_AUX",
    "IA32_XFD",
    "IA32_XFD_ERR",
)
"""MSRs of an ordinary VM that stay as the guest left them until its hypervisor changes them."""


def _own_msrs() -> dict[str, int]:
    """An operating system's values, of any size; the TDX module never sees them."""
    own = dict.fromkeys((*CLEARED, "IA32_FMASK", KEPT), 0)
    own |= {
        "IA32_STAR": 0x0023_0010_0000_0000, "IA32_LSTAR": 0xFFFF_FFFF_81A0_0080, "IA32_FMASK": 0x25_7FD5,
        KEPT: 0xFFFF_FE00_0001_0000,
    }  # fmt: skip
    return own


@dataclass(slots=True)
class HostState:
    cr2: int = 0
    dr: list[int] = field(default_factory=lambda: [0] * 4)
    dr6: int = DR6_RESET
    dr7: int = DR7_RESET
    xcr0: int = 7
    xss: int = 0
    msrs: dict[str, int] = field(default_factory=_own_msrs)

    def scrub(self, xfam: int) -> None:
        """The module's work at every TD exit: reset values, whatever the guest had."""
        self.cr2, self.dr, self.dr6, self.dr7 = 0, [0] * 4, DR6_RESET, DR7_RESET
        self.xcr0, self.xss = xfam & XFAM_USER, xfam & XFAM_SUPERVISOR
        self.msrs = dict.fromkeys(self.msrs, 0) | {"IA32_FMASK": FMASK_RESET, KEPT: self.msrs[KEPT]}

    def inherit(self, cpu: CpuState) -> None:
        """An ordinary VM exit switches none of these: the host finds the guest's values."""
        self.cr2, self.dr, self.dr6 = cpu.cr2, cpu.dr.copy(), cpu.dr6
        self.xcr0 = cpu.xcr0
        for index, name in msrs.SAVED.items():
            if name in UNSWITCHED:
                self.msrs[name] = cpu.msrs[msrs.SLOT[index]]

    def told(self) -> dict[str, int]:
        """By name, for a reader."""
        drs = {f"DR{n}": value for n, value in enumerate(self.dr)}
        extended = {"XCR0": self.xcr0, "IA32_XSS": self.xss}
        return {"CR2": self.cr2, **drs, "DR6": self.dr6, "DR7": self.dr7, **extended, **self.msrs}

    def copy(self) -> "HostState":
        return HostState(self.cr2, self.dr.copy(), self.dr6, self.dr7, self.xcr0, self.xss, self.msrs.copy())
