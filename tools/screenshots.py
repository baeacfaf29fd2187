"""Take the screenshots of README and docs, from pages made on the spot: `make screenshots`.

    python tools/screenshots.py [--pages FOLDER]

Needs Node 20 with `cd web && npm ci`, and Chromium (/usr/bin/chromium, or CHROMIUM). Pictures keep 256
colours, for their size.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

from screenshot_pages import write_pages

HERE = Path(__file__).parent
IMAGES = HERE.parent / "docs" / "images"
MOST = 250_000  # bytes


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pages", type=Path, help="folder of pages that are made already")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        pages, taken = options.pages or Path(folder, "pages"), Path(folder, "taken")
        for path in (pages, taken):
            path.mkdir(exist_ok=True)
        if options.pages is None:
            write_pages(pages)
        subprocess.run(["node", HERE / "screenshots.mjs", pages, taken], check=True)
        for path in sorted(taken.glob("*.png")):
            written = IMAGES / path.name
            picture = Image.open(path).convert("RGB")
            few = picture.quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=4, dither=Image.Dither.NONE)
            few.save(written, optimize=True)
            size = written.stat().st_size
            print(f"{written.name}: {size / 1000:.0f} kB")
            if size > MOST:
                sys.exit(f"{written} is larger than {MOST / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
