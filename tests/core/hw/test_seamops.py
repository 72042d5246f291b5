"""A report structure is sealed by one processor and recognised by that one alone."""

import hashlib
import hmac

from hypothesis import given
from hypothesis import strategies as st

from tdxviz.core.hw import seamops
from tdxviz.core.machine import Machine

KEY, OTHER = bytes(range(32)), bytes(32)


@given(st.binary(min_size=224, max_size=224), st.integers(0, 256 * 8 - 1))
def test_any_changed_bit_breaks_the_seal(covered, bit):
    structure = bytearray(covered + seamops.seal(KEY, covered))
    assert seamops.verify(KEY, bytes(structure))
    assert not seamops.verify(OTHER, bytes(structure))
    structure[bit // 8] ^= 1 << bit % 8
    assert not seamops.verify(KEY, bytes(structure))


def test_it_is_hmac_sha_256():
    assert seamops.seal(KEY, b"x" * 256) == hmac.new(KEY, b"x" * 224, hashlib.sha256).digest()


def test_every_power_on_has_its_own_secret():
    keys = {Machine("ci", seed).platform.report_key for seed in range(4)}
    assert len(keys) == 4 and bytes(32) not in keys
    assert Machine("ci", 1).platform.report_key == Machine("ci", 1).copy().platform.report_key
