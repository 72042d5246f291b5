"""Metadata fields that the host and the guest read and write through the module: one table.

A field id names context (system, TD, vCPU), class and code; the module looks up nothing else of it.
Sources: tdx-architecture 13; module source include/auto_gen (tdr_tdcs, tdvps, td_vmcs and global_sys
field tables), src/common/metadata_handlers/metadata_generic.c. The table holds the fields that the
model keeps or computes; ids of other fields that the real module knows are answered as unknown.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from tdxviz.core.arch.registers import GPR_NAMES, SEGMENT_NAMES

SYS, TD, VP = 0, 1, 2
CONTEXTS = {SYS: "system", TD: "TD", VP: "VCPU"}
NULL_ID = (1 << 64) - 1
ALL = (1 << 64) - 1
CODE = (1 << 24) - 1
CONTEXT_BITS = 7 << 52
INC_SIZE = 1 << 50
RESERVED = 0xFF << 24 | 7 << 47 | 1 << 55 | 1 << 62
ONE_ELEMENT = RESERVED | 0xF << 34 | 0x1FF << 38
"""Bits that are zero in the id of a single element."""


class Access(NamedTuple):
    """Masks of the bits that may be read and written; 0 = not at all."""

    read: int
    write: int


@dataclass(frozen=True, slots=True)
class Field:
    id: int
    name: str
    where: str
    """``TDR.X``, ``TDCS.X``, ``TDVPS.X``: a stored field, ``{n}`` = number in the row; ``= x``: computed."""
    host: Access
    """Production TD."""
    debug: Access
    """TD with ATTRIBUTES.DEBUG."""
    guest: Access
    fields: int = 1
    elements: int = 1
    note: str = ""

    @property
    def context(self) -> int:
        return self.id >> 52 & 7

    @property
    def class_code(self) -> int:
        return self.id >> 56 & 0x3F

    @property
    def code(self) -> int:
        return self.id & CODE

    @property
    def bits(self) -> int:
        """Size of an element."""
        return 8 << (self.id >> 32 & 3)

    @property
    def stride(self) -> int:
        return 2 if self.id & INC_SIZE else 1

    @property
    def count(self) -> int:
        """Elements of all fields of the row."""
        return self.fields * self.elements

    def element_id(self, index: int) -> int:
        return self.id + index * self.stride


def _row(
    id_: int, name: str, where: str, host: tuple[int, int] = (0, 0), debug: tuple[int, int] | None = None,
    guest: tuple[int, int] = (0, 0), fields: int = 1, elements: int = 1, note: str = "",
) -> Field:  # fmt: skip
    size = (1 << (8 << (id_ >> 32 & 3))) - 1

    def access(masks: tuple[int, int]) -> Access:
        return Access(masks[0] & size, masks[1] & size)

    shown = access(host if debug is None else debug)
    return Field(id_, name, where, access(host), shown, access(guest), fields, elements, note)


READ, NONE = (ALL, 0), (0, 0)
WRITE = (ALL, ALL)
NOT_WRITTEN = "the real module lets a debugger write it; the model does not"

TD_FIELDS: tuple[Field, ...] = (
    _row(0x8010000000000001, "FATAL", "TDR.FATAL", READ),
    _row(0x8010000200000002, "NUM_TDCX", "TDR.NUM_TDCX", READ),
    _row(0x8010000300000004, "CHLDCNT", "TDR.CHLDCNT", READ),
    _row(0x8010000200000005, "LIFECYCLE_STATE", "TDR.LIFECYCLE_STATE", READ),
    _row(0x8010000300000010, "TDCX_PA", "= tdcx", READ, fields=9, note="with the HKID in its bits"),
    _row(0x8010000300000020, "TD_UUID", "TDR.TD_UUID", READ, guest=READ, elements=4),
    _row(0x8110000100000001, "HKID", "TDR.HKID", READ),
    _row(0x8110000300000002, "PKG_CONFIG_BITMAP", "TDR.PKG_CONFIG_BITMAP", READ),
    _row(0x8210000100000000, "HANDOFF_VERSION", "= 0", READ),
    _row(0x8210000300000001, "SEAMDB_INDEX", "= 0", READ, note="the module is never updated: there is one"),
    _row(0x8210000300000002, "SEAMDB_NONCE", "= 0", elements=4, note="not modelled; nobody can read it"),
    _row(0x9010000200000001, "NUM_VCPUS", "TDCS.NUM_VCPUS", READ, guest=READ),
    _row(0x9010000200000002, "NUM_ASSOC_VCPUS", "TDCS.NUM_ASSOC_VCPUS", READ),
    _row(0x9010000200000004, "OP_STATE", "TDCS.OP_STATE", READ),
    _row(0x9010000100000005, "NUM_L2_VMS", "TDCS.NUM_L2_VMS", READ, guest=READ),
    _row(0x1110000300000000, "ATTRIBUTES", "TDCS.ATTRIBUTES", READ, guest=READ),
    _row(0x1110000300000001, "XFAM", "TDCS.XFAM", READ, guest=READ),
    _row(0x1110000200000002, "MAX_VCPUS", "TDCS.MAX_VCPUS", READ, guest=READ),
    _row(0x1110000000000003, "GPAW", "TDCS.GPAW", READ, guest=READ),
    _row(
        0x1110000300000004, "EPTP", "= eptp", READ, note="memory type, levels and the root, which is TDCX 3"
    ),
    _row(0x111000030000000A, "TSC_OFFSET", "TDCS.TSC_OFFSET", READ),
    _row(0x111000030000000B, "TSC_MULTIPLIER", "TDCS.TSC_MULTIPLIER", READ, note="in units of 2**-48"),
    _row(0x111000010000000C, "TSC_FREQUENCY", "TDCS.TSC_FREQUENCY", READ, guest=READ),
    _row(0x9110000300000010, "NOTIFY_ENABLES", "TDCS.NOTIFY_ENABLES", NONE, (ALL, 1), (1, 1)),
    _row(0x9110000300000011, "HP_LOCK_TIMEOUT", "TDCS.HP_LOCK_TIMEOUT", WRITE, note="microseconds"),
    _row(0x9110000300000012, "VM_CTLS", "TDCS.VM_CTLS{n}", (ALL, 1), fields=4),
    _row(0x1110000300000016, "CONFIG_FLAGS", "TDCS.CONFIG_FLAGS", READ, guest=READ),
    _row(0x1110000300000017, "TD_CTLS", "TDCS.TD_CTLS", NONE, READ, (ALL, 1)),
    _row(0x9210000300000000, "TD_EPOCH", "TDCS.TD_EPOCH", READ),
    _row(0x9210000100000001, "REFCOUNT", "TDCS.REFCOUNT{n}", READ, fields=2),
    _row(0x1310000300000000, "MRTD", "TDCS.MRTD", READ, guest=READ, elements=6),
    _row(0x1310000300000010, "MRCONFIGID", "TDCS.MRCONFIGID", READ, guest=READ, elements=6),
    _row(0x1310000300000018, "MROWNER", "TDCS.MROWNER", READ, guest=READ, elements=6),
    _row(0x1310000300000020, "MROWNERCONFIG", "TDCS.MROWNERCONFIG", READ, guest=READ, elements=6),
    _row(0x1310000300000040, "RTMR", "TDCS.RTMR{n}", NONE, READ, READ, fields=4, elements=6),
)


def _vmcs(size: int, encoding: int, name: str, where: str, host: tuple[int, int], debug: tuple[int, int],
          fields: int = 1, note: str = "") -> Field:  # fmt: skip
    """Field codes of VMCS fields are the processor's own encodings, two apart."""
    return _row(0x0024000000000000 | size << 32 | encoding, name, where, host, debug, NONE, fields, 1, note)


