"""Text operands to machine code, the way back of ``decoder``; knows iced-x86's encoder.

Every encoding of a mnemonic whose operand kinds fit is tried; the shortest wins, the earlier in the
manual's order among equals. That is also what GNU as does for the instructions used here.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache

from iced_x86 import (
    Code,
    CodeSize,
    Encoder,
    EncodingKind,
    Instruction,
    MemorySizeExt,
    Mnemonic,
    OpCodeInfo,
    OpCodeOperandKind,
    OpKind,
    Register,
)

from tdxviz.core.units import U64

KINDS = {value: name for name, value in vars(OpCodeOperandKind).items() if isinstance(value, int)}
REGISTERS = {
    name.lower(): value
    for name, value in vars(Register).items()
    if isinstance(value, int) and "DONT" not in name and name not in ("NONE", "EIP", "RIP")
}  # fmt: skip
CLASSES = {
    "R8": "al cl dl bl ah ch dh bh spl bpl sil dil r8l r9l r10l r11l r12l r13l r14l r15l",
    "R16": "ax cx dx bx sp bp si di r8w r9w r10w r11w r12w r13w r14w r15w",
    "R32": "eax ecx edx ebx esp ebp esi edi r8d r9d r10d r11d r12d r13d r14d r15d",
    "R64": "rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15",
    "SEG": "es cs ss ds fs gs",
    "CR": "cr0 cr2 cr3 cr4 cr8",
    "DR": "dr0 dr1 dr2 dr3 dr6 dr7",
    "MM": " ".join(f"mm{n}" for n in range(8)),
    "XMM": " ".join(f"xmm{n}" for n in range(16)),
}
CLASS_OF = {REGISTERS[name]: kind for kind, names in CLASSES.items() for name in names.split()}
ALIASES = {f"r{n}b": f"r{n}l" for n in range(8, 16)}
NAMES = {n: r for n, r in REGISTERS.items() if r in CLASS_OF} | {a: REGISTERS[n] for a, n in ALIASES.items()}
"""Registers that a source text may name, in lower case."""
FIXED = {
    name: REGISTERS[name.lower()]
    for name in ("AL", "AX", "EAX", "RAX", "CL", "DX", "CS", "DS", "ES", "FS", "GS", "SS", "ST0")
}
IMPLICIT = {"ES_RDI", "SEG_RSI", "SEG_RDI", "SEG_RBX_AL"}
STRING_KINDS = {
    ("ES_RDI", 64): OpKind.MEMORY_ESRDI, ("ES_RDI", 32): OpKind.MEMORY_ESEDI,
    ("SEG_RSI", 64): OpKind.MEMORY_SEG_RSI, ("SEG_RSI", 32): OpKind.MEMORY_SEG_ESI,
}  # fmt: skip
IMMEDIATES = {
    "IMM8": (OpKind.IMMEDIATE8, 8, 0), "IMM16": (OpKind.IMMEDIATE16, 16, 0),
    "IMM32": (OpKind.IMMEDIATE32, 32, 0), "IMM64": (OpKind.IMMEDIATE64, 64, 0),
    "IMM8SEX16": (OpKind.IMMEDIATE8TO16, 8, 16), "IMM8SEX32": (OpKind.IMMEDIATE8TO32, 8, 32),
    "IMM8SEX64": (OpKind.IMMEDIATE8TO64, 8, 64), "IMM32SEX64": (OpKind.IMMEDIATE32TO64, 32, 64),
}  # fmt: skip
"""Operand kind -> iced's kind, bits stored, bits that they are extended to (0: not at all)."""
BRANCHES = {
    "BR32_1": OpKind.NEAR_BRANCH32, "BR32_4": OpKind.NEAR_BRANCH32,
    "BR64_1": OpKind.NEAR_BRANCH64, "BR64_4": OpKind.NEAR_BRANCH64,
}  # fmt: skip
SAME = {
    "sal": "shl", "jz": "je", "jnz": "jne", "jc": "jb", "jnc": "jae", "jnae": "jb", "jnb": "jae",
    "jna": "jbe", "jnbe": "ja", "jnge": "jl", "jnl": "jge", "jng": "jle", "jnle": "jg", "jpe": "jp",
    "jpo": "jnp", "movabs": "mov", "repz": "repe", "repnz": "repne", "iret": "iretd", "pushf": "pushfq",
    "popf": "popfq", "wait": "fwait", "sysret": "sysretd", "icebp": "int1", "xlat": "xlatb",
}  # fmt: skip
CONDITIONS = {a[1:]: b[1:] for a, b in SAME.items() if a[0] == "j"}
PREFIXES = ("rep", "repe", "repne", "lock")
STACK = {"push", "pop", "call", "jmp"}
"""Their memory operand has the width of the stack unless the text says otherwise."""
SYMMETRIC = {"xchg", "test"}
SECOND_BYTE = {Code.ENTERW_IMM16_IMM8, Code.ENTERD_IMM16_IMM8, Code.ENTERQ_IMM16_IMM8}


