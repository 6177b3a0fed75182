"""The photos and what one quick reading of each gives."""
# ruff: noqa: T201  the model reads what is printed

import subprocess
from pathlib import Path

from PIL import Image

for path in sorted(Path("inputs").rglob("*.jp*g"))[:2]:
    with Image.open(path) as image:
        print("==", path.name, image.size)
    read = subprocess.run(["tesseract", str(path), "-", "--psm", "6"], capture_output=True, text=True, check=True)
    print(read.stdout)
