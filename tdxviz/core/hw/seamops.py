"""SEAMOPS as far as reports go: the processor seals a report structure with a secret of its own.

The MAC is HMAC-SHA-256 over the first 224 bytes of REPORTMACSTRUCT with a key that exists only inside
the package, drawn anew at power-on: neither host, TD nor TDX module can read it. Source:
attestation-and-migration 2.1 (algorithm as publicly described; Intel has not published it in full).
"""

import hmac

CPUSVN = bytes.fromhex("06060202040100040000000000000000")
"""Security version numbers of the modelled processor and its microcode."""
COVERED = 224
MAC_SIZE = 32


def seal(key: bytes, structure: bytes) -> bytes:
    """The MAC of a REPORTMACSTRUCT; of ``structure`` the first 224 bytes count."""
    return hmac.digest(key, structure[:COVERED], "sha256")


def verify(key: bytes, structure: bytes) -> bool:
    """Whether this very processor sealed the 256 bytes."""
    return hmac.compare_digest(seal(key, structure), structure[COVERED : COVERED + MAC_SIZE])
