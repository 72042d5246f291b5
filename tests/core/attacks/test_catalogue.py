"""Every modelled attack in all three worlds, held against the researched catalogue."""

import msgspec
import pytest

from tdxviz.core import events as e
from tdxviz.core.attacks.catalogue import IDS, attack, attacks
from tdxviz.core.attacks.play import play
from tdxviz.core.commands import HostWrite
from tdxviz.core.drive import drive
from tdxviz.core.faults import TdxvizError
from tdxviz.core.host import layout
from tdxviz.core.machine import Machine
from tdxviz.core.observe import observe
from tdxviz.core.peek_walk import walk
from tdxviz.core.units import WORLDS, World

MODES = {"legacy": "legacy", "li": "tdx-li", "ci": "tdx-ci"}


def the_row(reference, attack_id: str) -> dict:
    rows = reference("attacks.json")["attacks"]
    return next(row for row in rows if row["id"] == attack_id)


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("attack_id", IDS)
def test_verdict_and_signals_equal_the_catalogue(ready, reference, attack_id: str, world: World) -> None:
    machine: Machine = ready(world)

    story, verdict = drive(machine, play(machine, attack(attack_id)))

    expected = the_row(reference, attack_id)["outcomes"][MODES[world]]
    assert verdict.outcome == expected["class"]
    assert [(s.observer, s.kind, s.name) for s in verdict.signals] == [
        (s["observer"], s["kind"], s["name"])
        for s in expected["signals"]
        if not s.get("detail", "").startswith("optional")  # a guest must have asked to be told
    ]
    assert verdict.causes or verdict.outcome == "impossible"
    assert all(0 <= cause < len(story) for cause in verdict.causes)


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("attack_id", IDS)
def test_availability_and_victim_agree_with_the_catalogue(
    ready, reference, attack_id: str, world: World
) -> None:
    machine: Machine = ready(world)

    _, verdict = drive(machine, play(machine, attack(attack_id)))

    expected = the_row(reference, attack_id)["outcomes"][MODES[world]]
    assert (verdict.availability == "lost") == expected["availability_loss"]
    assert (verdict.confidentiality == "lost") == (expected["attacker_gain"] == "plaintext")
    assert (verdict.freshness == "lost") == (expected["attacker_gain"] == "stale-write")
    written = expected["attacker_gain"] in ("chosen-write", "garbled-write", "code-exec")
    assert (verdict.integrity == "lost") == written


@pytest.mark.parametrize("attack_id", IDS)
def test_titles_and_positions_are_the_catalogues(reference, attack_id: str) -> None:
    row = the_row(reference, attack_id)
    position = {
        "host-software": "software", "malicious-firmware": "software",
        "dma-device": "device", "physical-interposer": "physical", "inside-td": "inside",
    }  # fmt: skip

    assert attack(attack_id).position == position[row["actor"]]
    assert attack(attack_id).property == row["seed_property"]


