"""Every attack by its catalogue id. One file each; add a row here."""

from functools import cache
from importlib import import_module

from tdxviz.core.attacks.scene import Attack
from tdxviz.core.faults import TdxvizError
from tdxviz.core.nearest import did_you_mean

IDS = (
    "host-read-keyid0",
    "host-ciphertext-peek",
    "host-write-full-line",
    "register-peek-on-exit",
    "dma-read-private",
    "dma-write-private",
    "cold-boot",
    "bit-flip-ciphertext",
    "replay-line-and-mac",
    "host-code-injection",
    "overwrite-tdvps",
    "never-schedule",
    "sept-page-trace",
    "llc-prime-probe",
    "vp-write-guest-rip",
    "exception-injection-ve",
    "nested-vmx-in-td",
    "rop-no-cet",
    "rop-with-cet",
    "perf-counters",
    "zero-step",
    "single-step",
    "stumblestepping",
    "debug-attribute",
    "tdmr-pamt-misconfig",
    "badram-spd-alias",
)


@cache
def attack(attack_id: str) -> Attack:
    """Raises TdxvizError with the nearest id when there is no such attack."""
    if attack_id not in IDS:
        raise TdxvizError(f"there is no attack {attack_id!r}; {did_you_mean(attack_id, IDS)}")
    return import_module(f"tdxviz.core.attacks.{attack_id.replace('-', '_')}").ATTACK


def attacks() -> tuple[Attack, ...]:
    return tuple(attack(name) for name in IDS)
