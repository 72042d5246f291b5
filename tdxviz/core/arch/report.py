"""TDREPORT_STRUCT: where its fields lie. Source: attestation-and-migration 2.1 to 2.3."""

Span = tuple[int, int]
"""Offset and size in bytes."""

SIZE = 1024
MAC_STRUCT: Span = (0, 256)
TCB_INFO: Span = (256, 239)
"""239 bytes, not 256, are what TEE_TCB_INFO_HASH covers."""
TD_INFO: Span = (512, 512)
TYPE_TDX = 0x81

FIELDS: dict[str, Span] = {
    "REPORTTYPE": (0, 4), "CPUSVN": (16, 16), "TEE_TCB_INFO_HASH": (32, 48), "TEE_INFO_HASH": (80, 48),
    "REPORTDATA": (128, 64), "MAC": (224, 32),
    "TCB_VALID": (256, 8), "TEE_TCB_SVN": (264, 16), "MRSEAM": (280, 48), "MRSIGNERSEAM": (328, 48),
    "SEAM_ATTRIBUTES": (376, 8), "TEE_TCB_SVN2": (384, 16),
    "ATTRIBUTES": (512, 8), "XFAM": (520, 8), "MRTD": (528, 48), "MRCONFIGID": (576, 48),
    "MROWNER": (624, 48), "MROWNERCONFIG": (672, 48), "RTMR0": (720, 48), "RTMR1": (768, 48),
    "RTMR2": (816, 48), "RTMR3": (864, 48), "SERVTD_HASH": (912, 48),
}  # fmt: skip
"""Name -> place in the whole structure."""

MAC_FIELDS = ("REPORTTYPE", "CPUSVN", "TEE_TCB_INFO_HASH", "TEE_INFO_HASH", "REPORTDATA", "MAC")
TCB_FIELDS = ("TCB_VALID", "TEE_TCB_SVN", "MRSEAM", "MRSIGNERSEAM", "SEAM_ATTRIBUTES", "TEE_TCB_SVN2")
TD_FIELDS = tuple(name for name in FIELDS if name not in (*MAC_FIELDS, *TCB_FIELDS))


def cut(report: bytes, name: str) -> bytes:
    """One field of a report. Raises KeyError."""
    offset, size = FIELDS[name]
    return report[offset : offset + size]
