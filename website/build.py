"""Build the website from the lessons' Markdown: `make site`, or `make site-serve` to look at it while you write."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path
from typing import NoReturn

from mkdocs.commands.build import build
from mkdocs.commands.serve import serve
from mkdocs.config import load_config
from mkdocs.exceptions import MkDocsException

from rlbreakout.common.errors import BAD_INPUT, FAILED

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # as a script it knows its own folder only
CONFIG = str(ROOT / "website" / "mkdocs.yml")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--out", type=Path, default=ROOT / "site", help="the folder that the site is written to")
    parser.add_argument(
        "--serve", action="store_true", help="show it on this computer, and build it anew on each change"
    )
    options = parser.parse_args()
    out = options.out.resolve()
    if out.exists() and not ((out / "sitemap.xml").is_file() or (out.is_dir() and not any(out.iterdir()))):
        fail(f"--out {options.out}: something else is there; name a new folder, or one with a site in it", BAD_INPUT)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    try:
        if options.serve:
            print("http://127.0.0.1:8000 shows it in some seconds; Ctrl-C ends it", flush=True)
            serve(CONFIG, dev_addr="127.0.0.1:8000")
        else:
            build(load_config(CONFIG, site_dir=str(out)))
            print(f"{len(list(out.rglob('*.html')))} pages are in {out}")
    except MkDocsException as error:
        fail(f"the site cannot be built: {error}", BAD_INPUT)
    except OSError as error:
        fail(f"the site cannot be built: {error}", FAILED)


def fail(text: str, status: int) -> NoReturn:
    print(text, file=sys.stderr)
    raise SystemExit(status)


if __name__ == "__main__":
    main()
