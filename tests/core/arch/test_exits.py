"""Exit reasons have names, and instructions have the reasons of the instruction table."""

from tdxviz.core.arch import exits


def test_every_reason_that_is_used_has_a_name():
    used = {value for name, value in vars(exits).items() if name.isupper() and isinstance(value, int)}
    assert used <= set(exits.NAMES)


def test_constants_and_instructions_agree():
    for name, reason in exits.OF_INSTRUCTION.items():
        assert getattr(exits, name, reason) == reason
    assert exits.OF_INSTRUCTION["OUTS"] == exits.IO
