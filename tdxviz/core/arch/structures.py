"""Where the fields of TDR, TDCS and TDVPS lie in their pages: (page index, offset, size).

Field names and owners are the module's. #VE information, guest GPRs, debug registers and CR2 (0x980)
and guest MSRs (0xA80) stand where the module keeps them, the virtual APIC page as the processor does;
the rest is our own arrangement, never visible outside the TD's key.
Source: tdx-architecture 3.1 and 13; module source tdx_tdvps.h.
"""

from tdxviz.core.arch import cpuid
from tdxviz.core.arch.msrs import SAVED
from tdxviz.core.arch.registers import GPR_NAMES, SEGMENT_NAMES

Layout = dict[str, tuple[int, int, int]]


def _table(page: int, start: int, names: tuple[str, ...], size: int = 8) -> Layout:
    return {name: (page, start + n * size, size) for n, name in enumerate(names)}


MAX_TDCX = 9
MIN_TDCX = 6
MAX_TDVPS = 15
MIN_TDVPS = 6
SEPT_ROOT_INDEX = 3
MSR_BITMAP_INDEX = 2

TDR: Layout = (
    _table(0, 0, ("FATAL", "LIFECYCLE_STATE", "NUM_TDCX", "CHLDCNT", "HKID", "PKG_CONFIG_BITMAP"))
    | _table(0, 0x80, tuple(f"TDCX_PA{n}" for n in range(MAX_TDCX)))
    | {"TD_UUID": (0, 0x60, 32)}
)

TDCS: Layout = _table(
    0, 0,
    (
        "OP_STATE", "NUM_VCPUS", "NUM_ASSOC_VCPUS", "ATTRIBUTES", "XFAM", "MAX_VCPUS",
        "NUM_L2_VMS", "GPAW", "EPTP", "CONFIG_FLAGS", "TD_CTLS", "TSC_FREQUENCY", "TD_EPOCH",
        "REFCOUNT0", "REFCOUNT1", "NOTIFY_ENABLES", "HP_LOCK_TIMEOUT", "VM_CTLS0", "VM_CTLS1",
        "VM_CTLS2", "VM_CTLS3", "TSC_OFFSET", "TSC_MULTIPLIER",
    ),
) | {
    "MRTD": (0, 0x200, 48), "MRCONFIGID": (0, 0x240, 48), "MROWNER": (0, 0x280, 48),
    "MROWNERCONFIG": (0, 0x2C0, 48), "RTMR0": (0, 0x300, 48), "RTMR1": (0, 0x340, 48),
    "RTMR2": (0, 0x380, 48), "RTMR3": (0, 0x3C0, 48),
} | _table(1, 0, tuple(cpuid.NAMES.values()), 16)  # fmt: skip

VMCS_STATE = (
    "RIP", "RFLAGS", "CR0", "CR3", "CR4", "EFER", "BITS", "CPL", "GDT_BASE", "GDT_LIMIT", "IDT_BASE",
    "IDT_LIMIT", "DR7", "SSP", "QUIET_AT", "ACTIVITY", "EVENT",
    "EVENT_ERROR",
)  # fmt: skip
"""Guest state that is not a segment, in page 1. The real VMCS has a layout of the processor's own."""

SEGMENTS = (*SEGMENT_NAMES, "LDTR", "TR")
SEGMENT_PARTS = ("SELECTOR", "BASE", "LIMIT", "ATTRIBUTES")
VMCS_SEGMENTS = tuple(f"{name}_{part}" for name in SEGMENTS for part in SEGMENT_PARTS)
VMCS_CONTROLS = (
    "SHARED_EPTP", "PIN_BASED_CONTROLS", "POSTED_INTERRUPT_NOTIFICATION_VECTOR",
    "POSTED_INTERRUPT_DESCRIPTOR_ADDRESS",
)  # fmt: skip
GUEST_STATE = ("DR0", "DR1", "DR2", "DR3", "DR6", "XCR0", "CR2")
MOST_EPF_GPAS = 32
"""Faulting GPAs that the zero-step filter remembers."""

TDVPS: Layout = (
    {
        "VE_EXIT_REASON": (0, 0, 4), "VE_VALID": (0, 4, 4), "VE_QUALIFICATION": (0, 8, 8),
        "VE_GLA": (0, 0x10, 8), "VE_GPA": (0, 0x18, 8), "VE_EPTP_INDEX": (0, 0x20, 2),
        "VE_LENGTH": (0, 0x24, 4), "VE_INSTRUCTION_INFO": (0, 0x28, 4),
    }
    | _table(
        0, 0x100,
        (
            "VCPU_STATE", "VCPU_INDEX", "ASSOC_LPID", "LAST_TD_EXIT", "VCPU_EPOCH", "NUM_TDVPS",
            "VMCALL_MASK", "CPUID_SUPERVISOR_VE", "CPUID_USER_VE", "PEND_NMI", "LAST_EXIT_TSC",
            "EPF_COUNT", "LAST_EPF_GPA_LIST_IDX", "HP_LOCK_BUSY", "HP_LOCK_BUSY_START",
        ),
    )
    | _table(0, 0x180, tuple(f"TDVPS_PA{n}" for n in range(MAX_TDVPS)))
    | _table(0, 0x200, tuple(f"EPF_GPA{n}" for n in range(MOST_EPF_GPAS)))
    | _table(0, 0x300, tuple(f"L2_CTLS{n}" for n in range(4)))
    | _table(0, 0x980, GPR_NAMES)
    | _table(0, 0xA00, GUEST_STATE)
    | _table(0, 0xA80, tuple(SAVED.values()))
    | _table(1, 0, VMCS_STATE)
    | _table(1, 0x100, VMCS_SEGMENTS)
    | _table(1, 0x800, VMCS_CONTROLS)
    | {"TPR": (2, 0x80, 4)}
    | {f"ISR{n}": (2, 0x100 + 0x10 * n, 4) for n in range(8)}
    | {f"IRR{n}": (2, 0x200 + 0x10 * n, 4) for n in range(8)}
    | {"FPU": (3, 0, 0xA0)}
    | _table(3, 0xA0, tuple(f"XMM{n}" for n in range(16)), 16)
)  # fmt: skip
