"""TD_PARAMS: 1024 bytes by which the host describes a TD. Checks of TDH.MNG.INIT from its 11th on.

Source: tdx-architecture 12.1 to 12.4.
"""

from dataclasses import dataclass

from tdxviz.core.tdx.call import Call
from tdxviz.core.tdx.structs import Td
from tdxviz.core.units import KEYID_SHIFT

DEBUG, SEPT_VE_DISABLE, MIGRATABLE, PKS, PERFMON = (1 << n for n in (0, 28, 29, 30, 63))
ATTRIBUTES_FIXED0 = DEBUG | SEPT_VE_DISABLE | MIGRATABLE | PKS | PERFMON
XFAM_FIXED0, XFAM_FIXED1 = 0x6DBE7, 0x3
AVX, AVX512, CET, AMX = 1 << 2, 7 << 5, 3 << 11, 3 << 17
GPAW, FLEXIBLE_PENDING_VE, NO_RBP_MOD = 1, 2, 4
EPTP_WB_4_LEVELS = 0x1E
ANY_SUBLEAF = 0xFFFF_FFFF
CPUID_CONFIG = {
    slot: leaf | subleaf << 32
    for slot, (leaf, subleaf) in (
        (0, (0x1, ANY_SUBLEAF)), (1, (0x4, 0)), (2, (0x4, 1)), (3, (0x4, 2)), (4, (0x4, 3)), (5, (0x7, 0)),
        (6, (0x7, 1)), (7, (0xA, ANY_SUBLEAF)), (8, (0x1C, ANY_SUBLEAF)), (9, (0x8000_0008, ANY_SUBLEAF)),
        (10, (0x7, 2)), *((12 + n, (0x1F, n)) for n in range(6)), (11, (0x23, 0)),
    )
}  # fmt: skip
"""Entry of TD_PARAMS.CPUID_CONFIG -> leaf and subleaf as RCX reports them, in the order in which they are
looked at. Source: module source cpuid_configurations.c of the 1.5 branch. Other entries name no leaf."""
IDENTITIES = {"MRCONFIGID": 80, "MROWNER": 128, "MROWNERCONFIG": 176}


@dataclass(frozen=True, slots=True)
class Params:
    fields: dict[str, int]
    identities: dict[str, bytes]


def xfam_ok(xfam: int) -> bool:
    """Mandatory bits set, only allowed bits set, component pairs complete."""
    pairs = all(xfam & mask in (0, mask) for mask in (AVX512, CET, AMX))
    avx = not xfam & AVX512 or bool(xfam & AVX)
    return xfam & XFAM_FIXED1 == XFAM_FIXED1 and not xfam & ~XFAM_FIXED0 and pairs and avx


def attributes_ok(attributes: int) -> bool:
    if attributes & ~ATTRIBUTES_FIXED0:
        return False
    return not (attributes & MIGRATABLE and attributes & (DEBUG | PERFMON))


def eptp_ok(eptp: int, flags: int) -> bool:
    """WB, 4 levels; 5 levels need PML5, which this platform (MAXPA 46) does not have."""
    return eptp == EPTP_WB_4_LEVELS and not flags & GPAW


def judge(call: Call, td: Td, raw: bytes) -> Params:
    """All checks on the content, in order. Raises Refused at the first that fails."""

    def number(offset: int, size: int) -> int:
        return int.from_bytes(raw[offset : offset + size], "little")

    attributes, xfam, flags = number(0, 8), number(8, 8), number(32, 8)
    eptp, tsc, l2_vms = number(24, 8), number(40, 2), number(18, 1)
    call.require(attributes_ok(attributes), f"ATTRIBUTES = {attributes:#x} is not allowed")
    call.require(xfam_ok(xfam), f"XFAM = {xfam:#x} is not allowed")
    call.require(number(16, 2) > 0, "MAX_VCPUS is 0")
    call.require(l2_vms <= 3, f"NUM_L2_VMS = {l2_vms}; at most 3")
    enough = td.tdr["NUM_TDCX"] >= 6 + l2_vms
    call.require(enough, f"{6 + l2_vms} TDCX pages are needed")
    call.require(number(20, 4) == 0, "the first reserved area is not zero")
    allowed = not flags & ~(GPAW | FLEXIBLE_PENDING_VE | NO_RBP_MOD)
    call.require(allowed and not (flags & GPAW and KEYID_SHIFT <= 48), f"CONFIG_FLAGS = {flags:#x}")
    call.require(eptp_ok(eptp, flags), f"EPTP_CONTROLS = {eptp:#x}")
    call.require(4 <= tsc <= 400, f"TSC_FREQUENCY = {tsc}; 4 to 400, in units of 25 MHz")
    call.require(call.tsc_adjusted(), "IA32_TSC_ADJUST differs from SYS.INIT")
    call.require(not any(raw[42:80]) and not any(raw[232:256]), "a reserved area is not zero")
    wrong = next((slot for slot in CPUID_CONFIG if any(raw[256 + 16 * slot : 272 + 16 * slot])), None)
    if wrong is not None:
        call.outputs["RCX"] = CPUID_CONFIG[wrong]
    call.require(not any(raw[256:1008]), "CPUID_CONFIG sets a bit that is not configurable")
    call.cleared("RCX")
    call.require(not any(raw[1008:1024]), "the last reserved area is not zero")
    arch_caps = not number(224, 8) or bool(raw[19] & 1)
    call.require(arch_caps, "IA32_ARCH_CAPABILITIES_CONFIG is set but not announced")
    call.require(not raw[19] & ~1, "MSR_CONFIG_CTLS has unknown bits")
    fields = {
        "ATTRIBUTES": attributes, "XFAM": xfam, "MAX_VCPUS": number(16, 2), "NUM_L2_VMS": l2_vms,
        "GPAW": flags & GPAW, "EPTP": eptp, "CONFIG_FLAGS": flags, "TSC_FREQUENCY": tsc,
    }  # fmt: skip
    return Params(fields, {n: raw[at : at + 48] for n, at in IDENTITIES.items()})
