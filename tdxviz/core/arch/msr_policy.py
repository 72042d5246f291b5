"""RDMSR and WRMSR in a TD, as a table. Source: tdx-architecture 10.2.

Where a row needs a feature that the TD does not have, both accesses are #GP(0).
"""

from typing import NamedTuple

DIRECT, EMULATED, VE, GP = "direct", "emulated", "#VE", "#GP(0)"


class Rule(NamedTuple):
    name: str
    numbers: tuple[range, ...]
    read: str
    write: str
    needs: str = ""
    """PERFMON, PT, CET, ULI, LBR, PKS, XFD, TSX, WAITPKG (ATTRIBUTES or XFAM); or a CPUID feature
    with ``cpuid:`` before it."""


def _one(*numbers: int) -> tuple[range, ...]:
    return tuple(range(n, n + 1) for n in numbers)


RULES: tuple[Rule, ...] = (
    Rule("SPEC_CTRL, PRED_CMD", (range(0x48, 0x4A),), DIRECT, DIRECT),
    Rule("FLUSH_CMD", _one(0x10B), DIRECT, DIRECT),
    Rule("SYSENTER", (range(0x174, 0x177),), DIRECT, DIRECT),
    Rule("PAT, DS_AREA, UARCH_MISC_CTL", _one(0x277, 0x600, 0x1B01), DIRECT, DIRECT),
    Rule("STAR, LSTAR, CSTAR, FMASK", (range(0xC0000081, 0xC0000085),), DIRECT, DIRECT),
    Rule("FS, GS and KERNEL_GS base, TSC_AUX", (range(0xC0000100, 0xC0000104),), DIRECT, DIRECT),
    Rule(
        "x2APIC TPR, PPR, EOI, ISR, TMR, IRR, SELF_IPI",
        (*_one(0x808, 0x80A, 0x80B), range(0x810, 0x828), *_one(0x83F)), DIRECT, DIRECT,
    ),
    Rule("TSC", _one(0x10), DIRECT, VE),
    Rule("MISC_PACKAGE_CTLS, DEBUG_INTERFACE", _one(0xBC, 0xC80), DIRECT, VE),
    Rule("MISC_ENABLE", _one(0x1A0), EMULATED, VE),
    Rule("ARCH_CAPABILITIES, XAPIC_DISABLE_STATUS", _one(0x10A, 0xBD), EMULATED, GP),
    Rule("PERF_CAPABILITIES", _one(0x345), EMULATED, VE),
    Rule("VMX capabilities", (range(0x480, 0x493),), EMULATED, GP),
    Rule("DEBUGCTL", _one(0x1D9), EMULATED, EMULATED),
    Rule("XSS", _one(0xDA0), DIRECT, EMULATED),
    Rule("EFER", _one(0xC0000080), DIRECT, EMULATED),
    Rule("SGXLEPUBKEYHASH", (range(0x8C, 0x90),), GP, GP),
    Rule("WBINVDP, WBNOINVDP, INTR_PENDING, SMM_MONITOR_CTL", (range(0x98, 0x9C),), GP, GP),
    Rule("SMBASE, OVERCLOCKING, SLAM_ENABLE, SGX_SVN", _one(0x9E, 0x195, 0x276, 0x500), GP, GP),
    Rule(
        "reserved in x2APIC mode",
        (range(0x800, 0x802), range(0x804, 0x808), range(0x829, 0x82F), range(0x831, 0x832), range(0x840, 0x900)),
        GP, GP,
    ),
    Rule("BNDCFGS, PASID", _one(0xD90, 0xD93), GP, GP),
    Rule("performance counters", (range(0xC1, 0xC9), range(0x186, 0x18E), range(0x309, 0x30D)), DIRECT, DIRECT, "PERFMON"),
    Rule("performance controls", (range(0x38D, 0x394), range(0x3F1, 0x3F3)), DIRECT, DIRECT, "PERFMON"),
    Rule("processor trace", (range(0x560, 0x588),), DIRECT, DIRECT, "PT"),
    Rule("CET", (range(0x6A0, 0x6A9),), DIRECT, DIRECT, "CET"),
    Rule("user interrupts", (range(0x985, 0x98B),), DIRECT, DIRECT, "ULI"),
    Rule(
        "last-branch records",
        (range(0x1200, 0x1220), range(0x14CE, 0x14D0), range(0x1500, 0x1520), range(0x1600, 0x1620)),
        DIRECT, DIRECT, "LBR",
    ),
    Rule("PKRS", _one(0x6E1), DIRECT, DIRECT, "PKS"),
    Rule("XFD, XFD_ERR", (range(0x1C4, 0x1C6),), DIRECT, DIRECT, "XFD"),
    Rule("TSX_CTRL", _one(0x122), DIRECT, DIRECT, "TSX"),
    Rule("UMWAIT_CONTROL", _one(0xE1), DIRECT, DIRECT, "WAITPKG"),
    Rule("TME", (range(0x981, 0x985),), VE, VE, "cpuid:TME"),
    Rule("MKTME partitioning", _one(0x87), VE, VE, "cpuid:PCONFIG"),
    Rule("DCA", (range(0x1F8, 0x1FB),), VE, VE, "cpuid:DCA"),
    Rule("TSC_DEADLINE", _one(0x6E0), VE, VE, "cpuid:TSC_DEADLINE"),
)  # fmt: skip

