"""The machine's only source of randomness: a seeded counter run through SHA-256."""

import hashlib
from dataclasses import dataclass


@dataclass(slots=True)
class Drbg:
    seed: int
    drawn: int = 0

    def draw(self, size: int, purpose: str) -> bytes:
        """``size`` bytes, at most 32; same seed and same order of draws give the same bytes."""
        self.drawn += 1
        text = f"tdxviz {self.seed} {self.drawn} {purpose}".encode()
        return hashlib.sha256(text).digest()[:size]

    def copy(self) -> "Drbg":
        return Drbg(self.seed, self.drawn)
