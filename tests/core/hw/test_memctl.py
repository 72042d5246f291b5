"""The memory controller: every row of tdx-architecture 1.3 and 1.4 in every world, and R1 to R6."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tdxviz.core import events as e
from tdxviz.core.hw.dram import Line
from tdxviz.core.hw.mee import MAC_BITS, encrypt_line, line_mac
from tdxviz.core.hw.memctl import ZEROS, ReadResult
from tdxviz.core.hw.platform import Platform
from tdxviz.core.units import LINE, MAX_KEYID

AT = 0x4_0000
MINE, OTHER, SHARED = 33, 34, 5
"""Two private KeyIDs and a shared one, all with a key."""
DATA = bytes(range(LINE))
WORLDS = ("legacy", "li", "ci")
TDX = ("li", "ci")

LINES = st.binary(min_size=LINE, max_size=LINE)


def platform(world: str) -> Platform:
    p = Platform.fresh(world, 7)
    if world != "legacy":
        for keyid in (MINE, OTHER, SHARED):
            p.keys.program(keyid, p.drbg)
    return p


def listening(p: Platform) -> list[e.Event]:
    news: list[e.Event] = []
    p.listen(news.append)
    return news


def digest(p: Platform) -> str:
    h = hashlib.sha256()
    p.digest(h)
    return h.hexdigest()


def key(p: Platform, keyid: int):
    found = p.keys.key(keyid)
    assert found is not None
    return found


# --- 1.3: what a write does -----------------------------------------------------------------------


@pytest.mark.parametrize("world", TDX)
def test_a_private_write_sets_the_owner_bit_and_in_ci_a_mac(world):
    p = platform(world)
    p.memctl.write_line(AT, MINE, DATA)
    line = p.memctl.probe(AT)
    k = key(p, MINE)
    cipher = encrypt_line(k, AT, DATA)
    mac = line_mac(p.memctl.mac_key, cipher, k.encrypted_tweak(AT), True)
    assert line == Line(cipher, mac if world == "ci" else 0, True, False)


@pytest.mark.parametrize("world", TDX)
@pytest.mark.parametrize("keyid", [0, SHARED])
def test_a_shared_write_clears_the_owner_bit_and_has_no_mac(world, keyid):
    p = platform(world)
    p.memctl.write_line(AT, MINE, DATA)
    p.memctl.write_line(AT, keyid, DATA)
    assert p.memctl.probe(AT) == Line(encrypt_line(key(p, keyid), AT, DATA), 0, False, False)


def test_a_write_in_the_legacy_world_is_plain():
    p = platform("legacy")
    p.memctl.write_line(AT, 0, DATA)
    assert p.memctl.probe(AT) == Line(DATA, 0, False, False)


@pytest.mark.parametrize("world", TDX)
def test_a_shared_keyid_without_a_key_is_not_encrypted(world):
    p = platform(world)
    p.memctl.write_line(AT, 6, DATA)
    assert p.memctl.probe(AT).data == DATA
    assert p.memctl.read_line(AT, 6) == ReadResult(DATA, False, "plain")


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("keyid", [0, MINE])
def test_writes_are_never_checked_and_clear_poison(world, keyid):
    """R1, R4."""
    p = platform(world)
    news = listening(p)
    p.dram.put(AT, Line(DATA, 0x123, True, True))
    p.memctl.write_line(AT, keyid, DATA)
    assert news == []
    assert not p.memctl.probe(AT).poison
    assert p.memctl.read_line(AT, keyid).data == DATA


# --- 1.4: what a read does ------------------------------------------------------------------------


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("keyid", [0, SHARED, MINE])
@pytest.mark.parametrize("owner", [False, True])
def test_row_1_stored_poison_reaches_everybody_and_stays(world, keyid, owner):
    p = platform(world)
    p.dram.put(AT, Line(DATA, 0, owner, True))
    news, before = listening(p), digest(p)
    for _ in range(2):
        assert p.memctl.read_line(AT, keyid) == ReadResult(ZEROS, True, "stored-poison")
    assert digest(p) == before
    assert [type(n) for n in news] == [e.LinePoisoned] * 2  # sticky, not logged again
    assert all(not n.fresh for n in news)


@pytest.mark.parametrize("world", TDX)
@pytest.mark.parametrize("how", ["shared write", "owner flipped", "never written"])
def test_row_2_a_private_read_of_owner_0_poisons(world, how):
    p = platform(world)
    if how == "shared write":
        p.memctl.write_line(AT, 0, DATA)
    elif how == "owner flipped":
        p.memctl.write_line(AT, MINE, DATA)
        p.dram.put(AT, p.memctl.probe(AT)._replace(owner=False))
    news = listening(p)
    result = p.memctl.read_line(AT, MINE)
    assert (result.data, result.poison, result.rule) == (ZEROS, True, "owner-mismatch")
    assert p.memctl.probe(AT).poison
    assert [type(n) for n in news] == [e.LinePoisoned, e.UcnaLogged]
    assert news[0].fresh


def test_row_3_a_wrong_mac_poisons_in_ci():
    p = platform("ci")
    p.memctl.write_line(AT, MINE, DATA)
    line = p.memctl.probe(AT)
    p.dram.put(AT, line._replace(mac=line.mac ^ 1))
    news = listening(p)
    result = p.memctl.read_line(AT, MINE)
    assert result == ReadResult(ZEROS, True, "mac-mismatch", line.mac)
    assert [type(n) for n in news] == [e.LinePoisoned, e.UcnaLogged]
    assert (news[0].mac_expected, news[0].mac_stored) == (line.mac, line.mac ^ 1)
    assert p.memctl.probe(AT) == line._replace(mac=line.mac ^ 1, poison=True)


def test_row_4_in_li_no_mac_is_checked():
    p = platform("li")
    p.memctl.write_line(AT, MINE, DATA)
    p.dram.put(AT, p.memctl.probe(AT)._replace(mac=0x5555))
    assert p.memctl.read_line(AT, MINE) == ReadResult(DATA, False, "decrypted", -1)


def test_row_4_another_private_key_is_noise_in_li_and_poison_in_ci():
    li, ci = platform("li"), platform("ci")
    for p in (li, ci):
        p.memctl.write_line(AT, OTHER, DATA)
    noise = li.memctl.read_line(AT, MINE)
    assert not noise.poison
    assert noise.data not in (DATA, ZEROS)
    assert ci.memctl.read_line(AT, MINE).rule == "mac-mismatch"


@pytest.mark.parametrize("world", TDX)
@pytest.mark.parametrize("keyid", [0, SHARED, 6])
@pytest.mark.parametrize("damage", ["none", "mac", "data"])
def test_row_5_a_shared_read_of_an_owned_line_is_zeros_whatever_its_mac(world, keyid, damage):
    """R3: no oracle for guessing MACs."""
    p = platform(world)
    p.memctl.write_line(AT, MINE, DATA)
    line = p.memctl.probe(AT)
    if damage != "none":
        p.dram.put(AT, line._replace(mac=line.mac ^ 1) if damage == "mac" else line._replace(data=DATA))
    news, before = listening(p), digest(p)
    assert p.memctl.read_line(AT, keyid) == ReadResult(ZEROS, False, "owned-zeros")
    assert (news, digest(p)) == ([], before)


@pytest.mark.parametrize("world", TDX)
def test_row_6_a_shared_read_decrypts_with_the_readers_key(world):
    p = platform(world)
    p.memctl.write_line(AT, 0, DATA)
    assert p.memctl.read_line(AT, 0) == ReadResult(DATA, False, "decrypted")
    noise = p.memctl.read_line(AT, SHARED)
    assert (noise.poison, noise.rule) == (False, "decrypted")
    assert noise.data != DATA


@pytest.mark.parametrize("keyid", [0, 5, MINE])
def test_every_read_in_the_legacy_world_is_plain(keyid):
    p = platform("legacy")
    p.memctl.write_line(AT, 0, DATA)
    assert p.memctl.read_line(AT, keyid) == ReadResult(DATA, False, "plain")


def test_a_private_keyid_without_a_key_never_delivers():
    p = platform("ci")
    p.memctl.write_line(AT, MINE, DATA)
    assert p.memctl.inspect(AT, 40).poison


@pytest.mark.parametrize("world", WORLDS)
def test_a_line_never_written_reads_as_zeros(world):
    p = platform(world)
    assert p.memctl.read_line(AT, 0).data == ZEROS
    assert (p.memctl.probe(AT).data == ZEROS) == (world == "legacy")


def test_without_keys_the_chips_hold_zeros_where_nobody_wrote():
    p = platform("ci")
    p.keys.erase_all()
    assert p.memctl.probe(AT) == Line(ZEROS, 0, False, False)


# --- events ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("world", WORLDS)
def test_what_a_traced_read_and_write_tell(world):
    p = platform(world)
    news = listening(p)
    p.trace = True
    p.memctl.write_line(AT, 0, DATA)
    p.memctl.read_line(AT, 0)
    assert [type(n) for n in news] == [e.LineWritten, e.LineFetched, e.LineDecrypted]
    assert news[0].cipher == news[1].cipher == p.memctl.probe(AT).data
    assert news[2].data == DATA


def test_a_partial_write_poisons_silently():
    p = platform("ci")
    p.memctl.write_line(AT, MINE, DATA)
    news = listening(p)
    p.memctl.poison(AT, 0)
    assert p.memctl.probe(AT).poison
    assert [type(n) for n in news] == [e.LinePoisoned]  # no UCNA: the erratum is silent


# --- properties -----------------------------------------------------------------------------------

KEYIDS = st.sampled_from([0, SHARED, 6, MINE, OTHER])


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(WORLDS), KEYIDS, LINES, st.integers(0, 2**20).map(lambda n: n * LINE))
def test_write_then_read_is_the_identity(world, keyid, plain, at):
    p = platform(world)
    p.memctl.write_line(at, keyid, plain)
    assert p.memctl.read_line(at, keyid).data == plain


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(TDX), st.sampled_from([0, SHARED, 6]), LINES)
def test_a_shared_read_of_an_owned_line_changes_nothing(world, keyid, plain):
    p = platform(world)
    p.memctl.write_line(AT, MINE, plain)
    before = digest(p)
    assert p.memctl.read_line(AT, keyid) == ReadResult(ZEROS, False, "owned-zeros")
    assert digest(p) == before


@settings(max_examples=150, deadline=None)
@given(
    LINES,
    st.one_of(
        st.tuples(st.just("data"), st.integers(0, LINE * 8 - 1)),
        st.tuples(st.just("mac"), st.integers(0, MAC_BITS - 1)),
        st.tuples(st.just("owner"), st.just(0)),
    ),
)
def test_any_flipped_bit_poisons_in_ci_and_a_data_flip_garbles_its_block_in_li(plain, flip):
    what, bit = flip
    for world in TDX:
        p = platform(world)
        p.memctl.write_line(AT, MINE, plain)
        line = p.memctl.probe(AT)
        number = int.from_bytes(line.data, "little") ^ 1 << bit
        changed = {
            "data": line._replace(data=number.to_bytes(LINE, "little")),
            "mac": line._replace(mac=line.mac ^ 1 << bit),
            "owner": line._replace(owner=False),
        }[what]
        p.dram.put(AT, changed)
        result = p.memctl.read_line(AT, MINE)
        if world == "ci" or what == "owner":
            assert result.poison
            assert p.memctl.probe(AT).poison
        else:
            assert not result.poison
            wrong = [n for n in range(0, LINE, 16) if result.data[n : n + 16] != plain[n : n + 16]]
            assert wrong == ([bit // 128 * 16] if what == "data" else [])


ANY_LINE = st.builds(Line, LINES, st.integers(0, 2**MAC_BITS - 1), st.booleans(), st.booleans())


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(WORLDS), ANY_LINE, st.integers(0, MAX_KEYID))
def test_inspect_answers_like_read_and_disturbs_nothing(world, line, keyid):
    p = platform(world)
    p.dram.put(AT, line)
    news, before = listening(p), digest(p)
    p.trace = True
    answer = p.memctl.inspect(AT, keyid)
    assert p.memctl.probe(AT) == line
    p.memctl.inspect(AT + LINE, keyid)
    p.memctl.probe(AT + LINE)
    assert (digest(p), news) == (before, [])
    assert p.memctl.read_line(AT, keyid) == answer
    assert len(answer.data) == LINE


def test_replay_of_a_whole_old_line_passes():
    """R6: no freshness. The same address under the same key takes an old line with its MAC."""
    p = platform("ci")
    p.memctl.write_line(AT, MINE, DATA)
    old = p.memctl.probe(AT)
    p.memctl.write_line(AT, MINE, DATA[::-1])
    p.dram.put(AT, old)
    assert p.memctl.read_line(AT, MINE).data == DATA
    p.dram.put(AT + LINE, old)  # moved to another address: the tweak differs
    assert p.memctl.read_line(AT + LINE, MINE).rule == "mac-mismatch"


# --- what is remembered -----------------------------------------------------------------------------

STEPS = st.lists(
    st.tuples(st.sampled_from(["write", "flip", "reprogram", "erase", "poison"]), st.sampled_from((MINE, OTHER, SHARED))),
    max_size=8,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(STEPS, st.sampled_from(WORLDS))
def test_inspect_answers_as_if_it_remembered_nothing(steps, world):
    p = platform(world)
    for number, (what, keyid) in enumerate(steps):
        p = p.copy() if number % 2 else p  # copies share what was inspected
        if what == "write":
            p.memctl.write_line(AT, keyid, bytes([number]) * LINE)
        elif what == "flip":
            p.dram.put(AT, p.memctl.probe(AT)._replace(data=bytes([number]) * LINE))
        elif what == "reprogram" and world != "legacy":
            p.keys.program(keyid, p.drbg)
        elif what == "erase":
            p.keys.erase_all()
        elif what == "poison":
            p.memctl.poison(AT, keyid)
        answers = [p.memctl.inspect(at, k) for at in (AT, AT + LINE) for k in (0, MINE, OTHER, SHARED)]
        p.memctl.inspected.clear()
        assert answers == [
            p.memctl.inspect(at, k) for at in (AT, AT + LINE) for k in (0, MINE, OTHER, SHARED)
        ]


@pytest.mark.parametrize("world", TDX)
def test_a_cleared_area_is_what_so_many_writes_would_have_made(world):
    whole, single = platform(world), platform(world)
    whole.memctl.write_line(AT + LINE, OTHER, DATA)
    whole.memctl.clear_area(AT, AT, AT + 4 * LINE, MINE)
    for at in range(AT, AT + 4 * LINE, LINE):
        single.memctl.write_line(at, MINE, ZEROS)
        assert whole.memctl.probe(at) == single.memctl.probe(at)
        assert whole.memctl.inspect(at, MINE) == ReadResult(
            ZEROS, False, "decrypted", single.memctl.inspect(at, MINE).mac_expected
        )
        assert whole.memctl.read_line(at, 0).rule == "owned-zeros"
    assert not whole.memctl.probe(AT + 4 * LINE).owner
    whole.memctl.write_line(AT, SHARED, DATA)
    assert whole.memctl.read_line(AT, MINE).rule == "owner-mismatch"
