"""The workbooks as they are: headers, first rows, the formulas in the columns that matter."""
# ruff: noqa: T201  the model reads what is printed

from pathlib import Path

import openpyxl

for path in sorted(Path("inputs").glob("*.xlsx")):
    sheet = openpyxl.load_workbook(path).worksheets[0]
    print("==", path.name, sheet.title, sheet.dimensions)
    for row in sheet.iter_rows(max_row=8, max_col=14):
        print([cell.value for cell in row])