@dataclass(frozen=True)
class Reg:
    number: int


@dataclass(frozen=True)
class Imm:
    """``wide``: an address, whose size must not depend on its value."""

    value: int
    wide: bool = False


@dataclass(frozen=True)
class Mem:
    """``size`` in bytes, 0 if the text does not say; ``base`` and ``index`` 0 for none."""

    size: int = 0
    base: int = 0
    index: int = 0
    scale: int = 1
    displacement: int = 0
    wide: bool = False
    relative: bool = False
    """``[rip + label]``; ``displacement`` is then the target."""
    segment: int = 0


@dataclass(frozen=True)
class Target:
    """Where a branch goes."""

    address: int


Operand = Reg | Imm | Mem | Target


class CannotEncode(Exception):
    """No encoding fits; the text says why, and what to write instead if that is known."""


@cache
def forms() -> dict[str, tuple[OpCodeInfo, ...]]:
    """Mnemonic in lower case -> its encodings, in the manual's order."""
    names = {value: name.lower() for name, value in vars(Mnemonic).items() if isinstance(value, int)}
    found: dict[str, list[OpCodeInfo]] = {}
    for code in (value for value in vars(Code).values() if isinstance(value, int)):
        info = OpCodeInfo(code)  # type: ignore[arg-type]  # because iced hands codes out as int
        if info.is_instruction and info.encoding == EncodingKind.LEGACY:
            found.setdefault(names[info.mnemonic], []).append(info)
    return {name: tuple(infos) for name, infos in found.items()}


def canonical(mnemonic: str) -> str:
    """iced's name of a mnemonic: ``jz`` is ``je``, ``setnz`` is ``setne``."""
    name = SAME.get(mnemonic, mnemonic)
    for start in ("set", "cmov"):
        if name.startswith(start) and name[len(start) :] in CONDITIONS:
            return start + CONDITIONS[name[len(start) :]]
    return name


def is_mnemonic(name: str) -> bool:
    return canonical(name) in forms()


def is_branch(name: str) -> bool:
    """Whether an operand of the form ``label`` is where it goes."""
    return any(KINDS[form.op_kind(0)] in BRANCHES for form in _forms(name) if form.op_count)


def _forms(mnemonic: str) -> tuple[OpCodeInfo, ...]:
    return forms().get(canonical(mnemonic), ())


@lru_cache(maxsize=4096)
def encode(
    mnemonic: str, operands: tuple[Operand, ...], bits: int, address: int,
    prefixes: tuple[str, ...] = (), at_least: int = 0,
) -> bytes:  # fmt: skip
    """The shortest encoding of at least ``at_least`` bytes.

    Raises:
        CannotEncode: with the reason and what is accepted.
    """
    operands = tuple(_usual(mnemonic, operand) for operand in operands)
    both = [operands, operands[::-1]] if mnemonic in SYMMETRIC and len(operands) == 2 else [operands]
    fitting = [(f, o) for o in both for f in _available(mnemonic, bits) if _fits(f, o, mnemonic)]
    _one_size(mnemonic, [form for form, _ in fitting], operands, bits)
    best = b""
    for form, order in fitting:
        code = _try(form, order, bits, address, prefixes)
        if code and len(code) >= at_least and (not best or len(code) < len(best)):
            best = code
    if not best:
        raise CannotEncode(_why(mnemonic, bool(fitting), operands))
    return best


