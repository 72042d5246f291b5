"""VMX exit reasons that a TD exit can carry. Source: tdx-architecture 9.4 and 10.1."""

NMI, EXTERNAL_INTERRUPT, TRIPLE_FAULT = 0, 1, 2
CPUID, HLT, INVD, RDPMC, VMCALL = 10, 12, 13, 15, 18
IO, RDMSR, WRMSR, MWAIT, MONITOR = 30, 31, 32, 36, 39
EPT_VIOLATION, EPT_MISCONFIGURATION, WBINVD, TDCALL = 48, 49, 54, 77
CR_ACCESS, XSETBV = 28, 55
INIT, SMI, INVALID_GUEST_STATE, MSR_LOADING, MACHINE_CHECK_AT_ENTRY = 3, 6, 33, 34, 41

OF_INSTRUCTION = {
    "CPUID": 10, "GETSEC": 11, "HLT": 12, "INVD": 13, "RDPMC": 15, "RSM": 17, "VMCALL": 18,
    "VMCLEAR": 19, "VMLAUNCH": 20, "VMPTRLD": 21, "VMPTRST": 22, "VMREAD": 23, "VMRESUME": 24,
    "VMWRITE": 25, "VMXOFF": 26, "VMXON": 27, "MOV_CR": 28, "LMSW": 28, "IN": 30, "OUT": 30, "INS": 30, "OUTS": 30,
    "RDMSR": 31, "WRMSR": 32, "MWAIT": 36, "MONITOR": 39, "INVEPT": 50, "INVVPID": 53,
    "WBINVD": 54, "XSETBV": 55, "VMFUNC": 59, "ENCLS": 60, "PCONFIG": 65, "ENCLV": 70, "ENQCMD": 72,
    "ENQCMDS": 73, "SEAMCALL": 76, "TDCALL": 77,
}  # fmt: skip
"""Mnemonic -> exit reason with which the module gets the instruction."""

NAMES = {
    0: "NMI or exception", 1: "external interrupt", 2: "triple fault", 3: "INIT", 6: "SMI", 10: "CPUID", 12: "HLT",
    13: "INVD", 15: "RDPMC", 18: "VMCALL", 28: "control register", 30: "I/O instruction", 31: "RDMSR", 32: "WRMSR",
    33: "invalid guest state", 34: "MSR loading", 36: "MWAIT", 39: "MONITOR", 41: "machine check during VM entry", 48: "EPT violation",
    49: "EPT misconfiguration", 54: "WBINVD", 55: "XSETBV", 77: "TDCALL",
}  # fmt: skip
