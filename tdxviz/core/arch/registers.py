"""General and segment registers in encoding order; index n is GPR n everywhere. Source: Intel SDM volume 2."""

GPR_NAMES = (
    "RAX", "RCX", "RDX", "RBX", "RSP", "RBP", "RSI", "RDI",
    "R8", "R9", "R10", "R11", "R12", "R13", "R14", "R15",
)  # fmt: skip

RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI = range(8)
R8, R9, R10, R11, R12, R13, R14, R15 = range(8, 16)
SEGMENT_NAMES = ("ES", "CS", "SS", "DS", "FS", "GS")
ES, CS, SS, DS, FS, GS = range(6)
