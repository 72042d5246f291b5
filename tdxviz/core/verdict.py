"""What came of an attack, computed from the events and from what the actors see.

Nothing here knows which attack was played or what is expected of it. ``PROMISES`` says what each
world undertakes to protect and against whom: that is the definition of scope, not of outcome.

Source: attack catalogue, outcome classes and model rules; architecture page, section 2.
"""

from collections.abc import Sequence

from tdxviz.core import evidence as ev
from tdxviz.core.case import Case, Position
from tdxviz.core.events import Event
from tdxviz.core.outcome import WORDS, OutcomeClass, Signal, Verdict
from tdxviz.core.units import World

PROMISES: dict[World, dict[str, frozenset[Position]]] = {
    "legacy": {},
    "li": {
        "confidentiality": frozenset({"software", "device", "physical"}),
        "integrity": frozenset({"software", "device"}),
        "freshness": frozenset({"software", "device"}),
    },
    "ci": {
        "confidentiality": frozenset({"software", "device", "physical"}),
        "integrity": frozenset({"software", "device", "physical"}),
        "freshness": frozenset({"software", "device"}),
    },
}
"""World -> property -> attackers against whom the property is promised."""


def judge(case: Case, events: Sequence[Event]) -> Verdict:
    """Weigh the evidence. Confidentiality and integrity come first, then the price."""
    found = ev.collect(case, events)
    outcome = _outcome(case, found)
    if outcome == "impossible":
        found.signals, found.causes = [("nobody", "none", "no signal")], found.causes or [0][: len(events)]
        found.leaked, found.integrity, found.availability, found.freshness = False, "kept", "kept", "kept"
    key = "blocked" if outcome == "prevented" and found.refused and not found.carried_out else outcome
    word, shape = WORDS[key]
    return Verdict(
        attack=case.attack,
        world=case.world,
        outcome=outcome,
        word=word,
        shape=shape,
        sentence=_sentence(case, found, outcome),
        confidentiality="lost" if found.leaked else "kept",
        integrity="lost" if found.control_flow == "lost" else found.integrity,
        availability=found.availability,
        freshness=found.freshness,
        signals=tuple(Signal(*row) for row in found.signals),
        causes=tuple(found.causes),
        decided_by=found.decided_by,
    )


def _outcome(case: Case, found: ev.Evidence) -> OutcomeClass:
    if case.no_target or found.mapping.absent:
        return "impossible"
    lost = [
        name
        for name, gone in (
            ("confidentiality", found.leaked),
            ("integrity", found.integrity == "lost"),
            ("freshness", found.freshness == "lost"),
            ("access pattern", found.pattern_lost),
            ("control flow", found.control_flow == "lost"),
            ("nesting", found.granted),
        )
        if gone
    ]
    if lost:
        promised = PROMISES[case.world]
        covered = any(case.position in promised.get(name, ()) for name in lost)
        return "succeeds" if covered or not promised else "succeeds-out-of-scope"
    if found.integrity == "detected":
        return "detected"
    if found.turned_away:
        return "prevented"
    if found.mapping.panicked or found.answers.ignored:
        return "mitigated-by-guest-software"
    if found.availability == "lost":
        return "degraded-to-DoS"
    if found.coped:
        return "mitigated-by-guest-software"
    return "prevented"


def _sentence(case: Case, found: ev.Evidence, outcome: OutcomeClass) -> str:
    if outcome == "impossible":
        return case.no_target or _sentence_case(found.mapping.absent)
    if found.pattern_lost and not found.leaked:
        if not case.choices:
            return "The attacker knows how much the guest did, step for step; it read no byte."
        return "The attacker knows which of its places the guest used, and so a bit of its secret; it read no byte."
    if found.leaked:
        return f"The attacker now holds {found.leak_words}."
    if found.integrity == "lost" or found.freshness == "lost":
        return _used(found)
    if found.control_flow == "lost":
        return "The guest runs what a stranger's packet told it to run; every store and fetch was its own."
    if found.granted:
        return "The hypervisor lets its guest be a hypervisor: a feature, and the host sees all of it."
    if found.turned_away:
        return (
            "TDX does not come up on a machine that is set up like this: no TD starts, and none is at risk."
        )
    if found.platform_lost:
        return (
            "The change itself was accepted; the TDX module met it in its own data and stopped: no TD "
            "runs on this machine until it is started anew."
        )
    if outcome == "detected" and found.availability == "kept":
        return (
            "The overwritten return address was noticed at the first RET, and the guest lives on: "
            "that is CET, with TDX or without."
        )
    if found.rejected:
        return (
            "The host may read such a TD, and everybody can see it: the relying party reads the report, "
            "turns the TD down, and gives it no secret."
        )
    if found.mapping.panicked and found.arrived >= 0:
        return (
            "TDX lets the interrupt in; the guest's kernel asks its APIC who raised it, and stops. A kernel that "
            "does not ask would go on with a changed register."
        )
    if outcome == "detected":
        return (
            "The change itself was accepted; the guest's next use of the line failed its check "
            "and the TD was stopped before it saw a single byte."
        )
    if found.coped and outcome == "mitigated-by-guest-software":
        return "A host may raise an NMI in its guest; the guest's handler took it, and the guest goes on as it was."
    if found.answers.ignored and outcome == "mitigated-by-guest-software":
        return (
            "The host's inventions reached the guest; where the module does not answer itself, the guest asks "
            "little and believes less."
        )
    if outcome == "mitigated-by-guest-software":
        return "TDX let it through to the guest; the guest's own software noticed and stopped."
    if outcome == "degraded-to-DoS":
        return "Secrets and data hold; the guest no longer runs."
    return _nothing(found)


def _used(found: ev.Evidence) -> str:
    """What the guest went on with."""
    if found.mapping.framed and found.integrity == "lost":
        return (
            "The kernel met the missing page before it had a stack of its own: the frame of #VE went where a "
            "program's stack pointer led, and the guest used it as data."
        )
    if ("TD", "exception", "#VE") in found.signals:
        return f"The guest used {found.victim_words}; its own #VE handler had let it happen."
    return f"The guest used {found.victim_words} and nobody was told."


def _nothing(found: ev.Evidence) -> str:
    """The attack came to nothing: how the guest is now."""
    if found.mapping.untrusted:
        return (
            "The guest asked for shared memory and reads there what the host puts there: input from an enemy, "
            "as all of it is. Its private pages hold."
        )
    rest = "the guest runs on undisturbed"
    if found.availability == "ended":
        rest = "the machine was switched off"
    elif found.mapping.started_over:
        rest = "TDX stays off, so there is no TD to attack"
    return f"The attacker got {found.got_words}; {rest}."


def _sentence_case(words: str) -> str:
    return words[:1].upper() + words[1:] + "."
