"""The memory-encryption engine: AES-XTS-128 by line, and the 28-bit line MAC.

Published facts: AES-XTS, tweak from the physical address under the key's tweak half; MAC = SHA-3-256
based, 28 bits, over ciphertext, encrypted tweak and TD-owner bit, one MAC key a platform. Not
published in full: how exactly the tweak input and the MAC input are laid out. Ours: the line's
physical address as 16 bytes little endian, and the plain concatenation of the inputs.

Sources: AES-XTS, NIST SP 800-38E and IEEE 1619; tdx-architecture 1.2; attack catalogue R5, R6.
"""

from hashlib import sha3_256, sha256

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from tdxviz.core.units import LINE, PAGE, Hpa

MAC_BITS = 28
_MAC_MASK = (1 << MAC_BITS) - 1
_FEEDBACK = 0x87
_TOP = 1 << 127
_number = int.from_bytes
_ALL = (1 << 128) - 1
_SPREAD = 1 | 1 << 129 | 1 << 258 | 1 << 387
"""Times a tweak: block n of four holds the tweak shifted left by n, before reduction."""


def _fix(top: int) -> int:
    """What reduces such a product, by the tweak's top three bits: bits that left block n leave the
    next block too, and come back into block n as their carry-less product with the feedback."""
    fix = 0
    for block in (1, 2, 3):
        lost = top >> 3 - block
        fix ^= lost << 128 * (block + 1)
        for bit in range(block):
            fix ^= (_FEEDBACK << bit) << 128 * block if lost >> bit & 1 else 0
    return fix


_FIX = tuple(_fix(top) for top in range(8))


class Key:
    """An AES-XTS-128 key: data half and tweak half. Immutable; copies of a machine share it."""

    __slots__ = ("_decrypt", "_encrypt", "_tweak", "fingerprint")

    def __init__(self, data_key: bytes, tweak_key: bytes) -> None:
        data = Cipher(algorithms.AES(data_key), modes.ECB())
        self._encrypt = data.encryptor().update
        self._decrypt = data.decryptor().update
        self._tweak = Cipher(algorithms.AES(tweak_key), modes.ECB()).encryptor().update
        self.fingerprint = sha256(data_key + tweak_key).digest()[:8]

    def encrypted_tweak(self, hpa: Hpa) -> bytes:
        """The 16-byte tweak of the line's first block: the address under the tweak key."""
        return self._tweak(hpa.to_bytes(16, "little"))

    def encrypt(self, tweak: bytes, plain: bytes) -> bytes:
        size = len(plain)
        mask = _mask(tweak, size)
        inner = (_number(plain, "little") ^ mask).to_bytes(size, "little")
        return (_number(self._encrypt(inner), "little") ^ mask).to_bytes(size, "little")

    def decrypt(self, tweak: bytes, cipher: bytes) -> bytes:
        size = len(cipher)
        mask = _mask(tweak, size)
        inner = (_number(cipher, "little") ^ mask).to_bytes(size, "little")
        return (_number(self._decrypt(inner), "little") ^ mask).to_bytes(size, "little")

    def open_line(self, tweak: bytes, cipher: bytes) -> bytes:
        """``decrypt`` of exactly one line, the simulator's most frequent operation, in one piece."""
        t = _number(tweak, "little")
        mask = t * _SPREAD ^ _FIX[t >> 125]
        inner = (_number(cipher, "little") ^ mask).to_bytes(LINE, "little")
        return (_number(self._decrypt(inner), "little") ^ mask).to_bytes(LINE, "little")

    def encrypt_page(self, hpa: Hpa, plain: bytes) -> tuple[bytes, bytes]:
        """A page of 64 lines at once: ciphertext (4096 bytes) and encrypted tweaks (16 a line)."""
        places = b"".join([at.to_bytes(16, "little") for at in range(hpa, hpa + PAGE, LINE)])
        tweaks = self._tweak(places)
        masks = []
        for n in range(0, len(tweaks), 16):
            t = _number(tweaks[n : n + 16], "little")
            masks.append((t * _SPREAD ^ _FIX[t >> 125]).to_bytes(LINE, "little"))
        mask = _number(b"".join(masks), "little")
        inner = (_number(plain, "little") ^ mask).to_bytes(PAGE, "little")
        return (_number(self._encrypt(inner), "little") ^ mask).to_bytes(PAGE, "little"), tweaks


def _mask(tweak: bytes, size: int) -> int:
    """The tweaks of all blocks side by side: each is the one before times x in GF(2^128)."""
    t = int.from_bytes(tweak, "little")
    if size == LINE:
        return t * _SPREAD ^ _FIX[t >> 125]
    mask = t
    for shift in range(128, size * 8, 128):
        t = t << 1 & _ALL ^ (_FEEDBACK if t & _TOP else 0)
        mask |= t << shift
    return mask


def encrypt_line(key: Key, hpa: Hpa, plain: bytes) -> bytes:
    """64 bytes of ciphertext. Equal plaintext at another address or under another key differs."""
    return key.encrypt(key.encrypted_tweak(hpa), plain)


def decrypt_line(key: Key, hpa: Hpa, cipher: bytes) -> bytes:
    """64 bytes of plaintext; noise if the line was written elsewhere or under another key."""
    return key.decrypt(key.encrypted_tweak(hpa), cipher)


def line_mac(mac_key: bytes, cipher: bytes, tweak: bytes, owner: bool) -> int:
    """28 bits over ciphertext, encrypted tweak and owner bit. No counter: no freshness."""
    text = mac_key + cipher + tweak + (b"\x01" if owner else b"\x00")
    return _number(sha3_256(text).digest()[:4], "little") & _MAC_MASK


def page_lines(data: bytes) -> list[bytes]:
    """A 4 KiB page cut into its 64 lines."""
    return [data[n : n + LINE] for n in range(0, PAGE, LINE)]
