"""`python -m experiments.screens.screenshots DIR OUT [NAME ...]`: each page of a run, on a desktop and a phone, light and dark.

DIR is a run's folder (`iles run strem --out DIR`); NAMEs choose pages such as dso-grid, all of them otherwise.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
from pathlib import Path

from cim.model.errors import BadInput
from experiments.cli.portal import finished_app
from portal.screens.catalogue import catalogue
from portal.server import serve
from portal.tokens import portal_token

SIZES = {"desktop": (1280, 860), "phone": (390, 844)}
THEMES = ("light", "dark")
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


async def shoot(folder: Path, out: Path, names: list[str]) -> int:
    """Take them; how many."""
    from playwright.async_api import async_playwright

    wanted = {path.replace("/pages/", "-").strip("/"): path for path in catalogue(None)}
    taken = 0
    async with serve(finished_app(folder), port=0) as server, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=browser_path(), args=["--no-sandbox"])
        headers = {"Authorization": f"Bearer {portal_token(folder)}"}
        for size, (width, height) in SIZES.items():
            for theme in THEMES:
                context = await browser.new_context(
                    viewport={"width": width, "height": height},
                    color_scheme="dark" if theme == "dark" else "light",
                    extra_http_headers=headers,
                )
                page = await context.new_page()
                for name, path in wanted.items():
                    if names and name not in names:
                        continue
                    await page.goto(f"{server.url}{path}")
                    if await page.locator("[data-chart]").count():
                        await page.wait_for_selector("[data-chart] svg", timeout=WAIT_MS)
                    await page.screenshot(path=out / f"{name}-{size}-{theme}.png", full_page=size == "desktop")
                    taken += 1
                await context.close()
        await browser.close()
    return taken


if __name__ == "__main__":
    Path(sys.argv[2]).mkdir(parents=True, exist_ok=True)
    print(asyncio.run(shoot(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])), "screenshots")
