"""Work the workbooks out with LibreOffice, look for errors, and show that nothing else was changed."""
# ruff: noqa: T201  the model reads what is printed

import subprocess
from pathlib import Path

import openpyxl

AREAS = {"assets": "J5:L16", "parts": "C2:C11", "deferred": "K5:K21"}
for name, area in AREAS.items():
    subprocess.run(
        ["soffice", "--headless", "--convert-to", "xlsx", "--outdir", "/tmp/worked", f"outputs/{name}.xlsx"],
        check=True,
        capture_output=True,
        timeout=120,
    )
    sheet = openpyxl.load_workbook(f"/tmp/worked/{Path(name).name}.xlsx", data_only=True).worksheets[0]
    print(name, [[cell.value for cell in row] for row in sheet[area]])
    errors = [c.coordinate for row in sheet.iter_rows() for c in row if str(c.value).startswith("#")]
    assert not errors, f"{name}: errors in {errors[:5]}"
    before = openpyxl.load_workbook(f"inputs/{name}.xlsx").worksheets[0]
    after = openpyxl.load_workbook(f"outputs/{name}.xlsx").worksheets[0]
    ours = {cell.coordinate for row in after[area] for cell in row}
    touched = [c.coordinate for row in before.iter_rows() for c in row if c.value != after[c.coordinate].value]
    assert set(touched) <= ours, f"{name}: more was changed: {sorted(set(touched) - ours)}"
    if name == "deferred":
        print("total in M1:", sheet["M1"].value)
