"""AES-XTS against published vectors and an independent implementation; the line MAC's inputs."""

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given, settings
from hypothesis import strategies as st

from tdxviz.core.hw.mee import MAC_BITS, Key, decrypt_line, encrypt_line, line_mac, page_lines
from tdxviz.core.units import LINE, PAGE

COUNTING = bytes(range(256)) * 2

VECTORS = {
    # IEEE Std 1619-2007, annex B.1 (key 1, key 2, data unit number, plaintext, ciphertext)
    "IEEE 1619 vector 1": (
        "00" * 16, "00" * 16, 0, bytes(32),
        "917cf69ebd68b2ec9b9fe9a3eadda692cd43d2f59598ed858c02c2652fbf922e",
    ),
    "IEEE 1619 vector 2": (
        "11" * 16, "22" * 16, 0x3333333333, b"\x44" * 32,
        "c454185e6a16936e39334038acef838bfb186fff7480adc4289382ecd6d394f0",
    ),
    "IEEE 1619 vector 3": (
        "fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0", "22" * 16, 0x3333333333, b"\x44" * 32,
        "af85336b597afc1a900b2eb21ec949d292df4c047e0b21532186a5971a227a89",
    ),
    # the first 64 of its 512 bytes: XTS blocks do not depend on later ones
    "IEEE 1619 vector 4": (
        "27182818284590452353602874713526", "31415926535897932384626433832795", 0, COUNTING[:64],
        "27a7479befa1d476489f308cd4cfa6e2a96e4bbe3208ff25287dd3819616e89c"
        "c78cf7f5e543445f8333d8fa7f56000005279fa5d8b5e4ad40e736ddb4d35412",
    ),
    # NIST XTSVS, XTSGenAES128 (tweak as hex string), encrypt, COUNT 1
    "NIST XTSGenAES128 count 1": (
        "a1b90cba3f06ac353b2c343876081762", "090923026e91771815f29dab01932f2f",
        int.from_bytes(bytes.fromhex("4faef7117cda59c66e4b92013e768ad5"), "little"),
        bytes.fromhex("ebabce95b14d3c8d6fb350390790311c"),
        "778ae8b43cb98d5a825081d5be471c63",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", VECTORS)
def test_published_vectors(name):
    data_key, tweak_key, unit, plain, cipher = VECTORS[name]
    key = Key(bytes.fromhex(data_key), bytes.fromhex(tweak_key))
    tweak = key.encrypted_tweak(unit)
    assert key.encrypt(tweak, plain).hex() == cipher
    assert key.decrypt(tweak, bytes.fromhex(cipher)) == plain


def library(data_key: bytes, tweak_key: bytes, hpa: int):
    return Cipher(algorithms.AES(data_key + tweak_key), modes.XTS(hpa.to_bytes(16, "little")))


KEYS = st.tuples(st.binary(min_size=16, max_size=16), st.binary(min_size=16, max_size=16)).filter(
    lambda pair: pair[0] != pair[1]  # the library refuses equal halves
)


@settings(max_examples=200, deadline=None)
@given(KEYS, st.integers(0, 2**40).map(lambda n: n * LINE), st.binary(min_size=LINE, max_size=LINE))
def test_a_line_equals_the_librarys_xts(pair, hpa, plain):
    key, other = Key(*pair), library(*pair, hpa)
    cipher = encrypt_line(key, hpa, plain)
    assert cipher == other.encryptor().update(plain)
    assert decrypt_line(key, hpa, cipher) == plain
    assert decrypt_line(key, hpa, plain) == other.decryptor().update(plain)


@settings(max_examples=100, deadline=None)
@given(KEYS, st.integers(0, LINE * 8 - 1), st.binary(min_size=LINE, max_size=LINE))
def test_a_flipped_ciphertext_bit_garbles_exactly_its_block(pair, bit, plain):
    key = Key(*pair)
    number = int.from_bytes(encrypt_line(key, 0x1000, plain), "little") ^ 1 << bit
    back = decrypt_line(key, 0x1000, number.to_bytes(LINE, "little"))
    wrong = [n for n in range(0, LINE, 16) if back[n : n + 16] != plain[n : n + 16]]
    assert wrong == [bit // 128 * 16]


def test_equal_lines_differ_by_address_and_key():
    one, two = Key(b"a" * 16, b"b" * 16), Key(b"a" * 16, b"c" * 16)
    ciphers = {encrypt_line(k, hpa, bytes(LINE)) for k in (one, two) for hpa in (0, LINE, PAGE)}
    assert len(ciphers) == 6
    assert encrypt_line(one, 0, bytes(LINE)) == encrypt_line(one, 0, bytes(LINE))  # R5: no counter


def test_the_mac_covers_key_ciphertext_tweak_and_owner_bit():
    base = (b"k" * 16, bytes(LINE), bytes(16), True)
    variants = [
        base, (b"l" * 16, *base[1:]), (base[0], b"\x01" + bytes(63), *base[2:]),
        (*base[:2], b"\x01" + bytes(15), True), (*base[:3], False),
    ]  # fmt: skip
    macs = [line_mac(*v) for v in variants]
    assert len(set(macs)) == 5
    assert all(0 <= mac < 1 << MAC_BITS for mac in macs)
    assert line_mac(*base) == macs[0]  # R6: no version, no freshness


def test_the_mac_is_sha3_256_cut_to_28_bits():
    import hashlib

    text = b"k" * 16 + b"c" * 64 + b"t" * 16 + b"\x01"
    whole = int.from_bytes(hashlib.sha3_256(text).digest(), "little")
    assert line_mac(b"k" * 16, b"c" * 64, b"t" * 16, True) == whole % 2**28


def test_fingerprints_tell_keys_apart_and_do_not_hold_them():
    key = Key(b"a" * 16, b"b" * 16)
    assert key.fingerprint != Key(b"a" * 16, b"c" * 16).fingerprint
    assert len(key.fingerprint) == 8
    assert not hasattr(key, "__dict__")


def test_page_lines():
    page = bytes(n // LINE for n in range(PAGE))
    assert b"".join(page_lines(page)) == page
    assert len(page_lines(page)) == 64
