"""Work the workbook out and hold the categories' sums against the total and the total against the rows."""
# ruff: noqa: T201  the model reads what is printed

import subprocess

import openpyxl

argv = ["soffice", "--headless", "--convert-to", "xlsx", "--outdir", "/tmp/worked", "outputs/expenses.xlsx"]
subprocess.run(argv, check=True, capture_output=True, timeout=120)
book = openpyxl.load_workbook("/tmp/worked/expenses.xlsx", data_only=True)
rows = [row for row in book.worksheets[0].iter_rows(min_row=2, values_only=True) if row[0]]
dates = [row[2] for row in rows[:-1]]
assert dates == sorted(dates), "not oldest first"
sums = [row[1] for row in book["By category"].iter_rows(min_row=2, values_only=True)]
total = rows[-1][4]
assert abs(sum(row[4] for row in rows[:-1]) - total) < 0.005, "the total is not the sum of the rows"
assert abs(sum(sums) - total) < 0.005, "the categories do not make up the total"
print(len(rows) - 1, "receipts, total", total, "by category", sums)
for row in book["Notes"].iter_rows(values_only=True):
    print(*row)