def _segments() -> Iterator[Field]:
    names = (*SEGMENT_NAMES, "LDTR", "TR")
    parts = (("SELECTOR", 1, 0x0800), ("LIMIT", 2, 0x4800), ("ATTRIBUTES", 2, 0x4814), ("BASE", 3, 0x6806))
    for part, size, first in parts:
        for n, name in enumerate(names):
            where = f"TDVPS.{name}_{part}"
            yield _vmcs(
                size, first + 2 * n, f"Guest {name} {part.lower()}", where, NONE, READ, note=NOT_WRITTEN
            )


FRAMES = 0x000F_FFFF_FFFF_F000
VMCS_FIELDS: tuple[Field, ...] = tuple(sorted((
    _vmcs(1, 0x0000, "VPID", "= vpid", NONE, READ),
    _vmcs(1, 0x0002, "Posted-interrupt notification vector", "TDVPS.POSTED_INTERRUPT_NOTIFICATION_VECTOR",
          WRITE, WRITE),
    _vmcs(3, 0x2016, "Posted-interrupt descriptor address", "TDVPS.POSTED_INTERRUPT_DESCRIPTOR_ADDRESS",
          (ALL, ~63), (ALL, ~63)),
    _vmcs(3, 0x201A, "EPTP", "= eptp", READ, READ),
    _vmcs(3, 0x203C, "Shared EPTP", "TDVPS.SHARED_EPTP", (FRAMES, FRAMES), (ALL, FRAMES)),
    _vmcs(3, 0x2806, "Guest IA32_EFER", "TDVPS.EFER", NONE, READ, note=NOT_WRITTEN),
    _vmcs(2, 0x4000, "Pin-based VM-execution controls", "TDVPS.PIN_BASED_CONTROLS", (0x80, 0x80), (ALL, 0x80),
          note="the model keeps bit 7, posted interrupts"),
    _vmcs(2, 0x4016, "VM-entry interruption information", "TDVPS.EVENT", NONE, READ),
    _vmcs(2, 0x4026, "TD HKID", "TDR.HKID", READ, READ),
    _vmcs(2, 0x4810, "Guest GDTR limit", "TDVPS.GDT_LIMIT", NONE, WRITE),
    _vmcs(2, 0x4812, "Guest IDTR limit", "TDVPS.IDT_LIMIT", NONE, WRITE),
    _vmcs(3, 0x6800, "Guest CR0", "TDVPS.CR0", NONE, READ, note=NOT_WRITTEN),
    _vmcs(3, 0x6802, "Guest CR3", "TDVPS.CR3", NONE, WRITE),
    _vmcs(3, 0x6804, "Guest CR4", "TDVPS.CR4", NONE, READ, note=NOT_WRITTEN),
    _vmcs(3, 0x6816, "Guest GDTR base", "TDVPS.GDT_BASE", NONE, WRITE),
    _vmcs(3, 0x6818, "Guest IDTR base", "TDVPS.IDT_BASE", NONE, WRITE),
    _vmcs(3, 0x681A, "Guest DR7", "TDVPS.DR7", NONE, WRITE),
    _vmcs(3, 0x681C, "Guest RSP", "TDVPS.RSP", NONE, WRITE),
    _vmcs(3, 0x681E, "Guest RIP", "TDVPS.RIP", NONE, WRITE),
    _vmcs(3, 0x6820, "Guest RFLAGS", "TDVPS.RFLAGS", NONE, WRITE),
    *_segments(),
), key=lambda row: row.code))  # fmt: skip

