"""Put live formulas into the cells that were named; touch nothing else."""

import re
import shutil
from pathlib import Path

import openpyxl

OUT = Path("outputs")
OUT.mkdir(exist_ok=True)


def changed(name):
    shutil.copy(Path("inputs") / name, OUT / name)
    book = openpyxl.load_workbook(OUT / name)
    return book, book.worksheets[0]


def last_row(sheet, column):
    """The last filled row of the block of data below the header; totals lie after a gap."""
    row = next(cell.row for cell in sheet[column] if cell.value is not None)
    while sheet[f"{column}{row + 1}"].value is not None:
        row += 1
    return row


# Up to and including the month of the row, whatever category stands in the header. The block may grow every week:
# the sums reach down to the row above the total.
book, sheet = changed("assets.xlsx")
total_row = next(c.row for c in sheet["E"] if isinstance(c.value, str) and c.value.upper().startswith("=SUM("))
first, last = 5, total_row - 1
dates, kinds, amounts = (f"${column}${first}:${column}${last}" for column in "BCE")
for row in sheet["J5:L16"]:
    for cell in row:
        header = f"{cell.column_letter}$4"
        cell.value = f'=SUMIFS({amounts},{kinds},{header},{dates},"<="&EOMONTH($I{cell.row},0))'
        if cell.row > 5:
            cell.number_format = sheet[f"{cell.column_letter}5"].number_format
book.save(OUT / "assets.xlsx")

book, sheet = changed("parts.xlsx")
last = last_row(sheet, "A")
for (cell,) in sheet["C2:C11"]:
    part, price = f"A{cell.row}", f"B{cell.row}"
    cell.value = f'=COUNTIFS($A$2:$A${last},{part},$B$2:$B${last},"<"&{price})+1'
book.save(OUT / "parts.xlsx")

# The formula that is there stays as it is inside the guard.
book, sheet = changed("deferred.xlsx")
for (cell,) in sheet["K5:K21"]:
    inner = re.sub(r"^=", "", cell.value)
    cell.value = f'=IF(OR($D{cell.row}="",$E{cell.row}=""),0,{inner})'
book.save(OUT / "deferred.xlsx")
