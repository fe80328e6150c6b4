"""What the browser tests visit, how they hold its painter back, and what a hand does there."""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from io import BytesIO
from typing import TypedDict

from fakes import FAKE_INFO, FakeBlip
from flask import Response, request
from PIL import Image
from playwright.sync_api import Locator, Page, Request, Route, expect

from captioner.request import Caption, CaptionRequest
from generator.job import Job
from webapp import create_app
from webapp.limits import Limits
from webapp.server import Server, bind
from webapp.services import Services
from webapp.settings import Settings

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update"]
# A foreign name that is bound to this machine.
FLAGS += ["--host-resolver-rules=MAP evil.example 127.0.0.1"]
DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
SMALL_PHONE = {"width": 320, "height": 568}
SECONDS = 10
CAPTION = "a picture of 40x30"
# What the console says once a server stops: no connection, or 503 for a request that the stop cut,
# such as the header's own look at how the server is.
STOPPED = ["net::ERR_", "503"]
# A painter of photos, which offers the sizes of SDXL.
PHOTO_INFO = replace(
    FAKE_INFO,
    default_size=1024,
    smallest_size=512,
    largest_size=2048,
    size_multiple=64,
    learnt_sizes=(),
)
# A full-size landscape, and what its lookalike has.
LANDSCAPE = (1216, 832)


class Gate:
    """Lets a fake model take so many steps, and no more."""

    def __init__(self) -> None:
        self.steps = threading.Semaphore(0)
        self.is_open = True

    def close(self) -> None:
        self.is_open = False

    def let(self, steps: int) -> None:
        self.steps.release(steps)

    def open(self) -> None:
        self.is_open = True
        self.let(100)

    def pass_one(self) -> None:
        if not self.is_open:
            assert self.steps.acquire(timeout=SECONDS)

    def __call__(self, stage: str, prompt: str) -> None:
        if stage == "denoise":
            self.pass_one()


@dataclass
class HeldBlip(FakeBlip):
    """Captions as far as a gate lets it."""

    gate: Gate = field(default_factory=Gate)

    def caption_batch(self, requests: Sequence[CaptionRequest]) -> list[Caption]:
        self.gate.pass_one()
        return super().caption_batch(requests)


@dataclass
class Site:
    """A server on a port of its own; ``start`` after ``stop`` has the same port and jobs."""

    services: Services
    gate: Gate
    captions: Gate
    port: int = 0
    seen: list[tuple[str, dict[str, str], int]] = field(default_factory=list)

    def start(self) -> None:
        app = create_app(Settings(), self.services)
        app.after_request(self._note)
        self._server = Server(app, bind("127.0.0.1", [self.port]), Limits(threads=16))
        self.port = self._server.ports[0]
        self._thread = threading.Thread(target=self._server.run, name="server")
        self._thread.start()

    def _note(self, response: Response) -> Response:
        """Takes note of method and address, of the headers, and of the answer's status."""
        asked = f"{request.method} {request.full_path}".rstrip("?")
        self.seen.append((asked, dict(request.headers), response.status_code))
        return response

    def stop(self) -> None:
        """At once: streams are cut."""
        self._server.stop()
        self._server.stop()
        self._thread.join(SECONDS)

    def close(self) -> None:
        """For good, once all jobs have ended."""
        self._server.stop()
        self._thread.join(SECONDS)
        deadline = time.monotonic() + SECONDS
        while self._has_threads() and time.monotonic() < deadline:
            time.sleep(0.01)

    def _has_threads(self) -> bool:
        return any(thread.name.startswith("waitress") for thread in threading.enumerate())

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def jobs(self) -> list[Job]:
        return [entry.job for entry in self.services.jobs._entries.values()]


class File(TypedDict):
    name: str
    mimeType: str
    buffer: bytes


NO_PICTURE: File = {"name": "cat.jpg", "mimeType": "image/jpeg", "buffer": b"not a picture"}


def picture(size: tuple[int, int] = (40, 30), colour: str = "green") -> File:
    return _file(Image.new("RGBA" if len(colour) == 9 else "RGB", size, colour))


def large_picture() -> File:
    """Some 200 kB of noise."""
    return _file(Image.effect_noise((450, 450), 100))


def _file(image: Image.Image) -> File:
    data = BytesIO()
    image.save(data, "PNG")
    return {"name": "holiday.png", "mimeType": "image/png", "buffer": data.getvalue()}


def choose(page: Page, site: Site, *files: File) -> None:
    """A new visit, and a picture chosen, which sends it."""
    page.goto(site.url)
    page.set_input_files("#image", files or [picture()])


def start(page: Page, site: Site, file: File | None = None) -> None:
    """The page of a new job of this browser's, without the visit that begins it."""
    parts = {"image": file or picture()}
    page.request.post(site.url, multipart=parts, headers={"Accept": "application/json"})
    page.goto(f"{site.url}/jobs/{site.jobs[-1].id}")


def hand_over(page: Page, event: str, files: Iterable[File]) -> None:
    """Drops or pastes files on the page's footer."""
    page.evaluate(
        """([event, files]) => {
            const data = new DataTransfer();
            for (const [name, type, bytes] of files)
                data.items.add(new File([new Uint8Array(bytes)], name, {type}));
            const [Event, key] = event === "drop"
                ? [DragEvent, "dataTransfer"] : [ClipboardEvent, "clipboardData"];
            document.querySelector("footer").dispatchEvent(
                new Event(event, {bubbles: true, cancelable: true, [key]: data}));
        }""",
        [event, [[each["name"], each["mimeType"], list(each["buffer"])] for each in files]],
    )


def hold(page: Page, is_held: Callable[[Request], bool]) -> list[Route]:
    """A line so slow that such requests stay on it, in this list, until they are let go."""
    held: list[Route] = []
    page.route(
        "**/*", lambda route: held.append(route) if is_held(route.request) else route.continue_()
    )
    return held


def posts(page: Page) -> list[str]:
    """The addresses that the page posts to from now on."""
    urls: list[str] = []
    page.on("request", lambda each: urls.append(each.url) if each.method == "POST" else None)
    return urls


def wait_for(page: Page, is_true: Callable[[], object]) -> None:
    """Until something outside the page has happened."""
    deadline = time.monotonic() + SECONDS / 2
    while not is_true():
        if time.monotonic() > deadline:
            raise TimeoutError
        page.wait_for_timeout(10)


def ask_for_four(page: Page) -> None:
    """Opens the options, and asks for four images."""
    page.click("text=Options")
    page.get_by_role("group", name="How many").get_by_text("4", exact=True).click()


def type_wrong_options(page: Page) -> None:
    page.click("text=Options")
    page.get_by_label("Steps").fill("many")
    page.get_by_label("Guidance").fill("-1")


def expect_wrong_steps(page: Page) -> None:
    """The field of ``type_wrong_options`` says what is wrong with it."""
    steps = page.locator("[name=num_inference_steps]")
    expect(steps).to_have_value("many")
    expect(steps).to_have_attribute("aria-invalid", "true")
    expect(steps).to_have_accessible_description(
        "Steps must be a whole number from 1 to 200, not 'many'."
    )


def cancel(page: Page, site: Site) -> None:
    """Presses the button, and sees the only job end."""
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("alert").filter(visible=True)).to_have_text("Cancelled.")
    expect(page).to_have_title("Cancelled – Lookalike")
    assert [job.status for job in site.jobs] == ["cancelled"]


def presser(page: Page, button: Locator) -> Callable[[], None]:
    """Presses where the button is, and does not wait for what comes of it."""
    button.scroll_into_view_if_needed()
    box = button.bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    return lambda: page.mouse.click(x, y)