def _usual(mnemonic: str, operand: Operand) -> Operand:
    """LTR AX and its like have a shorter form that names EAX and takes 16 bits of it."""
    if mnemonic in ("ltr", "lldt", "lmsw", "verr", "verw") and isinstance(operand, Reg):
        names = CLASSES["R16"].split(), CLASSES["R32"].split()
        wider = {REGISTERS[a]: REGISTERS[b] for a, b in zip(*names, strict=True)}
        return Reg(wider.get(operand.number, operand.number))
    return operand


def _available(mnemonic: str, bits: int) -> Iterator[OpCodeInfo]:
    for form in _forms(mnemonic):
        if form.mode64 if bits == 64 else form.mode32:
            yield form


def _fits(form: OpCodeInfo, operands: tuple[Operand, ...], mnemonic: str) -> bool:
    kinds = [KINDS[form.op_kind(n)] for n in range(form.op_count)]
    if any(kind in IMPLICIT for kind in kinds):
        return not operands
    if len(kinds) == len(operands) + 1 and kinds[-1] == "IMM8_CONST_1":
        kinds.pop()
    if mnemonic == "push" and kinds in (["IMM16"], ["IMM8SEX16"]):
        return False
    if "MEM_OFFS" in kinds and mnemonic != "movabs":
        return False
    return len(kinds) == len(operands) and all(
        _kind_fits(kind, operand, form) for kind, operand in zip(kinds, operands, strict=True)
    )


def _kind_fits(kind: str, operand: Operand, form: OpCodeInfo) -> bool:
    match operand:
        case Reg():
            if kind in FIXED:
                return FIXED[kind] == operand.number
            return (
                kind[:3] != "MEM"
                and kind not in BRANCHES
                and _class_of_kind(kind) == CLASS_OF[operand.number]
            )
        case Mem():
            size = MemorySizeExt.size(form.memory_size)
            return ("MEM" in kind and "VSIB" not in kind) and (operand.size in (0, size) or size == 0)
        case Target():
            return kind in BRANCHES
        case Imm():
            return (kind in IMMEDIATES and _holds(kind, operand)) or (
                kind == "IMM8_CONST_1" and operand.value == 1
            )
    return False


def _class_of_kind(kind: str) -> str:
    return kind.partition("_")[0]


def _holds(kind: str, imm: Imm) -> bool:
    """Whether the value survives being stored in this field."""
    _, stored, extended = IMMEDIATES[kind]
    if imm.wide and stored < 32:
        return False
    if not extended:
        return -(1 << stored - 1) <= imm.value < 1 << stored
    value = imm.value
    if -(1 << extended - 1) <= value < 1 << extended:
        value = (value + (1 << extended - 1)) % (1 << extended) - (1 << extended - 1)
    return -(1 << stored - 1) <= value < 1 << stored - 1