VARIANTS = {
    "invd-cache-drop:guest-invd": ("prevented", "#VE"),
    "hkid-reuse-without-flush:freeid-first": ("prevented", "TDX_LIFECYCLE_STATE_INCORRECT"),
    "hkid-reuse-without-flush:shared-hkid": ("prevented", "TDX_OPERAND_INVALID"),
    "hkid-reuse-without-flush:read-after-teardown": ("prevented", "64 zero bytes read"),
    "host-read-private-keyid:via-ept": ("prevented", "EPT misconfiguration exit"),
    "host-read-keyid0:other-vm-reader": ("prevented", "8 zero bytes read"),
    "dma-write-private:partial-dma": ("detected", "#MC"),
    "severed-remap:cross-td": ("prevented", "TDX_PAGE_METADATA_INCORRECT"),
    "severed-remap:reclaim-live": ("prevented", "TDX_LIFECYCLE_STATE_INCORRECT"),
    "severed-remap:reclaim-tdr-early": ("prevented", "TDX_TD_ASSOCIATED_PAGES_EXIST"),
    "severed-remap:hkid-in-hpa": ("prevented", "TDX_OPERAND_INVALID"),
    "sept-direct-write:pamt-write": ("detected", "unbreakable shutdown of the LP"),
    "sept-direct-write:tdr-write": ("detected", "VMfailInvalid"),
    "double-accept:accept-free": ("degraded-to-DoS", "EPT violation TD exit"),
    "double-accept:accept-size": ("prevented", "TDX_PAGE_SIZE_MISMATCH"),
    "tdmr-pamt-misconfig:pamt-outside": ("prevented", "TDX_PAMT_OUTSIDE_CMRS"),
    "vp-write-guest-rip:read-rip": ("prevented", "TDX_METADATA_FIELD_NOT_READABLE"),
    "vp-write-guest-rip:tsc-rollback": ("prevented", "TDX_INCONSISTENT_MSR"),
    "vp-write-guest-rip:two-lps": ("prevented", "TDX_VCPU_ASSOCIATED"),
    "sept-page-trace:unblock-early": ("prevented", "TDX_TLB_TRACKING_NOT_DONE"),
    "overwrite-tdvps:vmcs-page": ("detected", "TDX_NON_RECOVERABLE_TD_NON_ACCESSIBLE"),
    "single-step:apic-off": ("degraded-to-DoS", "TDX_NON_RECOVERABLE_TD_WRONG_APIC_MODE"),
    "host-read-keyid0:smm-reader": ("prevented", "64 zero bytes read"),
    "bit-flip-ciphertext:within-ecc": ("prevented", "corrected error (CMCI)"),
    "exception-injection-ve:nmi": ("mitigated-by-guest-software", "NMI"),
    "drop-and-reaug-naive:naive-guest": ("succeeds", "zeros or host's bytes read"),
    "drop-and-reaug-naive:syscall-gap": ("succeeds", "#VE frame on the program's stack"),
    "drop-and-reaug-strict:syscall-gap": ("degraded-to-DoS", "EPT violation TD exit"),
    "mapgpa-lie:to-shared": ("prevented", "EPT violation TD exit"),
    "cpuid-msr-spoof:naive-guest": ("succeeds", "lies accepted"),
    "cpuid-msr-spoof:kvmclock": ("mitigated-by-guest-software", "#VE"),
}
"""What the catalogue says about the variants that are modelled: class, and a signal of it."""
WITH_A_TARGET = {
    "dma-write-private:partial-dma",
    "host-read-keyid0:other-vm-reader",
    "host-read-keyid0:smm-reader",
    "drop-and-reaug-naive:naive-guest",
    "overwrite-tdvps:vmcs-page",
    "severed-remap:cross-td",
    "single-step:apic-off",
    "cpuid-msr-spoof:naive-guest",
    "cpuid-msr-spoof:kvmclock",
}
"""What an ordinary VM offers them, they get."""
IN_ANY_WORLD = {
    "bit-flip-ciphertext:within-ecc": "prevented", "exception-injection-ve:nmi": "mitigated-by-guest-software",
}  # fmt: skip


@pytest.mark.parametrize("world", ["li", "ci"])
@pytest.mark.parametrize("name", VARIANTS)
def test_variants_end_as_the_catalogue_says(ready, name: str, world: World) -> None:
    machine: Machine = ready(world)

    _, verdict = drive(machine, play(machine, attack(name)))

    outcome, signal = VARIANTS[name]
    assert verdict.outcome == outcome
    assert signal in [s.name for s in verdict.signals]


@pytest.mark.parametrize("name", VARIANTS)
def test_variants_have_an_answer_in_the_legacy_world_too(ready, name: str) -> None:
    machine: Machine = ready("legacy")

    _, verdict = drive(machine, play(machine, attack(name)))

    other = IN_ANY_WORLD.get(name, "impossible")
    assert verdict.outcome == ("succeeds" if name in WITH_A_TARGET else other)


def test_every_variant_is_held_and_named_after_its_attack() -> None:
    assert {v.id for a in attacks() for v in a.variants} == set(VARIANTS)
    with pytest.raises(TdxvizError, match="no variant 'accept-fre'; did you mean"):
        attack("double-accept:accept-fre")
    with pytest.raises(TdxvizError, match="it has no variants"):
        attack("cold-boot:warm")


