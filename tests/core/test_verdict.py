"""The judge, on stories told by hand: it must follow the events and nothing else."""

import pytest

from tdxviz.core import events as e
from tdxviz.core.evidence import Case
from tdxviz.core.outcome import WORDS
from tdxviz.core.verdict import judge

SECRET = b"my password is..".ljust(64, b"!")
LINE = 0x413540


def case(**changes) -> Case:
    values = {
        "attack": "told-by-hand", "world": "ci", "position": "software", "guest": "td-a",
        "hpa": LINE, "expected": SECRET,
    }  # fmt: skip
    return Case(**(values | changes))


def host_got(data: bytes) -> e.Event:
    return e.HostLoaded(lp=1, hpa=LINE, keyid=0, data=data, rule="owned-zeros")


def td_loads(data: bytes, at: int = LINE) -> e.Event:
    return e.MemoryLoaded(
        actor="td-a", kind="load", gla=0, gpa=0, hpa=at, keyid=0x21, data=data
    )  # fmt: skip


def test_zeros_are_no_gain() -> None:
    verdict = judge(case(), [host_got(bytes(64))])

    assert (verdict.outcome, verdict.word, verdict.confidentiality) == ("prevented", "NO GAIN", "kept")
    assert verdict.signals[0].name == "64 zero bytes read"
    assert verdict.causes == (0,)


def test_the_secret_itself_is_a_leak_even_where_tdx_promised_otherwise() -> None:
    verdict = judge(case(), [host_got(SECRET)])

    assert (verdict.outcome, verdict.confidentiality) == ("succeeds", "lost")


def test_a_secret_of_zeros_proves_nothing() -> None:
    verdict = judge(case(expected=bytes(64)), [host_got(bytes(64))])

    assert verdict.confidentiality == "kept"


def test_ciphertext_in_a_dump_is_no_gain() -> None:
    noise = bytes(range(64))
    verdict = judge(case(position="physical"), [e.DimmDumped(hpa=LINE - 0x540, data=bytes(0x540) + noise)])

    assert verdict.outcome == "prevented"
    assert verdict.signals[0].name == "ciphertext in the dump"
    assert verdict.availability == "ended"


@pytest.mark.parametrize(
    ("position", "outcome"), [("physical", "succeeds-out-of-scope"), ("software", "succeeds")]
)
def test_scope_depends_on_where_the_attacker_stands(position: str, outcome: str) -> None:
    story = [
        e.BusInjected(hpa=LINE, cipher=bytes(64), owner=True, mac=1),
        td_loads(b"100".ljust(8)),
    ]

    verdict = judge(case(position=position, earlier=b"100".ljust(64)), story)

    assert (verdict.outcome, verdict.freshness, verdict.integrity) == (outcome, "lost", "kept")
    assert verdict.signals[-1].observer == "nobody"


def test_one_wrong_bit_and_one_wrong_block_are_told_apart() -> None:
    flip = e.BitFlipped(hpa=LINE, field="data", bit=129)
    one_bit = bytes([SECRET[16] ^ 2]) + SECRET[17:24]
    block = bytes(8)

    bit = judge(case(world="li", position="physical"), [flip, td_loads(one_bit, LINE + 16)])
    noise = judge(case(world="li", position="physical"), [flip, td_loads(block, LINE + 16)])

    assert bit.signals[0].name == "chosen bit flipped"
    assert noise.signals[0].name == "one 16-byte block of garbage"


def test_loads_before_the_tampering_do_not_count() -> None:
    story = [td_loads(bytes(8)), e.HostStored(lp=1, hpa=LINE, keyid=0, data=b"\xcc" * 64, how="full-line")]

    assert judge(case(), story).integrity == "kept"


def test_a_machine_check_of_somebody_else_is_not_the_guests_detection() -> None:
    story = [e.MachineCheckRaised(context="host", hpa=LINE)]

    assert judge(case(), story).integrity == "kept"


def test_a_dead_td_without_tampering_is_only_denial_of_service() -> None:
    verdict = judge(case(), [e.TdBecameFatal(td="td-a", why="starved")])

    assert (verdict.outcome, verdict.word) == ("degraded-to-DoS", "ONLY AVAILABILITY LOST")


def test_refused_before_any_effect_is_blocked() -> None:
    fault = e.HostFaulted(lp=1, fault="#PF", hpa=LINE, keyid=0x21, detail="RSVD")

    verdict = judge(case(), [fault])

    assert (verdict.outcome, verdict.word) == ("prevented", "BLOCKED")


def test_registers_leak_only_when_the_guests_value_is_found() -> None:
    guest = tuple(range(1, 17))
    leaked = judge(case(registers=guest), [e.HostRegistersRead(lp=0, gprs=guest, xmm=())])
    scrubbed = judge(case(registers=guest), [e.HostRegistersRead(lp=0, gprs=(1, *[0] * 15), xmm=())])

    assert leaked.outcome == "succeeds"
    assert scrubbed.signals[0].name == "all-zero registers"


def test_no_target_is_impossible_and_says_why() -> None:
    verdict = judge(case(no_target="no private KeyIDs exist here"), [])

    assert (verdict.outcome, verdict.sentence) == ("impossible", "no private KeyIDs exist here")


def test_every_outcome_has_a_word_and_its_own_shape() -> None:
    words, shapes = zip(*WORDS.values(), strict=True)

    assert len(set(words)) == len(set(shapes)) == 8
