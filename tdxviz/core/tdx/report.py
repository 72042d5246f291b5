"""TDREPORT_STRUCT of a TD: the module fills in the TD's facts, the processor seals them.

Source: attestation-and-migration 2; module source tdg_mr_report.c.
"""

import hashlib

from tdxviz.core.arch import report as lay
from tdxviz.core.hw import seamops
from tdxviz.core.tdx.structs import Td

MRSEAM = hashlib.sha384(b"tdxviz: model of the Intel TDX module 1.5.01").digest()
"""Stands in for the measurement of the loaded module, whose binary is not part of the model."""
TCB_SVN = bytes([6, 1, 3]).ljust(16, b"\x00")
"""Module SVN, module major version (1 = TDX 1.5), late microcode."""
TCB_VALID = 0x301FF
"""All 8-byte words up to SEAM_ATTRIBUTES, and TEE_TCB_SVN2."""


def build(td: Td, data: bytes) -> bytes:
    """1024 bytes. ``data``: the caller's 64 bytes of REPORTDATA."""
    report = bytearray(lay.SIZE)

    def put(name: str, value: bytes) -> None:
        offset, size = lay.FIELDS[name]
        assert len(value) == size
        report[offset : offset + size] = value

    _td_info(td, put)
    put("TCB_VALID", TCB_VALID.to_bytes(8, "little"))
    put("TEE_TCB_SVN", TCB_SVN)
    put("TEE_TCB_SVN2", TCB_SVN)
    put("MRSEAM", MRSEAM)
    put("REPORTTYPE", bytes([lay.TYPE_TDX, 0, 0, 0]))
    put("CPUSVN", seamops.CPUSVN)
    put("TEE_TCB_INFO_HASH", _hash(report, lay.TCB_INFO))
    put("TEE_INFO_HASH", _hash(report, lay.TD_INFO))
    put("REPORTDATA", data)
    put("MAC", seamops.seal(td.p.report_key, bytes(report[:256])))
    return bytes(report)


def _td_info(td: Td, put) -> None:
    tdcs = td.tdcs
    for name in lay.TD_FIELDS:
        if name != "SERVTD_HASH":  # zero: no service TD is bound
            put(name, tdcs.raw(name))


def _hash(report: bytearray, span: lay.Span) -> bytes:
    return hashlib.sha384(report[span[0] : span[0] + span[1]]).digest()
