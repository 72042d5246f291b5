"""Which key stands behind which KeyID. The keys themselves never leave this table."""

import hashlib

from tdxviz.core.hw.drbg import Drbg
from tdxviz.core.hw.mee import Key
from tdxviz.core.units import Hkid


class KeyTable:
    """KeyID -> key, as PCONFIG programs it."""

    def __init__(self) -> None:
        self._keys: dict[Hkid, Key] = {}

    def key(self, keyid: Hkid) -> Key | None:
        return self._keys.get(keyid)

    def program(self, keyid: Hkid, drbg: Drbg) -> None:
        """PCONFIG, SET_KEY_RANDOM: a fresh random key; what the old one encrypted is lost."""
        data, tweak = drbg.draw(16, f"data key {keyid}"), drbg.draw(16, f"tweak key {keyid}")
        self._keys[keyid] = Key(data, tweak)

    def erase_all(self) -> None:
        """Power is gone."""
        self._keys.clear()

    def configured(self) -> tuple[Hkid, ...]:
        return tuple(sorted(self._keys))

    def copy(self) -> "KeyTable":
        twin = KeyTable()
        twin._keys = self._keys.copy()
        return twin

    def digest(self, h: "hashlib._Hash") -> None:
        for keyid, key in sorted(self._keys.items()):
            h.update(bytes([keyid]) + key.fingerprint)
