"""The table of what instructions do in a TD."""

from tdxviz.core.arch import exits
from tdxviz.core.arch import instructions as table


def test_every_instruction_of_the_table_has_an_exit_reason():
    assert set(table.BEHAVIOUR) <= set(exits.OF_INSTRUCTION)
    assert set(table.BEHAVIOUR.values()) == {table.VE, table.UD, table.GP, table.MODULE}


def test_vmx_is_undefined_in_a_td():
    vmx = [name for name in exits.OF_INSTRUCTION if name.startswith("VM") and name != "VMCALL"]
    assert len(vmx) == 10
    assert {table.BEHAVIOUR[name] for name in (*vmx, "INVEPT", "INVVPID", "SEAMCALL")} == {table.UD}


def test_cr4_bits_follow_the_features():
    assert table.cr4_barred(0, 3) & table.CR4_CET
    assert not table.cr4_barred(0, 3 | table.XFAM_CET) & table.CR4_CET
    assert not table.cr4_barred(table.ATTRIBUTES_PKS, 3) & table.CR4_PKS
    assert table.cr4_barred(1 << 63, 0x6DBE7) & table.CR4_KL
    assert not table.CR4_KNOWN & (1 << 12 | 1 << 15 | 1 << 26 | 1 << 27)
