"""JSON round trip of every command and every event; slips are explained."""

from typing import Literal, get_args, get_origin

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tdxviz.core import codec
from tdxviz.core.faults import TdxvizError

SAMPLES = {int: 0x413540, bytes: b"\x00\xff secret", str: "text", bool: True}


def build(kind: type) -> msgspec.Struct:
    """One instance with every required field filled by its type."""
    values = {}
    for field in msgspec.structs.fields(kind):
        if field.required:
            values[field.name] = SAMPLES.get(field.type, (1, 2) if "tuple" in str(field.type) else "x")
            if get_origin(field.type) is Literal:
                values[field.name] = get_args(field.type)[0]
    return kind(**values)


@pytest.mark.parametrize("kind", codec.COMMANDS.values(), ids=lambda k: k.__name__)
def test_every_command_survives_json(kind: type) -> None:
    command = build(kind)
    assert codec.decode_command(codec.encode(command)) == command


@pytest.mark.parametrize("kind", codec.EVENTS.values(), ids=lambda k: k.__name__)
def test_every_event_survives_json(kind: type) -> None:
    values = {f.name: () for f in msgspec.structs.fields(kind) if "tuple[str" in str(f.type) and f.required}
    event = build(kind)
    event = msgspec.structs.replace(event, **values)
    assert codec.decode_event(codec.encode(event)) == event


def test_a_mistyped_command_names_the_nearest() -> None:
    with pytest.raises(TdxvizError, match="'HostRaed' is no do name; did you mean 'HostRead'"):
        codec.decode_command(b'{"do":"HostRaed","hpa":1}')


def test_a_mistyped_field_names_the_nearest() -> None:
    with pytest.raises(TdxvizError, match="unknown field 'keyd'; did you mean 'keyid'"):
        codec.decode_command(b'{"do":"HostRead","hpa":1,"keyd":3}')


@given(st.binary(max_size=200))
def test_garbage_is_a_slip_not_a_crash(text: bytes) -> None:
    with pytest.raises(TdxvizError):
        codec.decode_command(text)


@pytest.mark.parametrize(
    ("text", "rax", "rcx"),
    [
        ('{"do":"Seamcall","leaf":"TDH.MNG.CREATE","rcx":"0x600000"}', 9, 0x600000),
        ('{"do":"Seamcall","leaf":"TDH.VP.RD","version":1,"rcx":"0xFFFF_FFFF"}', 26 | 1 << 16, 0xFFFF_FFFF),
        ('{"do": "Tdcall", "leaf": "TDG.VP.INFO", "rcx": "17"}', 1, 17),
        ('{"do":"Seamcall","rax":"0x10009","rcx":3}', 0x10009, 3),
    ],
)
def test_calls_may_be_written_as_people_read_them(text: str, rax: int, rcx: int) -> None:
    for form in (text, text.encode()):
        command = codec.decode_command(form)
        assert (command.rax, command.rcx) == (rax, rcx)
        assert codec.decode_command(codec.encode(command)) == command


@pytest.mark.parametrize(
    ("leaf", "name", "number"),
    [
        ("TDH.MNG.RD", "NUM_VCPUS", 0x9010000200000001),
        ("TDH.MNG.RD", "RTMR[7]", 0x1310000300000047),
        ("TDH.VP.WR", "Guest RIP", 0x002400030000681E),
        ("TDH.VP.RD", "EPTP", 0x002400030000201A),
        ("TDH.MNG.RD", "EPTP", 0x1110000300000004),
        ("TDH.SYS.RD", "CMR_BASE[1]", 0x9000000300000081),
    ],
)
def test_a_metadata_field_may_be_named(leaf: str, name: str, number: int) -> None:
    command = codec.decode_command(f'{{"do":"Seamcall","leaf":"{leaf}","rcx":1,"rdx":"{name}"}}')
    assert (command.rcx, command.rdx) == (1, number)


@pytest.mark.parametrize(
    ("text", "slipped", "said"),
    [
        ('{"do":"Seamcall","leaf":"TDH.MNG.CRETE"}', "TDH.MNG.CRETE", "did you mean 'TDH.MNG.CREATE'"),
        ('{"do":"Seamcall","leaf":"TDG.VP.INFO"}', "TDG.VP.INFO", "no leaf"),
        ('{"do":"Tdcall","leaf":"TDG.VP.INFO","RCX":1}', "RCX", "did you mean 'rcx'"),
        ('{"do":"Seamcall","rax":1,"laef":"x"}', "laef", "did you mean 'leaf'"),
        ('{"do":"Seamcall","leaf":"TDH.VP.RD","rcx":"600000h"}', "rcx", "takes a number"),
        ('{"do":"Seamcall","leaf":"TDH.VP.RD","rax":26}', "rax", "leave one out"),
        ('{"do":"Tdcall","leaf":"TDG.VP.INFO","rxc":1}', "rxc", "did you mean 'rcx'"),
        ('{"do":"Seamcall","leaf":"TDH.MNG.RD","rdx":"NUM_VPCUS"}', "NUM_VPCUS", "TD field.*'NUM_VCPUS'"),
        ('{"do":"Seamcall","leaf":"TDH.MNG.RD","rdx":"RTMR"}', "RTMR", r"did you mean 'RTMR\[0\]'"),
        ('{"do":"Seamcall","leaf":"TDH.MNG.INIT","rdx":"HKID"}', "HKID", "takes no metadata field"),
        ('{"do":"Seamcall","rax":"TDH.MNG.RD"}', "rax", "leaf's name is written as leaf"),
        ('{"do":"Seemcall","rax":26}', "Seemcall", "did you mean 'Seamcall'"),
    ],
)
def test_a_slip_tells_its_column(text: str, slipped: str, said: str) -> None:
    with pytest.raises(codec.Slip, match=said) as caught:
        codec.decode_command(text)
    assert text[caught.value.column - 1 :].startswith(slipped)
