"""VMX exit reasons that a TD exit can carry. Source: tdx-architecture 9.4 and 10.1."""

NMI, EXTERNAL_INTERRUPT, TRIPLE_FAULT = 0, 1, 2
CPUID, HLT, INVD, RDPMC, VMCALL = 10, 12, 13, 15, 18
IO, RDMSR, WRMSR, MWAIT, MONITOR = 30, 31, 32, 36, 39
EPT_VIOLATION, EPT_MISCONFIGURATION, WBINVD, TDCALL = 48, 49, 54, 77
MACHINE_CHECK_AT_ENTRY = 41

NAMES = {
    0: "NMI or exception", 1: "external interrupt", 2: "triple fault", 10: "CPUID", 12: "HLT",
    13: "INVD", 15: "RDPMC", 18: "VMCALL", 30: "I/O instruction", 31: "RDMSR", 32: "WRMSR",
    36: "MWAIT", 39: "MONITOR", 41: "machine check during VM entry", 48: "EPT violation",
    49: "EPT misconfiguration", 54: "WBINVD", 77: "TDCALL",
}  # fmt: skip
