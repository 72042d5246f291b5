"""Model-specific registers: names, and which of them belong to a vCPU.

Sources: Intel SDM volume 4; tdx-architecture 9.1, 9.3, 10.2. FS.base and GS.base live in their
segments, EFER in the vCPU's control registers, the x2APIC's in its virtual APIC page.
"""

EFER, FS_BASE, GS_BASE = 0xC0000080, 0xC0000100, 0xC0000101
TSC, TSC_ADJUST = 0x10, 0x3B
X2APIC = range(0x800, 0x900)

SAVED: dict[int, str] = {
    0x48: "IA32_SPEC_CTRL", 0xE1: "IA32_UMWAIT_CONTROL", 0x122: "IA32_TSX_CTRL",
    0x174: "IA32_SYSENTER_CS", 0x175: "IA32_SYSENTER_ESP", 0x176: "IA32_SYSENTER_EIP",
    0x1C4: "IA32_XFD", 0x1C5: "IA32_XFD_ERR", 0x1D9: "IA32_DEBUGCTL", 0x277: "IA32_PAT",
    0x600: "IA32_DS_AREA", 0x6A0: "IA32_U_CET", 0x6A2: "IA32_S_CET", 0x6A4: "IA32_PL0_SSP",
    0x6A5: "IA32_PL1_SSP", 0x6A6: "IA32_PL2_SSP", 0x6A7: "IA32_PL3_SSP",
    0x6A8: "IA32_INTERRUPT_SSP_TABLE_ADDR", 0x6E1: "IA32_PKRS", 0xDA0: "IA32_XSS",
    0x1B01: "IA32_UARCH_MISC_CTL", 0xC0000081: "IA32_STAR", 0xC0000082: "IA32_LSTAR",
    0xC0000083: "IA32_CSTAR", 0xC0000084: "IA32_FMASK", 0xC0000102: "IA32_KERNEL_GS_BASE",
    0xC0000103: "IA32_TSC_AUX", 0xC1: "IA32_PMC0", 0xC2: "IA32_PMC1", 0xC3: "IA32_PMC2",
    0xC4: "IA32_PMC3", 0x186: "IA32_PERFEVTSEL0", 0x187: "IA32_PERFEVTSEL1",
    0x188: "IA32_PERFEVTSEL2", 0x189: "IA32_PERFEVTSEL3", 0x309: "IA32_FIXED_CTR0",
    0x30A: "IA32_FIXED_CTR1", 0x30B: "IA32_FIXED_CTR2", 0x38D: "IA32_FIXED_CTR_CTRL",
    0x38F: "IA32_PERF_GLOBAL_CTRL",
}  # fmt: skip
"""MSRs of a vCPU: saved at a TD exit and restored at entry. Their order is the order in the TDVPS.
The real module saves more performance-monitoring and last-branch MSRs; those are not modelled."""

SLOT = {index: slot for slot, index in enumerate(SAVED)}
"""MSR number -> place in ``CpuState.msrs``."""

RESET = {0x277: 0x0007_0406_0007_0406, 0x38F: 0xFF}
"""Values other than zero of a fresh vCPU."""

INITIAL = tuple(RESET.get(index, 0) for index in SAVED)

(
    SPEC_CTRL, UMWAIT_CONTROL, TSX_CTRL, SYSENTER_CS, SYSENTER_ESP, SYSENTER_EIP, XFD, XFD_ERR, DEBUGCTL,
    PAT, DS_AREA, U_CET, S_CET, PL0_SSP, PL1_SSP, PL2_SSP, PL3_SSP, INTERRUPT_SSP_TABLE_ADDR, PKRS,
    XSS, UARCH_MISC_CTL, STAR, LSTAR, CSTAR, FMASK, KERNEL_GS_BASE, TSC_AUX,
) = range(27)  # fmt: skip
"""Slots of the MSRs that instructions use themselves."""
