"""Reads a stretch of events as a detective would: who got which bytes, who was told what.

Every fact is taken from an event that the machine produced, or compared with bytes that
``observe`` reported before the hostile act; no rule looks at an attack's name.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import singledispatchmethod

import tdxviz.core.evidence_map as maps
from tdxviz.core import events as e
from tdxviz.core import (
    evidence_answers,
    evidence_cpu,
    evidence_flow,
    evidence_side,
    evidence_speculation,
    evidence_step,
)
from tdxviz.core.arch.status import name_of
from tdxviz.core.case import Case, Choice, Position
from tdxviz.core.hw.cpu import RSP
from tdxviz.core.units import LINE

__all__ = ["Case", "Choice", "Evidence", "Position", "collect"]

PARTS = (
    maps,
    evidence_cpu,
    evidence_side,
    evidence_flow,
    evidence_step,
    evidence_speculation,
    evidence_answers,
)
TELLING = 16
"""So many equal bytes are no accident."""
EXIT_INFORMATION = (0, 1, 2, 8, 9)
"""RAX, RCX, RDX, R8, R9: the registers in which the module reports an asynchronous TD exit."""


@dataclass
class Evidence:
    """Everything that counts, in the order in which it was found."""

    case: Case
    signals: list[tuple[str, str, str]] = field(default_factory=list)
    causes: list[int] = field(default_factory=list)
    leaked: bool = False
    leak_words: str = ""
    got_words: str = "nothing"
    victim_words: str = ""
    integrity: str = "kept"
    freshness: str = "kept"
    availability: str = "kept"
    decided_by: str = ""
    refused: bool = False
    carried_out: bool = False
    planted: bytes = b""
    """What the attacker wrote over the target."""
    tampered: bool = False
    alarmed: bool = False
    loaded: dict[int, int] = field(default_factory=dict)
    """Target offset -> byte the guest loaded there after the tampering."""
    resumed_words: str = ""
    control_flow: str = "kept"
    """``lost`` when the guest went where an input told it to go."""
    granted: bool = False
    """The guest got a power that a TD never has."""
    calls: list[int] = field(default_factory=list)
    """Addresses to which the guest's calls should return."""
    before: tuple[int, int, bytes] | None = None
    """The guest's last instruction: address, where it would fall through to, its bytes."""
    rejected: str = ""
    """Why a relying party turned the TD down."""
    injected: bool = False
    """The host asked for an event that has not arrived yet."""
    not_injected: int = -1
    """Position of the refusal of such a request, -1 for none; an exception in the guest resets it."""
    coped: bool = False
    """The guest took a non-maskable interrupt that the host had asked for."""
    arrived: int = -1
    """Vector of the last interrupt that the guest took from outside, -1 for none."""
    turned_away: bool = False
    """TDX did not come up: firmware or the module refused how the machine is set up."""
    platform_lost: bool = False
    """TDX is over on this machine until it is started anew."""
    used: list[int] = field(default_factory=list)
    """Which of the choices the guest used, one after the other."""
    guessed: list[int] = field(default_factory=list)
    """What the attacker makes of what it could notice."""
    executed: int = 0
    """Instructions of the guest so far."""
    clocked: tuple[int, int] | None = None
    """The host's last look at the clock, and ``executed`` then."""
    counted: tuple[int, int] | None = None
    """The host's last look at its counter, and ``executed`` then."""
    speculation: evidence_speculation.Speculation = field(default_factory=evidence_speculation.Speculation)
    answers: evidence_answers.Answers = field(default_factory=evidence_answers.Answers)
    stays: evidence_step.Stays = field(default_factory=evidence_step.Stays)
    primed: set[int] = field(default_factory=set)
    """Lines whose load the host has timed."""
    pattern_lost: bool = False
    fetched_foreign: bool = False
    """The guest's next instruction came from bytes that the attacker planted."""
    written_state: dict[str, int] = field(default_factory=dict)
    """Registers of the guest that the attacker changed."""
    mapping: maps.MapFindings = field(default_factory=maps.MapFindings)
    _at: int = 0
    _victim_at: int = -1

    @property
    def at(self) -> int:
        """Position of the event that is being weighed."""
        return self._at

    def signal(self, observer: str, kind: str, name: str, at: int = -1) -> None:
        """``at``: the event that it rests on; the present one unless told otherwise."""
        self.causes.append(self._at if at < 0 else at)
        if (observer, kind, name) not in self.signals:
            self.signals.append((observer, kind, name))

    # --- attackers reading ----------------------------------------------------------------

    def took(self, observer: str, hpa: int, data: bytes, *, place: str = "") -> None:
        """The attacker holds ``data`` from ``hpa``: is it the guest's?"""
        self.carried_out = True
        mine = self._overlap(hpa, data)
        if mine is None:  # perhaps through another address of the same cells
            if any(len(secret) >= TELLING and secret in data for secret in self.case.secrets):
                self._leak("the guest's bytes in plain text", observer, f"plaintext {place or 'read'}")
            if not any(data):
                self.signal(observer, "data", f"{len(data)} zero bytes read")
                self.got_words = f"{len(data)} zero bytes"
            return
        got, secrets = mine
        if any(got) and got in secrets:
            self._leak("the guest's bytes in plain text", observer, f"plaintext {place or 'read'}")
        elif not any(got):
            self.got_words = f"{len(data)} zero bytes"
            self.signal(observer, "data", f"{len(data)} zero bytes read")
        else:
            self.got_words = "ciphertext without the key"
            self.signal(observer, "data", f"ciphertext {place or 'read'}")

    def _leak(self, words: str, observer: str, name: str) -> None:
        self.leaked, self.leak_words = True, words
        self.signal(observer, "data", name)

    def _overlap(self, hpa: int, data: bytes) -> tuple[bytes, list[bytes]] | None:
        case = self.case
        if case.hpa < 0:
            return None
        start = max(hpa, case.hpa)
        end = min(hpa + len(data), case.hpa + len(case.expected))
        if start >= end:
            return None
        mine = (case.expected, *case.secrets)
        return data[start - hpa : end - hpa], [s[start - case.hpa : end - case.hpa] for s in mine]

    def touches(self, hpa: int, size: int) -> bool:
        case = self.case
        return case.hpa >= 0 and hpa < case.hpa + len(case.expected) and case.hpa < hpa + size

    def tamper(self, hpa: int, data: bytes) -> None:
        if self.touches(hpa, max(len(data), 1)):
            self.tampered = True
            self.carried_out = True
            self.planted = data
            self.loaded.clear()
            self.causes.append(self._at)

    def peeked(self, gprs: tuple[int, ...]) -> None:
        """Host software looked at the registers it found."""
        self.carried_out = True
        if not self.case.registers:
            self._sent_out(gprs)
            return
        private = [n for n in range(16) if n not in EXIT_INFORMATION and n != RSP]
        if any(gprs[n] and gprs[n] == self.case.registers[n] for n in private):
            self._leak("the guest's registers", "host", "guest registers")
        elif not any(gprs[n] for n in private):
            self.got_words = "zeros and the reason of the exit"
            self.signal("host", "data", "all-zero registers")

    def _sent_out(self, gprs: tuple[int, ...]) -> None:
        """The guest put bytes into registers for the host: are they secret ones?"""
        words = [value.to_bytes(8, "little") for value in gprs if value >> 32]
        if sum(any(word in secret for secret in self.case.secrets) for word in words) > 1:
            name = "plaintext through the guest's own service"
            self._leak("the guest's bytes, as the guest itself sent them out", "host", name)

    # --- one event ------------------------------------------------------------------------

    @singledispatchmethod
    def weigh(self, event: e.Event) -> None:
        """Take one event into account; most say nothing about the attack."""

    @weigh.register
    def _(self, event: e.HostLoaded) -> None:
        self.took("host", event.hpa, event.data)
        self.decided_by = self.decided_by or maps.rule_words(event.rule)

    @weigh.register
    def _(self, event: e.DmaLoaded) -> None:
        self.took("device", event.hpa, event.data)
        self.decided_by = self.decided_by or maps.rule_words(event.rule)

    @weigh.register
    def _(self, event: e.DimmDumped) -> None:
        self.took("attacker", event.hpa, event.data, place="in the dump")
        self.availability = "ended"
        self.decided_by = "encryption with a key that exists only inside the CPU"

    @weigh.register
    def _(self, event: e.HostRegistersRead) -> None:
        self.peeked(event.gprs)

    @weigh.register
    def _(self, event: e.RegistersScrubbed) -> None:
        if self.case.registers:
            self.causes.append(self._at)
            self.decided_by = "the TDX module's exit path"

    @weigh.register
    def _(self, event: e.HostStored) -> None:
        self.tamper(event.hpa, event.data)

    @weigh.register
    def _(self, event: e.DmaStored) -> None:
        self.tamper(event.hpa, event.data)

    @weigh.register
    def _(self, event: e.BitFlipped) -> None:
        if self.touches(event.hpa, LINE):
            self.tamper(event.hpa, b"")

    @weigh.register
    def _(self, event: e.BusInjected) -> None:
        if self.touches(event.hpa, LINE):
            self.tamper(event.hpa, b"")

    @weigh.register
    def _(self, event: e.IommuFaulted) -> None:
        self.refused = True
        self.signal("host", "iommu-fault", "VT-d DMA-remapping fault")

    @weigh.register
    def _(self, event: e.HostFaulted) -> None:
        self.refused = True
        self.decided_by = self.decided_by or event.detail
        self.signal("host", "exception", event.fault)

    @weigh.register
    def _(self, event: e.ErrorCorrected) -> None:
        if self.touches(event.hpa, LINE):
            self.decided_by = "ECC: a single flipped bit is put right on the way to the processor"
            self.signal("platform", "machine-check-log", "corrected error (CMCI)")

    @weigh.register
    def _(self, event: e.UcnaLogged) -> None:
        self.alarmed = True
        self.signal("platform", "machine-check-log", "UCNA (CMCI)")

    @weigh.register
    def _(self, event: e.LinePoisoned) -> None:
        if self.touches(event.hpa, LINE):
            self.causes.append(self._at)
            self.decided_by = maps.rule_words(event.rule)

    @weigh.register
    def _(self, event: e.LineDecrypted) -> None:
        if event.rule == "owned-zeros" and self.touches(event.hpa, LINE):
            self.decided_by = self.decided_by or maps.rule_words(event.rule)

    @weigh.register
    def _(self, event: e.MachineCheckRaised) -> None:
        if event.context == self.case.guest:
            self.alarmed = True
            self.integrity = "detected"
            self.signal("TD", "exception", "#MC")

    @weigh.register
    def _(self, event: e.TdBecameFatal) -> None:
        self.availability = "lost"

    @weigh.register
    def _(self, event: e.LeafReturned) -> None:
        if event.side == "host" and event.status >> 61:
            self.refused = self.refused or event.status >> 63 == 1
            self.signal("host", "status", name_of(event.status))
        elif event.side == "guest" and event.status >> 32:
            self.signal("TD", "tdcall-status", name_of(event.status))

    @weigh.register
    def _(self, event: e.MemoryLoaded) -> None:
        if event.kind.startswith("speculative"):  # undone, whoever read ahead
            return
        if event.actor != self.case.guest and self.touches(event.hpa, len(event.data)):
            self.took("attacker", event.hpa, event.data)  # through a guest of its own
        if not (self.tampered and event.actor == self.case.guest) or event.kind == "fetch":
            return
        self.load(event.hpa - self.case.hpa, event.data)

    def load(self, first: int, data: bytes) -> None:
        """The guest got these bytes for its target, beginning at offset ``first``."""
        for offset, byte in enumerate(data, first):
            if 0 <= offset < len(self.case.expected):
                self.loaded.setdefault(offset, byte)
                self._victim_at = self._at

    # --- the end of the story -------------------------------------------------------------

    def consider(self, events: Sequence[e.Event]) -> None:
        for index, event in enumerate(events):
            self._at = index
            self.weigh(event)
            for part in PARTS:
                part.weigh(event, self)
        for last in (evidence_cpu, evidence_side, evidence_flow, evidence_speculation, evidence_answers):
            last.conclude(self)
        self.conclude()
        self.causes = sorted(set(self.causes))

    def conclude(self) -> None:
        """Compare what the guest loaded after the tampering with what it should have found."""
        maps.conclude(self)
        if self.case.no_target:
            self.signals.append(("nobody", "none", "no signal"))
        expected = self.case.expected
        wrong = {n: b for n, b in self.loaded.items() if b != expected[n]}
        if not wrong:
            return
        self._at = self._victim_at
        self.victim_words, name = self._describe(wrong)
        if name == "stale value read":
            self.freshness = "lost"
        else:
            self.integrity = "lost"
        self.signal("TD", "data", name)
        told = self.alarmed or ("TD", "exception", "#VE") in self.signals
        if self.case.world != "legacy" and not told:
            self.signals.append(("nobody", "none", "no signal"))

    def _describe(self, wrong: dict[int, int]) -> tuple[str, str]:
        case, got = self.case, self.loaded
        if self.mapping.framed:
            return "its own exception frame where its data had been", "exception frame read"
        if self.mapping.elsewhere:
            return maps.describe_page(self)
        if case.earlier and all(b == case.earlier[n] for n, b in got.items()):
            return "an old value of its own", "stale value read"
        if self.planted and all(b == self.planted[n] for n, b in got.items() if n < len(self.planted)):
            return "bytes that the attacker chose", "attacker's bytes read"
        if sum((b ^ case.expected[n]).bit_count() for n, b in wrong.items()) == 1:
            return "data with exactly the attacker's bit flipped", "chosen bit flipped"
        blocks = {n // 16 for n in wrong}
        if len(blocks) == 1:
            return "a 16-byte block of noise", "one 16-byte block of garbage"
        return f"{len(blocks)} blocks of noise", f"{len(blocks)} 16-byte blocks of garbage"


def collect(case: Case, events: Sequence[e.Event]) -> Evidence:
    """Weigh every event of the attack in order."""
    found = Evidence(case)
    found.consider(events)
    return found