TDVPS_FIELDS: tuple[Field, ...] = (
    _row(0x0220000200000000, "EXIT_REASON", "TDVPS.VE_EXIT_REASON", NONE, READ),
    _row(0x0220000200000001, "VALID", "TDVPS.VE_VALID", NONE, READ),
    _row(0x0220000300000002, "EXIT_QUALIFICATION", "TDVPS.VE_QUALIFICATION", NONE, READ),
    _row(0x0220000300000003, "GLA", "TDVPS.VE_GLA", NONE, READ),
    _row(0x0220000300000004, "GPA", "TDVPS.VE_GPA", NONE, READ),
    _row(0x0220000100000005, "EPTP_INDEX", "TDVPS.VE_EPTP_INDEX", NONE, READ),
    _row(0x8220000200000010, "INSTRUCTION_LENGTH", "TDVPS.VE_LENGTH", NONE, READ),
    _row(0x8220000200000011, "INSTRUCTION_INFORMATION", "TDVPS.VE_INSTRUCTION_INFO", NONE, READ),
    *(
        _row(0x1020000300000000 + n, name, f"TDVPS.{name}", NONE, WRITE)
        for n, name in enumerate(GPR_NAMES)
        if name != "RSP"  # a placeholder: RSP is in the VMCS
    ),
    *(_row(0x1120000300000000 + n, f"DR{n}", f"TDVPS.DR{n}", NONE, WRITE) for n in range(4)),
    _row(0x1120000300000006, "DR6", "TDVPS.DR6", NONE, (ALL, 0xFFFF_FFFF)),
    _row(0x1120000300000020, "XCR0", "TDVPS.XCR0", NONE, READ),
    _row(0x1120000300000028, "CR2", "TDVPS.CR2", NONE, WRITE),
    _row(0x9120000300000100, "VCPU_STATE_DETAILS", "= details", READ),
    _row(0x1220000300000000, "XBUFF", "= xbuff", NONE, READ, fields=1536, note=NOT_WRITTEN),
    _row(0xA020000000000000, "VCPU_STATE", "TDVPS.VCPU_STATE", NONE, READ),
    _row(0xA020000200000002, "VCPU_INDEX", "TDVPS.VCPU_INDEX", READ),
    _row(0xA020000200000004, "ASSOC_LPID", "= lpid", READ, note="all ones: none"),
    _row(0xA020000300000006, "VCPU_EPOCH", "TDVPS.VCPU_EPOCH", READ),
    _row(0x202000000000000B, "PEND_NMI", "TDVPS.PEND_NMI", WRITE, note="values 0 and 1"),
    _row(0xA02000000000000F, "LAST_TD_EXIT", "TDVPS.LAST_TD_EXIT", NONE, READ),
    _row(0xA020000300000010, "TDVPS_PAGE_PA", "= tdvps", READ, fields=15, note="with the HKID in its bits"),
    _row(0xA020000300000050, "L2_CTLS", "TDVPS.L2_CTLS{n}", NONE, (ALL, 7), (ALL, 7), fields=4,
         note="bit 2 is not allowed in this version"),
)  # fmt: skip

