"""MSRs of a vCPU: slots and reset values."""

from tdxviz.core.arch import msrs


def test_named_slots_are_the_slots_of_their_numbers():
    for name, index in (
        ("SPEC_CTRL", 0x48), ("SYSENTER_CS", 0x174), ("PAT", 0x277), ("U_CET", 0x6A0), ("S_CET", 0x6A2),
        ("PL0_SSP", 0x6A4), ("PL3_SSP", 0x6A7), ("XSS", 0xDA0), ("STAR", 0xC0000081),
        ("LSTAR", 0xC0000082), ("FMASK", 0xC0000084), ("KERNEL_GS_BASE", 0xC0000102),
        ("TSC_AUX", 0xC0000103),
    ):  # fmt: skip
        assert getattr(msrs, name) == msrs.SLOT[index], name
        assert msrs.SAVED[index] == f"IA32_{name}"


def test_reset_values():
    assert msrs.INITIAL[msrs.PAT] == 0x0007_0406_0007_0406
    assert len(msrs.INITIAL) == len(msrs.SAVED)
