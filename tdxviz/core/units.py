"""Sizes and address kinds. Imports nothing of ours.

An address is an ``int``; its alias says which space it lives in. ``Hpa`` never carries KeyID
bits: where a KeyID matters it travels beside the address, as it does in the cache tag.
"""

from typing import Literal, TypeAlias

Hpa: TypeAlias = int
"""Host-physical address, without KeyID bits."""
Gpa: TypeAlias = int
"""Guest-physical address, with the SHARED bit if there is one."""
Gla: TypeAlias = int
"""Guest-linear address."""
Hkid: TypeAlias = int
"""KeyID. 0..15 are shared, 16..63 private on the modelled platform."""

World: TypeAlias = Literal["legacy", "li", "ci"]
"""One machine, three worlds: an ordinary VM without memory encryption; TDX with logical
integrity; TDX with cryptographic integrity."""

WORLDS: tuple[World, ...] = ("legacy", "li", "ci")

LINE = 64
PAGE = 4096
KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB

KEYID_BITS = 6
KEYID_SHIFT = 52 - KEYID_BITS
"""Lowest KeyID bit of a physical address: 52 minus the number of KeyID bits."""
MAX_SHARED_KEYID = 15
MAX_KEYID = (1 << KEYID_BITS) - 1
MAXPA = KEYID_SHIFT
"""Physical addresses without KeyID are below ``1 << MAXPA``."""

U64 = (1 << 64) - 1


def line_of(address: int) -> int:
    return address & ~(LINE - 1)


def page_of(address: int) -> int:
    return address & ~(PAGE - 1)


def is_private(keyid: Hkid) -> bool:
    """Private KeyIDs are usable in SEAM only."""
    return keyid > MAX_SHARED_KEYID


def with_keyid(hpa: Hpa, keyid: Hkid) -> int:
    """The full physical address, as page tables and cache tags hold it."""
    return hpa | keyid << KEYID_SHIFT


def split_keyid(address: int) -> tuple[Hpa, Hkid]:
    return address & ((1 << KEYID_SHIFT) - 1), address >> KEYID_SHIFT & MAX_KEYID
