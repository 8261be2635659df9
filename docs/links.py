"""Checks the built site: `python -m docs.links`. Names what leads nowhere, and ends with 1 if there is any.

Every link and picture inside the site leads to a file, every `#anchor` to a place in it; no page loads anything from
another host; every page is reached from another one. Every path of the project that a page names exists.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).resolve().parent.parent
SITE, PAGES = ROOT / "docs" / "site", ROOT / "docs" / "pages"
LOADED = {"img": "src", "script": "src", "iframe": "src", "source": "src", "link": "href"}
FOLDERS = "bench|data|docs|encoders|grids|heads|preprocessing|results|tests"
PATH = re.compile(rf"`((?:{FOLDERS})/[\w./]*|run_benchmark\.py|pyproject\.toml)`|\b(grids/\w+\.(?:yaml|csv))")


class _Page(HTMLParser):
    """The links, the loaded files and the anchors of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.anchors = {""}
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag in LOADED and LOADED[tag] in given and given.get("rel") not in ("canonical", "next", "prev"):
            self.loads.append(given[LOADED[tag]])


def faults() -> Iterator[str]:
    """What is wrong, line by line."""
    pages = {path: _Page(path) for path in sorted(SITE.rglob("*.html"))}
    reached = {SITE / "index.html", SITE / "404.html"}
    for path, page in pages.items():
        place = path.relative_to(SITE)
        for link in (*page.links, *page.loads):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                if link in page.loads and parts.scheme != "data":
                    yield f"{place}: loads {link} from another host"
                continue
            base = SITE if parts.path.startswith("/") else path.parent
            to = (base / unquote(parts.path).lstrip("/")).resolve() if parts.path else path
            to = to / "index.html" if to.is_dir() else to
            if not to.is_file():
                yield f"{place}: {link} leads nowhere"
            elif to in pages:
                reached.add(to)
                if unquote(parts.fragment) not in pages[to].anchors:
                    yield f"{place}: {link} names no place in that page"
    for path in sorted(set(pages) - reached):
        yield f"{path.relative_to(SITE)}: no page leads to it"
    for source in (*sorted(PAGES.rglob("*.md")), ROOT / "README.md"):
        for found in PATH.finditer(source.read_text(encoding="utf-8")):
            named = ROOT / (found[1] or found[2])
            if not named.exists() and named != SITE:
                yield f"{source.relative_to(ROOT)}: names {found[0]}, which is not there"


def main() -> int:
    """Prints the faults; 1 if there is one."""
    found = list(dict.fromkeys(faults()))
    print("\n".join(found) or "every link leads somewhere")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
