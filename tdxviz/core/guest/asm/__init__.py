"""An assembler for guest programs: Intel syntax, the directives of GNU as that guests need.

``assembler.assemble(text)`` does it all. ``scan`` cuts lines into statements and tokens (an editor
colours them), ``expression`` computes, ``operand`` reads operands, ``directive`` the rest.
"""
