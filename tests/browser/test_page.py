"""The rest of the page: its notices, its other pages, keyboard, colours, and who may call."""

import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from browser_site import Site, picture, start
from playwright.sync_api import Browser, Page, expect

pytestmark = pytest.mark.browser

GUESS = "the captioner's words are a guess"


def test_beside_a_picture_that_the_demo_models_do_not_know_their_words_are_called_a_guess(
    page: Page, site: Site
):
    start(page, site, picture(colour="blue"))
    expect(page.get_by_text(GUESS)).to_be_visible()
    page.get_by_role("link", name="How to load the full models").click()
    page.wait_for_url("**/about")
    expect(page.locator("main")).to_contain_text("scripts/download_models")


def test_beside_a_sample_they_are_not(page: Page, site: Site):
    page.goto(site.url)
    expect(page.get_by_role("banner")).to_contain_text("Demo models")
    page.get_by_role("button", name="a red house by the sea").click()
    expect(page.locator("img.result")).to_be_visible()
    expect(page.get_by_text(GUESS)).to_have_count(0)


def test_what_runs_here_and_how_programs_call_it_is_told(page: Page, site: Site):
    page.goto(site.url)
    page.get_by_role("link", name="About").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("About this server")
    for words in ("fake words, on cpu", "Apache 2.0", "the last 200", "20 MB", "answers for"):
        expect(page.locator("main")).to_contain_text(words)
    page.get_by_role("link", name="API").click()
    expect(page.locator("pre")).to_contain_text(f"curl -G {site.url}/generate-image")
    page.get_by_role("link", name="Lookalike").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("A picture in, a lookalike out")


def test_an_address_with_nothing_leads_back(page: Page, site: Site, told_errors: list[str]):
    told_errors.append("404")
    page.goto(f"{site.url}/jobs/{'0' * 32}")
    expect(page.get_by_role("heading", level=1)).to_have_text("Page not found")
    page.get_by_role("link", name="Start with a picture").click()
    page.wait_for_url(f"{site.url}/")


def test_compare_wipes_by_keyboard_and_ends_as_it_began(page: Page, site: Site):
    start(page, site)
    button = page.get_by_role("button", name="Compare")
    button.focus()
    page.keyboard.press("Enter")
    wipe = page.get_by_role("slider", name="How much of your picture is shown")
    expect(wipe).to_be_focused()
    expect(button).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("ArrowRight")
    assert page.locator(".compare").evaluate("box => box.style.getPropertyValue('--cut')") == "51%"
    page.keyboard.press("End")
    expect(wipe).to_have_value("100")
    over, under = (page.locator(".compare img").nth(index).bounding_box() for index in (0, 1))
    assert over == under
    button.focus()
    page.keyboard.press("Enter")
    expect(wipe).to_have_count(0)
    expect(page.get_by_role("link").locator("img.result")).to_be_visible()


def test_a_click_shows_the_result_alone(page: Page, site: Site, told_errors: list[str]):
    """The browser's own page for it has no icon, and a style that our policy does not let in."""
    told_errors += ["404", "Applying inline style"]
    start(page, site)
    page.locator("img.result").click()
    page.wait_for_url("**/image.png")


def test_controls_have_names(page: Page, site: Site):
    unnamed = """controls => controls.filter(control => !(
        control.innerText?.trim() || control.labels?.length || control.querySelector("img[alt]")
    )).map(control => control.outerHTML)"""
    page.goto(site.url)
    assert page.locator("button, input, a, summary, textarea").evaluate_all(unnamed) == []
    start(page, site)
    expect(page.get_by_role("link", name="Save")).to_be_visible()
    assert page.locator("button, input, a, summary, textarea").evaluate_all(unnamed) == []


def test_the_whole_flow_by_keyboard(page: Page, site: Site):
    page.goto(site.url)
    page.focus("#image")
    press_tab_until(page, "a red house by the sea")
    page.keyboard.press("Enter")
    expect(page.locator("img.result")).to_be_visible()
    page.focus("#prompt")
    page.keyboard.press("Control+A")
    page.keyboard.type("a green dog")
    press_tab_until(page, "Paint again")
    page.keyboard.press("Enter")
    expect(page.locator("img.result")).to_have_attribute("alt", "a green dog")
    page.focus("header a")
    press_tab_until(page, "Delete")
    page.keyboard.press("Space")
    page.wait_for_url(f"{site.url}/")


def press_tab_until(page: Page, name: str) -> None:
    name_of = "document.activeElement.innerText || document.activeElement.title"
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate(name_of).strip() == name:
            return
    pytest.fail(f"no control is called {name}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_focus_ring_and_borders_of_fields_stand_out(page: Page, site: Site, scheme):
    page.emulate_media(color_scheme=scheme)
    page.goto(site.url)
    colours = page.evaluate(
        """() => {
            const style = getComputedStyle(document.documentElement);
            const names = ["accent", "edge", "error", "ink", "soft", "paper", "card", "tint"];
            return Object.fromEntries(
                names.map(name => [name, style.getPropertyValue(`--${name}`).trim()]));
        }"""
    )
    for line in ("accent", "edge", "error"):
        for ground in ("paper", "card", "tint"):
            assert contrast(colours[line], colours[ground]) >= 3, (line, ground)
    for text in ("ink", "soft"):
        for ground in ("paper", "card", "tint"):
            assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
    page.click("text=Options")
    field = page.get_by_label("Steps")
    assert numbers(field.evaluate("field => getComputedStyle(field).borderColor")) == (
        channels(colours["edge"])
    )
    field.press("Tab")
    ring = "getComputedStyle(document.activeElement).outlineColor"
    assert numbers(page.evaluate(ring)) == channels(colours["accent"])


def contrast(one: str, other: str) -> float:
    """As WCAG defines it, from 1 to 21."""
    dark, light = sorted(luminance(channels(colour)) for colour in (one, other))
    return (light + 0.05) / (dark + 0.05)


def luminance(rgb: list[int]) -> float:
    shares = [channel / 255 for channel in rgb]
    linear = [s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def channels(colour: str) -> list[int]:
    """Of ``#abc`` or ``#aabbcc``."""
    digits = colour.removeprefix("#")
    pairs = [digit * 2 for digit in digits] if len(digits) == 3 else re.findall("..", digits)
    return [int(pair, 16) for pair in pairs]


def numbers(colour: str) -> list[int]:
    """Of ``rgb(1, 2, 3)``."""
    return [int(number) for number in re.findall(r"\d+", colour)]


@pytest.fixture
def evil_url(site: Site) -> Iterator[str]:
    """A page elsewhere that would paint with our server as soon as it is looked at."""

    class Evil(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(
                f"""<img src="{site.url}/generate-image?prompt=stolen">
                <form method=post enctype="multipart/form-data" action="{site.url}/">
                <button name=example value="a red house by the sea">go</button></form>""".encode()
            )

        def log_message(self, *arguments: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Evil) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://localhost:{server.server_port}/"
        server.shutdown()
        thread.join()


def test_another_site_s_page_cannot_use_the_server(chromium: Browser, site: Site, evil_url: str):
    """Neither by an image, nor by a form: headers as a real browser sends them."""
    page = chromium.new_page()
    statuses: dict[str, int] = {}
    page.on("response", lambda response: statuses.update({response.url: response.status}))
    page.goto(evil_url)
    page.wait_for_function("document.images[0].complete")
    page.click("button")
    expect(page.get_by_role("alert")).to_contain_text("Another site")
    assert statuses[f"{site.url}/"] == 403
    assert site.services.generator.stats().total_images == 0
    page.close()