OTHERS = Rule("everything else", (), VE, VE)

XFAM_FEATURES = {"PT": 1 << 8, "CET": 3 << 11, "ULI": 1 << 14, "LBR": 1 << 15, "XFD": 3 << 17}
ATTRIBUTE_FEATURES = {"PKS": 1 << 30, "PERFMON": 1 << 63}


def rule(number: int) -> Rule:
    """The row of an MSR."""
    return next((row for row in RULES if any(number in part for part in row.numbers)), OTHERS)


def has(feature: str, attributes: int, xfam: int) -> bool:
    """Whether a TD was given a feature. TSX and WAITPKG, and what only CPUID shows, are never given
    on the modelled platform."""
    if feature in XFAM_FEATURES:
        return xfam & XFAM_FEATURES[feature] == XFAM_FEATURES[feature]
    return bool(attributes & ATTRIBUTE_FEATURES.get(feature, 0))


CAPABILITIES = {
    0: "RDCL_NO", 1: "IBRS_ALL", 3: "SKIP_L1DFL_VMENTRY", 5: "MDS_NO", 6: "IF_PSCHANGE_MC_NO", 8: "TAA_NO",
    10: "MISC_PACKAGE_CTLS", 11: "ENERGY_FILTERING_CTL", 12: "DOITM", 13: "SBDR_SSDP_NO", 14: "FBSDP_NO",
    15: "PSDP_NO", 21: "XAPIC_DISABLE_STATUS",
}  # fmt: skip
"""Bits of IA32_ARCH_CAPABILITIES that SYS.INIT insists on (tdx-architecture 9.2)."""
ARCH_CAPABILITIES_MSR = 0x10A
ARCH_CAPABILITIES = sum(1 << n for n in CAPABILITIES)
IBRS_ALL, RSBA = 1 << 1, 1 << 2


def capability_objection(value: int) -> str:
    """Why TDX does not start on a processor with this IA32_ARCH_CAPABILITIES; empty if it does."""
    missing = [name for bit, name in CAPABILITIES.items() if not value >> bit & 1]
    if missing:
        return f"IA32_ARCH_CAPABILITIES lacks {', '.join(missing)}"
    return "IA32_ARCH_CAPABILITIES has RSBA: RET may follow the branch target buffer" if value & RSBA else ""


EMULATED_VALUES = {
    ARCH_CAPABILITIES_MSR: ARCH_CAPABILITIES,
    0xBD: 1,
    0x1A0: 0x1801,
    0x345: 0,
    0xBC: 0,
    0xC80: 1 << 30,
}
"""Values that a guest reads. MISC_ENABLE: fast strings, no BTS, no PEBS. The VMX capability MSRs, whose
values no source read here names, read 0."""
