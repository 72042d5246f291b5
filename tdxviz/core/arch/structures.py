"""Where the fields of TDR, TDCS and TDVPS lie in their pages: (page index, offset, size).

Field names and owners are the module's; offsets of TDVPR management (0x100) and guest state follow
the module where known, the rest is our own arrangement, never visible outside the TD's key.
Source: tdx-architecture 3.1 and 13.
"""

from tdxviz.core.arch.registers import GPR_NAMES

Layout = dict[str, tuple[int, int, int]]


def _table(page: int, start: int, names: tuple[str, ...], size: int = 8) -> Layout:
    return {name: (page, start + n * size, size) for n, name in enumerate(names)}


MAX_TDCX = 9
MIN_TDCX = 6
MAX_TDVPS = 15
MIN_TDVPS = 6
SEPT_ROOT_INDEX = 3
MSR_BITMAP_INDEX = 2

TDR: Layout = _table(
    0, 0, ("FATAL", "LIFECYCLE_STATE", "NUM_TDCX", "CHLDCNT", "HKID", "PKG_CONFIG_BITMAP")
) | _table(0, 0x80, tuple(f"TDCX_PA{n}" for n in range(MAX_TDCX)))

TDCS: Layout = _table(
    0, 0,
    (
        "OP_STATE", "NUM_VCPUS", "NUM_ASSOC_VCPUS", "ATTRIBUTES", "XFAM", "MAX_VCPUS",
        "NUM_L2_VMS", "GPAW", "EPTP", "CONFIG_FLAGS", "TD_CTLS", "TSC_FREQUENCY", "TD_EPOCH",
        "REFCOUNT0", "REFCOUNT1",
    ),
) | {
    "MRTD": (0, 0x200, 48), "MRCONFIGID": (0, 0x240, 48), "MROWNER": (0, 0x280, 48),
    "MROWNERCONFIG": (0, 0x2C0, 48), "RTMR0": (0, 0x300, 48), "RTMR1": (0, 0x340, 48),
    "RTMR2": (0, 0x380, 48), "RTMR3": (0, 0x3C0, 48),
}  # fmt: skip

TDVPS: Layout = (
    _table(0, 0, ("VE_EXIT_REASON", "VE_VALID", "VE_QUALIFICATION", "VE_GLA", "VE_GPA", "VE_LENGTH"))
    | _table(
        0, 0x100,
        (
            "VCPU_STATE", "VCPU_INDEX", "ASSOC_LPID", "LAST_TD_EXIT", "VCPU_EPOCH", "NUM_TDVPS",
            "VMCALL_MASK", "SHARED_EPTP",
        ),
    )
    | _table(0, 0x180, tuple(f"TDVPS_PA{n}" for n in range(MAX_TDVPS)))
    | _table(0, 0x400, GPR_NAMES)
    | _table(
        0, 0x480,
        (
            "RIP", "RFLAGS", "CR0", "CR2", "CR3", "CR4", "EFER", "BITS", "CPL", "GDT_BASE",
            "GDT_LIMIT", "IDT_BASE", "IDT_LIMIT", "HALTED", "CS", "SS",
        ),
    )
    | _table(3, 0xA0, tuple(f"XMM{n}" for n in range(16)), 16)
)  # fmt: skip
