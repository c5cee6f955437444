"""Gathers the pages of the site: every Markdown page people read, where its links expect it.

The tree stays as it is, so that a link works in the repository and on the site alike.
"""

import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = ("*.md", "docs/*.md", "docs/images/*", "examples/**/README.md")


def pages() -> list[Path]:
    """Every file of the site, relative to the repository's root."""
    found = {path for pattern in PAGES for path in ROOT.glob(pattern)}
    return sorted(path.relative_to(ROOT) for path in found)


def gather(folder: Path) -> None:
    """Make `folder` hold the pages, and nothing else."""
    shutil.rmtree(folder, ignore_errors=True)
    for page in pages():
        target = folder / page
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / page, target)


if __name__ == "__main__":
    gather(Path(sys.argv[1]))
