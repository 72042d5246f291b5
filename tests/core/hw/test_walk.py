"""Page walks: Secure EPT states, host EPTs with R9, guest tables with their rights."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tdxviz.core import events as e
from tdxviz.core.arch import sept
from tdxviz.core.faults import EptViolation, GuestFault
from tdxviz.core.hw import walk
from tdxviz.core.units import GIB, MIB, PAGE, with_keyid

ROOT, PDPT, PD, PT, LEAF = (PAGE * n for n in (1, 2, 3, 4, 9))
HKID = 33
TABLE_BITS = walk.PRESENT | walk.WRITABLE | walk.USER


class Memory(dict):
    """Qwords by address; remembers what was read, and with which KeyID."""

    def __init__(self, *args):
        super().__init__(*args)
        self.reads = []

    def read(self, hpa, keyid=0):
        self.reads.append((hpa, keyid))
        return self.get(hpa, 0)


def chain(gpa, make_table, leaf, *, level=0, broken=None):
    """Tables for one address down to ``level``; ``broken``: (level, entry) to put there instead."""
    memory = Memory()
    tables = (PT, PD, PDPT, ROOT)
    for now in range(3, level - 1, -1):
        value = leaf if now == level else make_table(tables[now - 1])
        if broken is not None and broken[0] == now:
            value = broken[1]
        memory[tables[now] + walk.index(gpa, now) * 8] = value
    return memory


GPA = 0x8000_5123


def secure(memory, access="load", note=None):
    return walk.secure_ept(ROOT, HKID, GPA, access, memory.read, note, 2)


def sept_table(page):
    return sept.make_entry("NL_MAPPED", page)


def test_secure_ept_to_a_4k_page_reads_four_entries_with_the_tds_key():
    memory, notes = chain(GPA, sept_table, sept.make_entry("MAPPED", LEAF)), []
    assert secure(memory, note=notes.append) == walk.Mapping(LEAF + 0x123, HKID, 7, False)
    assert [keyid for _, keyid in memory.reads] == [HKID] * 4
    assert [(n.table, n.level, n.lp) for n in notes] == [("sept", n, 2) for n in (3, 2, 1, 0)]
    assert [n.value for n in notes] == [memory[n.address] for n in notes]


def test_secure_ept_large_page():
    memory = chain(GPA, sept_table, sept.make_entry("MAPPED", 4 * MIB), level=1)
    assert secure(memory).hpa == 4 * MIB + GPA % (2 * MIB)


@pytest.mark.parametrize("state", [n for n, s in sept.STATES.items() if s.perms == "---"])
@pytest.mark.parametrize("level", [0, 1, 2, 3])
def test_an_entry_without_rights_stops_the_walk_and_is_named(state, level):
    memory = chain(
        GPA, sept_table, sept.make_entry("MAPPED", LEAF), broken=(level, sept.make_entry(state, LEAF))
    )
    with pytest.raises(EptViolation) as caught:
        secure(memory, "store")
    assert (caught.value.state, caught.value.level, caught.value.gpa, caught.value.access) == (
        state,
        level,
        GPA,
        "store",
    )


def host(memory, *, shared=False, gpa=GPA, root=ROOT, note=None):
    return walk.host_ept(root, gpa, "load", memory.read, note, 0, shared=shared)


def ept_table(page):
    return page | 7


def test_host_ept_reads_with_keyid_0():
    memory = chain(GPA, ept_table, LEAF | 5)
    assert host(memory) == walk.Mapping(LEAF + 0x123, 0, 5, False)
    assert {keyid for _, keyid in memory.reads} == {0}


def test_a_shared_gpa_drops_its_shared_bit_before_indexing():
    memory = chain(GPA, ept_table, with_keyid(LEAF, 5) | 7)
    assert host(memory, shared=True, gpa=GPA | 1 << 47) == walk.Mapping(LEAF + 0x123, 5, 7, True)


@pytest.mark.parametrize("level", [0, 1, 2, 3])
def test_r9_a_private_keyid_in_a_host_ept_is_a_misconfiguration(level):
    memory = chain(GPA, ept_table, LEAF | 7, broken=(level, with_keyid(LEAF, 16) | 7))
    with pytest.raises(EptViolation) as caught:
        host(memory)
    assert (caught.value.state, caught.value.level) == ("MISCONFIGURED", level)


@pytest.mark.parametrize("level", [0, 1, 2, 3])
def test_a_missing_host_ept_entry(level):
    with pytest.raises(EptViolation) as caught:
        host(chain(GPA, ept_table, LEAF | 7, broken=(level, LEAF)))
    assert (caught.value.state, caught.value.level) == ("NOT PRESENT", level)


@pytest.mark.parametrize(
    ("entry", "level", "what"),
    [
        (LEAF | 2, 0, "not readable"), (LEAF | 6, 0, "not readable"), (LEAF | 7 | 3 << 3, 0, "memory type 3"),
        (LEAF | 7 | 7 << 3, 0, "memory type 7"), (LEAF | 7 | walk.LARGE, 1, "not aligned"),
        (LEAF | 7 | 1 << 3, 1, "reserved"), (LEAF | 7 | 1 << 6, 2, "reserved"), (LEAF | 7 | walk.LARGE, 3, "reserved"),
        (with_keyid(LEAF, 16) | 7, 0, "private KeyID"), (with_keyid(LEAF, 63) | 7, 3, "private KeyID"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_an_entry(entry, level, what):
    assert what in walk.misconfiguration(entry, level)
    memory = chain(GPA, lambda page: page | 7, LEAF | 7, broken=(level, entry))
    with pytest.raises(EptViolation) as caught:
        walk.host_ept(ROOT, GPA, "load", memory.read, None, 0, shared=False)
    assert (caught.value.state, caught.value.level) == (walk.MISCONFIGURED, level)
    assert what in caught.value.why


@pytest.mark.parametrize(
    "entry", [LEAF | 4, LEAF | 1, LEAF | 7 | 6 << 3, with_keyid(LEAF, 15) | 7, 2 * MIB | 7]
)
def test_what_is_right_with_an_entry(entry):
    assert walk.misconfiguration(entry, 0) == ""
    assert walk.misconfiguration(2 * MIB | 7 | walk.LARGE | 6 << 3, 1) == ""


@pytest.mark.parametrize("level", [0, 1, 2, 3])
def test_a_missing_entry_may_suppress_ve(level):
    memory = chain(GPA, lambda page: page | 7, LEAF | 7, broken=(level, walk.SUPPRESS_VE))
    with pytest.raises(EptViolation) as caught:
        walk.host_ept(ROOT, GPA, "load", memory.read, None, 0, shared=True)
    assert (caught.value.state, caught.value.level) == (walk.SUPPRESSED, level)


def test_no_host_ept_at_all():
    with pytest.raises(EptViolation) as caught:
        host(Memory(), root=0)
    assert (caught.value.state, caught.value.level) == ("NOT PRESENT", 3)


def test_host_ept_large_pages_and_notes():
    notes = []
    memory = chain(GPA, ept_table, 4 * MIB | 7 | walk.LARGE, level=1)
    assert host(memory, note=notes.append).hpa == 4 * MIB + GPA % (2 * MIB)
    assert [n.table for n in notes] == ["ept"] * 3
    assert isinstance(notes[0], e.TableRead)


# --- guest tables ---------------------------------------------------------------------------------


def guest(memory, gla=GPA, access="load", **how):
    how = {"user": False, "write_protect": True, "no_execute": True, **how}
    gpa, kernel, user = walk.guest_tables(ROOT, gla, access, read=memory.read, **how)
    return gpa, user if how["user"] else kernel


def guest_table(page):
    return page | TABLE_BITS


@pytest.mark.parametrize(
    ("level", "leaf", "where"),
    [(0, LEAF, LEAF + GPA % PAGE), (1, 4 * MIB, 4 * MIB + GPA % (2 * MIB)), (2, GIB, GIB + GPA % GIB)],
)
def test_leaves_of_all_sizes(level, leaf, where):
    memory = chain(GPA, guest_table, leaf | TABLE_BITS | (walk.LARGE if level else 0), level=level)
    assert guest(memory) == (where, 7)


FAULTS = {
    # (level, entry change, access, how) -> error code: P, W/R, U/S, I/D
    "not present": ((0, 0), "load", {}, 0b00000),
    "not present, write": ((2, 0), "store", {}, 0b00010),
    "not present, user fetch": ((3, 0), "fetch", {"user": True}, 0b10100),
    "read-only, write": ((0, LEAF | walk.PRESENT | walk.USER), "store", {}, 0b00011),
    "read-only, user write without WP": (
        (1, PT | walk.PRESENT | walk.USER), "store", {"user": True, "write_protect": False}, 0b00111,
    ),
    "supervisor page, user": ((0, LEAF | walk.PRESENT | walk.WRITABLE), "load", {"user": True}, 0b00101),
    "supervisor table, user": ((3, PDPT | walk.PRESENT), "load", {"user": True}, 0b00101),
    "no execute": ((0, LEAF | TABLE_BITS | walk.NO_EXECUTE), "fetch", {}, 0b10001),
    "no execute in a table": ((2, PD | TABLE_BITS | walk.NO_EXECUTE), "fetch", {}, 0b10001),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_page_faults_have_their_error_code_and_cr2(name):
    broken, access, how, error = FAULTS[name]
    with pytest.raises(GuestFault) as caught:
        guest(chain(GPA, guest_table, LEAF | TABLE_BITS, broken=broken), access=access, **how)
    assert (caught.value.vector, caught.value.error, caught.value.cr2) == (14, error, GPA)


def test_supervisor_writes_pass_without_wp_and_nx_needs_efer_nxe():
    read_only = chain(GPA, guest_table, LEAF | walk.PRESENT)
    assert guest(read_only, access="store", write_protect=False) == (LEAF + 0x123, 7)
    assert guest(read_only) == (LEAF + 0x123, 5)
    no_execute = chain(GPA, guest_table, LEAF | TABLE_BITS | walk.NO_EXECUTE)
    assert guest(no_execute) == (LEAF + 0x123, 3)
    with pytest.raises(GuestFault) as caught:
        guest(no_execute, no_execute=False)
    assert caught.value.error == 0b1001, "bit 63 is reserved while EFER.NXE is 0"


RESERVED = {
    "PS in the PML4": (3, PDPT | TABLE_BITS | walk.LARGE, 52),
    "low address bits of a 1 GiB page": (2, GIB | 1 << 13 | TABLE_BITS | walk.LARGE, 52),
    "low address bits of a 2 MiB page": (1, 4 * MIB | 1 << 20 | TABLE_BITS | walk.LARGE, 52),
    "beyond the guest's physical width": (0, LEAF | 1 << 48 | TABLE_BITS, 48),
}


@pytest.mark.parametrize("name", RESERVED)
def test_reserved_bits_are_a_fault_of_their_own(name):
    level, entry, width = RESERVED[name]
    memory = chain(GPA, guest_table, LEAF | TABLE_BITS, broken=(level, entry))
    for access, how, error in (("load", {}, 0b1001), ("store", {"user": True}, 0b1111)):
        with pytest.raises(GuestFault) as caught:
            guest(memory, access=access, width=width, **how)
        assert (caught.value.vector, caught.value.error, caught.value.cr2) == (14, error, GPA)


def test_a_fetch_is_told_apart_only_where_execution_can_be_forbidden():
    memory = chain(GPA, guest_table, LEAF | TABLE_BITS, broken=(0, 0))
    for how, error in (({}, 0x10), ({"no_execute": False}, 0), ({"no_execute": False, "smep": True}, 0x10)):
        with pytest.raises(GuestFault) as caught:
            guest(memory, access="fetch", **how)
        assert caught.value.error == error


@pytest.mark.parametrize("gla", [1 << 47, 0xFFFF_7FFF_FFFF_F000, 1 << 63])
def test_non_canonical_addresses_are_gp(gla):
    with pytest.raises(GuestFault) as caught:
        guest(Memory(), gla)
    assert (caught.value.vector, caught.value.error) == (13, 0)
    assert not walk.is_canonical(gla)


ENTRIES = st.integers(0, 2**64 - 1)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(ENTRIES, min_size=1, max_size=8),
    ENTRIES,
    st.sampled_from(["load", "store", "fetch"]),
    st.booleans(),
)
def test_random_entries_give_architectural_outcomes_only(entries, address, access, flag):
    state = {"n": 0}

    def read(hpa, keyid=0):
        state["n"] += 1
        return entries[state["n"] % len(entries)]

    for walker in (
        lambda: walk.secure_ept(ROOT, HKID, address & (1 << 48) - 1, access, read, None, 0),
        lambda: walk.host_ept(ROOT, address & (1 << 48) - 1, access, read, None, 0, shared=flag),
        lambda: walk.guest_tables(
            ROOT, address, access, user=flag, write_protect=flag, no_execute=flag, read=read
        ),
    ):
        try:
            found = walker()
        except (EptViolation, GuestFault):
            continue
        assert 0 <= found[0] < 1 << 52


@given(st.sampled_from(sorted(sept.STATES)), st.integers(0, 2**34 - 1).map(lambda n: n * PAGE))
def test_sept_entries_say_what_they_were_made_of(state, page):
    entry = sept.make_entry(state, page)
    assert (sept.state_of(entry), sept.frame(entry)) == (state, page)
    assert "".join(c if entry >> n & 1 else "-" for n, c in enumerate("rwx")) == sept.PERMS[state]


def test_sept_states_equal_the_reference(reference):
    rows = {row["name"].removeprefix("SEPT_"): row for row in reference("sept_states.json")["states"]}
    assert set(rows) == set(sept.STATES)
    for name, ours in sept.STATES.items():
        row = rows[name]
        theirs = (int(row["encoding"], 16), row["public_state"], row["rwx"], row["tlb_tracking_required"])
        assert (ours.code, ours.public, ours.perms, ours.tracked) == theirs
