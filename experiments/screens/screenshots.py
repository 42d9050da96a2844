"""`python -m experiments.screens.screenshots DIR OUT [NAME ...] [--at URL] [--each]`: pages as a desktop and a phone show them.

DIR is a run's folder (`iles run strem --out DIR`), or with --at the folder of the living site that is served there. NAMEs choose
pages such as dso-grid, all of them otherwise. Each is taken light and dark; with --each once a size, the phone's dark; the wall
display (wall) once."""

from __future__ import annotations

import asyncio
import shutil
from argparse import ArgumentParser
from dataclasses import dataclass
from pathlib import Path

from cim.model.errors import BadInput
from experiments.cli.portal import finished_app
from portal.screens.catalogue import catalogue
from portal.server import serve
from portal.tokens import portal_token

SIZES = {"desktop": (1280, 860), "phone": (390, 844)}
THEMES = ("light", "dark")
WALL, WALL_SIZE = "wall", (1920, 1080)
WAIT_MS = 10_000


def browser_path() -> str:
    """Debian's Chromium.

    Raises:
        BadInput: it is not installed.
    """
    found = shutil.which("chromium")
    if found is None:
        raise BadInput("chromium: it is not installed here; expected `make tools`, or apt-get install chromium")
    return found


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be taken.

    Attributes:
        names: of pages; all where there is none.
        at: where a living site is served; None: the folder is served here.
        each: one theme a size.
    """

    names: tuple[str, ...]
    at: str | None
    each: bool

    def themes(self, size: str) -> tuple[str, ...]:
        """In which a size is taken."""
        return THEMES if not self.each else ("dark",) if size == "phone" else ("light",)


async def shoot(folder: Path, out: Path, wanted: Wanted) -> int:
    """Take them; how many."""
    if wanted.at is not None:
        return await _shoot(wanted.at, portal_token(folder), out, wanted)
    async with serve(finished_app(folder), port=0) as server:
        return await _shoot(server.url, portal_token(folder), out, wanted)


async def _shoot(url: str, token: str, out: Path, wanted: Wanted) -> int:
    from playwright.async_api import async_playwright

    pages = {path.replace("/pages/", "-").strip("/"): path for path in catalogue(None)}
    taken = 0
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=browser_path(), args=["--no-sandbox"])
        for size, (width, height) in SIZES.items():
            for theme in wanted.themes(size):
                context = await browser.new_context(
                    viewport={"width": width, "height": height},
                    color_scheme="dark" if theme == "dark" else "light",
                    extra_http_headers={"Authorization": f"Bearer {token}"},
                )
                page = await context.new_page()
                for name, path in pages.items():
                    if wanted.names and name not in wanted.names:
                        continue
                    await page.goto(f"{url}{path}")
                    if await page.locator("[data-chart]").count():
                        await page.wait_for_selector("[data-chart] svg", timeout=WAIT_MS)
                    await page.screenshot(path=out / f"{name}-{size}-{theme}.png", full_page=size == "desktop")
                    taken += 1
                await context.close()
        if not wanted.names or WALL in wanted.names:
            width, height = WALL_SIZE
            context = await browser.new_context(
                viewport={"width": width, "height": height}, extra_http_headers={"Authorization": f"Bearer {token}"}
            )
            page = await context.new_page()
            await page.goto(f"{url}/{WALL}")
            if await page.locator("[data-chart]").count():
                await page.wait_for_selector("[data-chart] svg", timeout=WAIT_MS)
            await page.screenshot(path=out / f"{WALL}.png")
            taken += 1
        await browser.close()
    return taken


if __name__ == "__main__":
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--at", metavar="URL")
    parser.add_argument("--each", action="store_true")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    chosen = Wanted(tuple(given.names), given.at, given.each)
    print(asyncio.run(shoot(given.folder, given.out, chosen)), "screenshots")
