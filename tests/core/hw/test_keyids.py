"""The key table: one random key for a KeyID, and no way to get it out."""

import hashlib

from tdxviz.core.hw.drbg import Drbg
from tdxviz.core.hw.keyids import KeyTable


def digest(table: KeyTable) -> str:
    h = hashlib.sha256()
    table.digest(h)
    return h.hexdigest()


def test_programming_draws_a_fresh_key():
    table, drbg = KeyTable(), Drbg(1)
    assert table.key(33) is None
    table.program(33, drbg)
    first = table.key(33)
    table.program(33, drbg)
    assert table.key(33) is not first
    assert first.fingerprint != table.key(33).fingerprint
    assert table.configured() == (33,)
    assert drbg.drawn == 4


def test_erase_all():
    table = KeyTable()
    table.program(0, Drbg(1))
    table.erase_all()
    assert table.configured() == ()
    assert digest(table) == digest(KeyTable())


def test_copies_are_independent_and_share_the_keys():
    table = KeyTable()
    table.program(33, Drbg(1))
    twin = table.copy()
    assert twin.key(33) is table.key(33)
    before = digest(table)
    twin.program(33, Drbg(2))
    twin.program(34, Drbg(2))
    assert digest(table) == before != digest(twin)