SYS_FIELDS: tuple[Field, ...] = (
    _row(0x0000000200000000, "NUM_PKGS", "= packages", READ),
    _row(0x0800000200000000, "VENDOR_ID", "= 0x8086", READ, guest=READ),
    _row(0x0800000100000003, "MINOR_VERSION", "= 5", READ, guest=READ),
    _row(0x0800000100000004, "MAJOR_VERSION", "= 1", READ, guest=READ),
    _row(0x0800000100000005, "UPDATE_VERSION", "= 1", READ),
    _row(0x8900000100000000, "MODULE_HV", "= 0", READ),
    _row(0x8900000100000001, "MIN_UPDATE_HV", "= 0", READ),
    _row(0x0A00000200000000, "SYS_ATTRIBUTES", "= 0", READ, guest=READ),
    _row(0x0A00000000000001, "NUM_TDX_FEATURES", "= 1", READ, guest=READ),
    _row(0x0A00000300000008, "TDX_FEATURES0", "= 0x40000", READ, guest=READ,
         note="bit 18 NO_RBP_MOD; bits of features that are not modelled are clear"),
    _row(0x9000000100000000, "NUM_CMRS", "= cmrs", READ),
    _row(0x9000000300000080, "CMR_BASE", "= cmr_base", READ, fields=32),
    _row(0x9000000300000100, "CMR_SIZE", "= cmr_size", READ, fields=32),
    _row(0x9100000100000008, "MAX_TDMRS", "= 64", READ),
    _row(0x9100000100000009, "MAX_RESERVED_PER_TDMR", "= 16", READ),
    _row(0x9100000100000010, "PAMT_4K_ENTRY_SIZE", "= 16", READ),
    _row(0x9100000100000011, "PAMT_2M_ENTRY_SIZE", "= 16", READ),
    _row(0x9100000100000012, "PAMT_1G_ENTRY_SIZE", "= 16", READ),
    _row(0x9800000100000000, "TDR_BASE_SIZE", "= 0x1000", READ),
    _row(0x9800000100000100, "TDCS_BASE_SIZE", "= 0x6000", READ),
    _row(0x9800000100000101, "TDCS_SIZE_PER_L2_VM", "= 0x1000", READ),
    _row(0x9800000100000200, "TDVPS_BASE_SIZE", "= 0x6000", READ),
    _row(0x9800000100000201, "TDVPS_SIZE_PER_L2_VM", "= 0x3000", READ),
    _row(0x1900000300000000, "ATTRIBUTES_FIXED0", "= attributes_fixed0", READ),
    _row(0x1900000300000001, "ATTRIBUTES_FIXED1", "= 0", READ),
    _row(0x1900000300000002, "XFAM_FIXED0", "= xfam_fixed0", READ),
    _row(0x1900000300000003, "XFAM_FIXED1", "= xfam_fixed1", READ),
    _row(0x9900000100000004, "NUM_CPUID_CONFIG", "= 0", READ, note="the model has no configurable CPUID bits"),
    _row(0x9900000300000006, "CONFIG_FLAGS_FIXED0", "= config_flags_fixed0", READ),
    _row(0x9900000300000007, "CONFIG_FLAGS_FIXED1", "= 0", READ),
)  # fmt: skip

