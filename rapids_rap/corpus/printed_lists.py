"""Cells that hold a list of lines as a program prints one: `['一行', '两行']`.

pandas writes a column of lists into a CSV so, NumPy without the commas.
"""

from __future__ import annotations

import ast
import re

_QUOTED = r"""(?:'(?:[^'\\\n]|\\.)*+'|"(?:[^"\\\n]|\\.)*+")"""
_LIST = re.compile(rf"\s*+\[\s*+{_QUOTED}(?:(?:\s*+,)?\s*+{_QUOTED})++\s*+,?\s*+\]\s*+")
# A quote that nothing closes takes the rest of the line, so that it is not looked for again.
_STRING = re.compile(rf"{_QUOTED}|['\"][^\n]*+")


def lines_of_list(cell: str) -> str:
    """The lines of a printed list of at least two, one below the other; else the cell as it is."""
    if not cell.lstrip().startswith(("['", '["', "[ '", '[ "')) or not _LIST.fullmatch(cell):
        return cell
    try:
        return "\n".join(ast.literal_eval(part) for part in _STRING.findall(cell))
    except (ValueError, SyntaxError):  # an escape that Python doesn't know how to read
        return cell
