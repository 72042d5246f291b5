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
    "heckler-int80",
    "nested-vmx-in-td",
    "rop-no-cet",
    "rop-with-cet",
    "transient-execution",
    "cpuid-msr-spoof",
    "perf-counters",
    "zero-step",
    "single-step",
    "stumblestepping",
    "debug-attribute",
    "tdmr-pamt-misconfig",
    "badram-spd-alias",
    "host-read-private-keyid",
    "host-partial-write-poison",
    "invd-cache-drop",
    "hkid-reuse-without-flush",
    "severed-remap",
    "sept-direct-write",
    "remove-without-tracking",
    "drop-and-reaug-strict",
    "drop-and-reaug-naive",
    "double-accept",
    "mapgpa-lie",
)


@cache
def attack(attack_id: str) -> Attack:
    """An attack by its id, or one of its variants as ``id:variant``.

    Raises:
        TdxvizError: there is no such attack; names the nearest.
    """
    base, _, variant = attack_id.partition(":")
    if base not in IDS:
        raise TdxvizError(f"there is no attack {attack_id!r}; {did_you_mean(base, IDS)}")
    main: Attack = import_module(f"tdxviz.core.attacks.{base.replace('-', '_')}").ATTACK
    if not variant:
        return main
    known = {one.id: one for one in main.variants}
    if attack_id not in known:
        hint = did_you_mean(attack_id, known) if known else "it has no variants"
        raise TdxvizError(f"{base} has no variant {variant!r}; {hint}")
    return known[attack_id]


def attacks() -> tuple[Attack, ...]:
    return tuple(attack(name) for name in IDS)
