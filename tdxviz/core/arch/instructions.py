"""What an instruction does in the L1 guest of a production TD, as far as it leaves the processor's own
hands. Instructions that are not here execute directly. Source: tdx-architecture 10.1.
"""

VE, UD, GP, MODULE = "#VE", "#UD", "#GP(0)", "module"

BEHAVIOUR: dict[str, str] = {
    **dict.fromkeys(("HLT", "INVD", "VMCALL", "WBINVD", "IN", "OUT", "INS", "OUTS", "PCONFIG"), VE),
    **dict.fromkeys(
        ("VMCLEAR", "VMLAUNCH", "VMPTRLD", "VMPTRST", "VMREAD", "VMRESUME", "VMWRITE", "VMXOFF", "VMXON",
         "INVEPT", "INVVPID", "VMFUNC", "SEAMCALL", "GETSEC", "RSM", "ENCLS", "ENCLV", "ENQCMDS"), UD,
    ),
    "ENQCMD": GP,
    "RDPMC": GP,  # unless ATTRIBUTES.PERFMON
    **dict.fromkeys(("CPUID", "RDMSR", "WRMSR", "XSETBV", "MOV_CR", "LMSW", "TDCALL"), MODULE),
    **dict.fromkeys(("MONITOR", "MWAIT"), MODULE),  # #VE, unless CPUID shows MONITOR: then they execute
}  # fmt: skip
"""Mnemonic -> the answer. ``module``: the TDX module decides (CPUID, MSRs, control registers)."""

CR0_OWNED = 1 << 0 | 1 << 5 | 1 << 29 | 1 << 30
"""PE, NE, NW, CD: a change is #VE. Reserved bits of the lower half are ignored."""
CR0_IGNORED = 0x1FF8_0000 | 1 << 17 | 0xFFC0
CR4_MCE, CR4_VMXE, CR4_SMXE, CR4_KL, CR4_PKE, CR4_CET, CR4_PKS, CR4_UINTR = (
    1 << n for n in (6, 13, 14, 19, 22, 23, 24, 25)
)
CR4_OWNED = CR4_MCE | CR4_VMXE | CR4_SMXE
CR4_KNOWN = 0x03FF_7FFF & ~(1 << 12) | 1 << 28
"""Bits that this platform implements (no LA57, no LASS); others are #GP(0)."""

XFAM_PKE, XFAM_CET, XFAM_ULI = 1 << 9, 3 << 11, 1 << 14
ATTRIBUTES_PKS = 1 << 30


def cr4_barred(attributes: int, xfam: int) -> int:
    """CR4 bits of features that the TD was not given: setting one is #GP(0)."""
    barred = CR4_KL
    barred |= 0 if xfam & XFAM_PKE else CR4_PKE
    barred |= 0 if xfam & XFAM_CET == XFAM_CET else CR4_CET
    barred |= 0 if xfam & XFAM_ULI else CR4_UINTR
    barred |= 0 if attributes & ATTRIBUTES_PKS else CR4_PKS
    return barred