TABLES = {SYS: SYS_FIELDS, TD: TD_FIELDS, VP: VMCS_FIELDS + TDVPS_FIELDS}
"""In the order in which the module hands out the next id: VMCS fields before those of the TDVPS."""
FIELDS: tuple[Field, ...] = TD_FIELDS + VMCS_FIELDS + TDVPS_FIELDS + SYS_FIELDS


@cache
def _index(context: int) -> dict[tuple[int, int], tuple[Field, int]]:
    return {
        (row.class_code, row.code + n * row.stride): (row, n)
        for row in TABLES[context]
        for n in range(row.count)
    }


@cache
def _position(context: int) -> dict[tuple[int, int], int]:
    return {key: n for n, key in enumerate(_index(context))}


def is_null(field_id: int) -> bool:
    """Whether an id asks for the first field. Its context bits do not count."""
    return field_id | CONTEXT_BITS == NULL_ID


def well_formed(field_id: int) -> bool:
    """Whether an id names one element: reserved bits and counts are zero; sizes are ignored."""
    return not field_id & ONE_ELEMENT


def find(context: int, field_id: int) -> tuple[Field, int] | None:
    """The row and the number of the element in it. The context in the id does not count."""
    return _index(context).get((field_id >> 56 & 0x3F, field_id & CODE))


def named(name: str) -> Field:
    """Raises KeyError."""
    return _BY_NAME[name]


_BY_NAME = {row.name: row for row in FIELDS}


@cache
def ids(context: int) -> dict[str, int]:
    """Every element's id by name: ``HKID``; ``RTMR[3]`` where a row has several."""
    return {
        row.name if row.count == 1 else f"{row.name}[{n}]": row.element_id(n)
        for row in TABLES[context]
        for n in range(row.count)
    }


def following(context: int, field_id: int, readable: str) -> int:
    """Id of the next element that ``host``, ``debug`` or ``guest`` may read; NULL_ID after the last.
    NULL_ID asks for the first."""
    order = list(_index(context).items())
    here = _position(context)[field_id >> 56 & 0x3F, field_id & CODE] + 1 if field_id != NULL_ID else 0
    for _, (row, n) in order[here:]:
        if getattr(row, readable).read:
            return row.element_id(n)
    return NULL_ID
