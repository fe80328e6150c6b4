"""A phone in the server's network: opens its invitation, sends a picture, sees the image.

A program of its own, for a network of its own: ``unshare --map-root-user --net python ... FOLDER``.
The server has one address in it, and a browser in a second network namespace has the other.
Prints what it saw as JSON. FOLDER is where the key file is made.
"""

import contextlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from cable import HERE, plugged
from playwright.sync_api import Page, Request, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update"]
EXAMPLE = Path("webapp/static/examples/a-red-house-by-the-sea.png")
SERVER = [sys.executable, "-m", "webapp", "--models", "demo", "--port", "0", "--api-port", "0"]
SECONDS = 120
PHONE = {"width": 390, "height": 844}


@contextlib.contextmanager
def server(folder: Path) -> Iterator[list[str]]:
    """What it printed once it listens."""
    flags = ["--host", HERE, "--key-file", str(folder / "keys")]
    with subprocess.Popen([*SERVER, *flags], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            lines: list[str] = []
            while "/invitation/" not in "".join(lines[-1:]):
                lines.append(process.stdout.readline())
                assert lines[-1], lines
            yield lines
        finally:
            process.terminate()


def browser_in(pid: int, folder: Path) -> str:
    """A program that starts Chromium in the namespace of that process."""
    found = next(filter(None, map(shutil.which, NAMES)))
    program = folder / "browser"
    program.write_text(f'#!/bin/sh\nexec nsenter --net --target={pid} {found} "$@"\n')
    program.chmod(0o755)
    return str(program)


def visit(page: Page, link: str) -> dict[str, object]:
    home = link.partition("invitation/")[0]
    hosts: set[str] = set()

    def note(request: Request) -> None:
        hosts.add(request.url.split("/")[2])

    page.set_default_timeout(1000 * SECONDS)
    page.on("request", note)
    seen: dict[str, object] = {"before": page.goto(home).status, "asks": page.inner_text("h1")}
    seen["invited"] = page.goto(link) and page.inner_text("h1")
    page.get_by_role("button", name="Come in").click()
    page.wait_for_url(home)
    page.set_input_files("#image", str(EXAMPLE))
    result = page.locator("img.result")
    result.wait_for()
    size = "image => image.decode().then(() => [image.naturalWidth, image.naturalHeight])"
    seen |= {"caption": result.get_attribute("alt"), "size": result.evaluate(size)}
    seen["cookie"] = [
        [each["name"], each["httpOnly"], each["sameSite"]] for each in page.context.cookies()
    ]
    again = page.context.browser.new_context().new_page()
    seen |= {"again": again.goto(link).status, "hosts": sorted(hosts)}
    return seen


def main() -> None:
    folder = Path(sys.argv[1])
    with plugged() as pid, server(folder) as lines, sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser_in(pid, folder), args=FLAGS)
        page = chromium.new_context(viewport=PHONE, is_mobile=True, has_touch=True).new_page()
        link = re.search(r"http://\S+/invitation/\S+", lines[-1])
        assert link
        seen = visit(page, link[0])
        chromium.close()
    print(json.dumps(seen | {"printed": lines}))


if __name__ == "__main__":
    main()