def test_an_unknown_attack_names_the_nearest() -> None:
    with pytest.raises(TdxvizError, match="did you mean 'cold-boot'"):
        attack("cold-bot")


def test_a_dead_td_cannot_be_attacked_again(ready) -> None:
    machine = ready("ci")
    drive(machine, play(machine, attack("host-write-full-line")))

    with pytest.raises(TdxvizError, match="nobody left to attack"):
        drive(machine, play(machine, attack("host-read-keyid0")))


def test_attacks_can_be_played_one_after_another(ready) -> None:
    machine = ready("ci")

    for name in ("host-read-keyid0", "dma-read-private", "register-peek-on-exit", "host-read-keyid0"):
        _, verdict = drive(machine, play(machine, attack(name)))
        assert verdict.word == "NO GAIN"


def test_every_attack_file_is_listed() -> None:
    assert {a.id for a in attacks()} == set(IDS)
    assert len(attacks()) == len(IDS)


def told(story, kind):
    return [n for n in story if isinstance(n, kind)]


def test_the_frame_really_lies_where_the_program_aimed(ready):
    """SYSCALL, #VE in the kernel's first instruction, frame over the kernel's word, secret handed out."""
    machine = ready("ci")
    story, _ = drive(machine, play(machine, attack("drop-and-reaug-naive:syscall-gap")))
    books = machine.books
    granted, secret = books.symbol("granted"), books.symbol("secret")
    (ve,) = [n for n in told(story, e.ExceptionDelivered) if n.vector == 20]
    assert (ve.rip, ve.frame) == (books.symbol("entry"), granted - 24)
    pushed = [n.data for n in told(story, e.MemoryStored) if ve.frame <= n.gla < ve.frame + 40]
    frame = b"".join(pushed[:2])  # it crosses a line
    words = [int.from_bytes(frame[n : n + 8], "little") for n in range(0, len(frame), 8)]
    assert (words[0], words[3]) == (ve.rip, granted + 16)  # RIP, and the program's RSP
    assert machine.platform.lps[0].cpu.rip == books.symbol("handed_out")
    assert machine.platform.lps[0].cpu.gprs[0].to_bytes(8, "little") == b"my PIN:7"
    assert {n.gla for n in told(story, e.MemoryLoaded) if n.kind == "load"} >= {granted, secret}


def test_the_private_page_stays_when_the_host_lies_about_sharing_it(ready):
    machine = ready("li")
    public = layout.symbol("picture", "clerk") & -4096
    story, _ = drive(machine, play(machine, attack("mapgpa-lie:to-shared")))
    where = walk(machine, public)
    assert (where.steps[-1].state, where.hpa) == ("MAPPED", layout.hpa_of(public))
    private = observe(machine, "guest", layout.hpa_of(public) + 0x540, 16)
    assert private.data == b"opening hours: n"
    assert [n.data for n in told(story, e.MemoryLoaded) if n.gpa >> 47] == [b"\xcc" * 8]


def test_without_suppression_the_same_lie_is_a_ve(ready):
    """The host decides by bit 63 of its own entries who hears of a missing shared page."""
    machine = ready("ci")
    script = play(machine, attack("mapgpa-lie:to-shared"))
    command, story = next(script), []
    while not any(isinstance(n, e.VeInjected) for n in story) and len(story) < 20_000:
        if isinstance(command, HostWrite) and command.hpa == layout.SHARED_EPT and len(command.data) == 4096:
            command = msgspec.structs.replace(command, data=bytes(4096))
        events = machine.do(command)
        story += events
        command = script.send(events)
    (ve,) = told(story, e.VeInjected)
    assert (ve.reason, "NOT PRESENT" in ve.why) == (48, True)


def test_every_variant_of_the_catalogue_can_be_played(reference) -> None:
    wanted = {f"{one}:{row['id']}" for one in IDS for row in the_row(reference, one).get("variants", ())}
    assert wanted <= {way.id for one in attacks() for way in one.variants}
