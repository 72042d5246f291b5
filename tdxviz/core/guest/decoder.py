"""The only module that knows iced-x86: decoding, operand facts, and text.

iced-x86 (MIT) is complete and the only decoder that knows TDCALL and SEAMCALL, but it has been
dormant since 2024; keeping it behind this door makes it replaceable.
"""

from iced_x86 import (
    Code,
    CodeSize,
    Decoder,
    DecoderError,
    FlowControl,
    Formatter,
    FormatterSyntax,
    Instruction,
    Mnemonic,
    OpKind,
    Register,
    RegisterExt,
    RflagsBits,
)

__all__ = [
    "SIX_FLAGS", "Code", "CodeSize", "FlowControl", "Incomplete", "Instruction", "Mnemonic", "OpKind", "Register", "decode", "text",
]  # fmt: skip

MNEMONICS = {value: name for name, value in vars(Mnemonic).items() if isinstance(value, int)}
LONGEST = 15
SIX_FLAGS = RflagsBits.CF | RflagsBits.PF | RflagsBits.AF | RflagsBits.ZF | RflagsBits.SF | RflagsBits.OF
"""The arithmetic flags, in the decoder's own numbering."""


class Incomplete(Exception):
    """More bytes are needed to know the instruction."""


def decode(code: bytes, rip: int, bits: int) -> Instruction | None:
    """One instruction; None for bytes that are no instruction.

    Raises:
        Incomplete: the bytes end inside an instruction.
    """
    decoder = Decoder(bits, code, ip=rip)
    instruction = decoder.decode()
    if decoder.last_error == DecoderError.NO_MORE_BYTES and len(code) < LONGEST:
        raise Incomplete
    return instruction if instruction else None


def name(instruction: Instruction) -> str:
    """Mnemonic in upper case."""
    return MNEMONICS[instruction.mnemonic]


def text(instruction: Instruction) -> str:
    """Intel syntax."""
    formatter = Formatter(FormatterSyntax.INTEL)
    formatter.hex_prefix, formatter.hex_suffix = "0x", ""
    formatter.space_after_operand_separator = True
    formatter.branch_leading_zeros = False
    return formatter.format(instruction)


def register_place(register: int) -> tuple[int, int, int]:
    """(number in encoding order, size in bytes, shift of the value inside the register)."""
    size = RegisterExt.size(register)  # type: ignore[arg-type]  # because iced hands registers out as int
    if Register.AH <= register <= Register.BH:
        return register - Register.AH, 1, 8
    if Register.SPL <= register <= Register.R15L:  # iced counts AH..BH in between
        return register - Register.SPL + 4, 1, 0
    return RegisterExt.number(register), size, 0  # type: ignore[arg-type]  # as above


def stack_width(instruction: Instruction) -> int:
    """Bytes of a return address: 8 in 64-bit code, else 4."""
    return 8 if instruction.code_size == CodeSize.CODE64 else 4
