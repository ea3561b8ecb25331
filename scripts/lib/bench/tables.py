# SPDX-License-Identifier: Apache-2.0
"""Markdown tables: numbers to the right, columns as wide as they need to be."""


def table(head: list[str], rows: list[list[str]]) -> str:
    """A heading that begins with '>' is of a column of numbers."""
    names = [name.removeprefix(">") for name in head]
    widths = [max(len(cell) for cell in column) for column in zip(names, *rows)]

    def line(cells: list[str]) -> str:
        padded = (
            cell.rjust(width) if name.startswith(">") else cell.ljust(width)
            for cell, width, name in zip(cells, widths, head)
        )
        return "| " + " | ".join(padded) + " |"

    rule = "|" + "|".join(
        "-" * (width + 1) + ":" if name.startswith(">") else "-" * (width + 2) for width, name in zip(widths, head)
    )
    return "\n".join([line(names), rule + "|", *(line(row) for row in rows)])