def _one_size(mnemonic: str, fitting: Iterable[OpCodeInfo], operands: tuple[Operand, ...], bits: int) -> None:
    """Raises when a memory operand could mean several sizes."""
    if not any(isinstance(o, Mem) and not o.size for o in operands):
        return
    sizes = {MemorySizeExt.size(form.memory_size) for form in fitting if "OFFS" not in KINDS[form.op_kind(0)]}
    if len(sizes) > 1 and not (mnemonic in STACK and bits // 8 in sizes):
        words = " or ".join(f"{WORDS[size]} ptr" for size in sorted(sizes) if size in WORDS)
        raise CannotEncode(f"the size of the memory operand is not clear; write {words} before the bracket")


SIZES = {"byte": 1, "word": 2, "dword": 4, "qword": 8, "tbyte": 10, "xmmword": 16, "oword": 16, "fword": 6}
WORDS = {1: "byte", 2: "word", 4: "dword", 8: "qword", 10: "tbyte", 16: "xmmword", 6: "fword"}


def _try(
    form: OpCodeInfo, operands: tuple[Operand, ...], bits: int, address: int, prefixes: tuple[str, ...]
) -> bytes:
    """The bytes in this form; empty if iced or the branch distance says no."""
    kinds = [KINDS[form.op_kind(n)] for n in range(form.op_count)]
    ins = Instruction()
    ins.code = form.code
    ins.code_size = CodeSize.CODE64 if bits == 64 else CodeSize.CODE32
    try:
        for n, kind in enumerate(kinds):
            _set_operand(ins, n, kind, operands[n] if n < len(operands) else None, bits)
        _set_prefixes(ins, form, prefixes)
        encoder = Encoder(bits)
        encoder.encode(ins, address & (U64 if bits == 64 else 0xFFFF_FFFF))
    except (ValueError, OverflowError):
        return b""
    return bytes(encoder.take_buffer())


def _set_prefixes(ins: Instruction, form: OpCodeInfo, prefixes: tuple[str, ...]) -> None:
    allowed = {
        "lock": form.can_use_lock_prefix, "rep": form.can_use_rep_prefix,
        "repe": form.can_use_rep_prefix, "repne": form.can_use_repne_prefix,
    }  # fmt: skip
    for prefix in prefixes:
        if not allowed[prefix]:
            raise ValueError(prefix)
        attribute = {"rep": "has_rep_prefix", "repe": "has_repe_prefix", "repne": "has_repne_prefix"}
        setattr(ins, attribute.get(prefix, "has_lock_prefix"), True)


def _set_operand(ins: Instruction, n: int, kind: str, operand: Operand | None, bits: int) -> None:
    match operand:
        case Reg():
            ins.set_op_kind(n, OpKind.REGISTER)
            ins.set_op_register(n, operand.number)  # type: ignore[arg-type]  # because iced hands registers out as int
        case Mem():
            _set_memory(ins, n, operand, bits)
        case Target():
            ins.set_op_kind(n, BRANCHES[kind])
            setattr(ins, f"near_branch{bits}", operand.address & ((1 << bits) - 1))
        case Imm():
            second = n == 1 and kind == "IMM8" and ins.code in SECOND_BYTE
            ins.set_op_kind(
                n, OpKind.IMMEDIATE8_2ND if second else IMMEDIATES.get(kind, IMMEDIATES["IMM8"])[0]
            )
            ins.set_immediate_u64(n, operand.value & U64)
        case None if kind in FIXED:
            ins.set_op_kind(n, OpKind.REGISTER)
            ins.set_op_register(n, FIXED[kind])  # type: ignore[arg-type]  # as above
        case None if kind == "IMM8_CONST_1":
            ins.set_op_kind(n, OpKind.IMMEDIATE8)
            ins.set_immediate_u64(n, 1)
        case None if kind == "SEG_RBX_AL":
            _set_memory(ins, n, Mem(base=NAMES["rbx" if bits == 64 else "ebx"], index=NAMES["al"]), bits)
        case None:
            ins.set_op_kind(n, STRING_KINDS[kind, bits])


def _set_memory(ins: Instruction, n: int, mem: Mem, bits: int) -> None:
    ins.set_op_kind(n, OpKind.MEMORY)
    ins.memory_base = Register.RIP if mem.relative else mem.base  # type: ignore[assignment]  # because iced hands registers out as int
    ins.memory_index = mem.index  # type: ignore[assignment]  # as above
    ins.memory_index_scale = mem.scale
    ins.memory_displacement = mem.displacement & U64
    bare = not mem.base and not mem.index
    small = not mem.wide and not bare and not mem.relative and -128 <= mem.displacement < 128
    full = 4 if bits == 32 else 8
    ins.memory_displ_size = (1 if mem.displacement else 0) if small and mem.base else full
    if mem.segment:
        ins.segment_prefix = mem.segment  # type: ignore[assignment]  # as above


def _why(mnemonic: str, fitting: bool, operands: tuple[Operand, ...]) -> str:
    if fitting and any(isinstance(o, Target) for o in operands):
        return f"{mnemonic} cannot reach that far"
    if fitting:
        return f"{mnemonic} does not encode these operands or prefixes"
    texts = sorted({form.instruction_string for form in _forms(mnemonic) if form.op_count == len(operands)})
    if not texts:
        counts = sorted({form.op_count for form in _forms(mnemonic)})
        wants = " or ".join(str(count) for count in counts)
        return f"{mnemonic} takes {wants} operands, not {len(operands)}"
    more = f" and {len(texts) - 4} more" if len(texts) > 4 else ""
    return f"{mnemonic} does not take these operands; it knows " + "; ".join(texts[:4]) + more
