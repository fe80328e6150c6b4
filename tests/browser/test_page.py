"""The page, as people use it."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import BytesIO
from threading import Thread

import pytest
from browser_site import DESKTOP, PHONE, SECONDS, Site
from PIL import Image
from playwright.sync_api import Browser, Page, expect

pytestmark = pytest.mark.browser

# Once it is there: the words may be on the page before the pictures are.
PIXELS_OF = """image => image.decode().then(
    () => [image.complete, image.naturalWidth, image.naturalHeight])"""


def picture(colour: str = "green") -> dict[str, object]:
    file = BytesIO()
    Image.new("RGB", (40, 30), colour).save(file, "PNG")
    return {"name": "holiday.png", "mimeType": "image/png", "buffer": file.getvalue()}


def choose_and_send(page: Page, site: Site) -> None:
    page.goto(site.url)
    page.set_input_files("#image", picture())
    page.click("text=Make a lookalike")


def test_an_upload_ends_with_both_pictures_and_the_words(page: Page, site: Site):
    choose_and_send(page, site)
    expect(page.locator(".caption")).to_have_text("a picture of 40x30")
    result = page.locator("img.result")
    expect(result).to_have_attribute("alt", "a picture of 40x30")
    assert result.evaluate(PIXELS_OF) == [True, 64, 64]
    assert page.locator(".job figure img").first.evaluate(PIXELS_OF) == [True, 40, 30]
    expect(page).to_have_title("a picture of 40x30 – Lookalike")


def test_progress_is_shown_step_by_step_without_a_reload(page: Page, site: Site):
    site.gate.close()
    choose_and_send(page, site)
    expect(page.locator(".caption")).to_have_text("a picture of 40x30")
    page.evaluate("window.sameDocument = true")
    for step in (1, 2, 3):
        site.gate.let(1)
        expect(page.locator(".status")).to_have_text(f"Painting: step {step} of 4")
        assert page.locator("progress").evaluate("bar => [bar.value, bar.max]") == [step, 4]
    assert page.evaluate("window.sameDocument")
    site.gate.let(1)
    expect(page.locator("img.result")).to_be_visible()


def test_cancel_stops_the_painting(page: Page, site: Site):
    site.gate.close()
    choose_and_send(page, site)
    page.click("text=Cancel")
    expect(page.locator(".status")).to_have_text("Cancelled.")
    expect(page.locator("form.cancel")).to_be_hidden()
    [job] = [entry.job for entry in site.services.jobs._entries.values()]
    assert job.status == "cancelled"


def test_the_page_works_without_javascript(chromium: Browser, site: Site):
    context = chromium.new_context(java_script_enabled=False, viewport=DESKTOP)
    page = context.new_page()
    site.gate.close()
    choose_and_send(page, site)
    expect(page.locator(".status")).to_contain_text("Painting")
    site.gate.let(4)
    # The page looks again by itself.
    expect(page.locator("img.result")).to_be_visible(timeout=SECONDS * 1000)
    assert page.locator("meta[http-equiv=refresh]").count() == 0
    context.close()


def test_an_example_is_one_click(page: Page, site: Site):
    page.goto(site.url)
    page.click("img[alt='a red house by the sea']")
    expect(page.locator("img.result")).to_be_visible()
    expect(page.locator(".caption")).to_have_text("a picture of 256x256")


def test_a_chosen_picture_is_shown_before_it_is_sent(page: Page, site: Site):
    page.goto(site.url)
    expect(page.locator(".preview")).to_be_hidden()
    page.set_input_files("#image", picture())
    expect(page.locator(".preview")).to_be_visible()


def test_a_picture_can_be_dropped_and_pasted(page: Page, site: Site):
    for event in ("drop", "paste"):
        page.goto(site.url)
        page.evaluate(
            """([event, bytes]) => {
                const data = new DataTransfer();
                data.items.add(new File([new Uint8Array(bytes)], "a.png", {type: "image/png"}));
                const Event = event === "drop" ? DragEvent : ClipboardEvent;
                const name = event === "drop" ? "dataTransfer" : "clipboardData";
                document.querySelector(".drop").dispatchEvent(
                    new Event(event, {bubbles: true, cancelable: true, [name]: data}));
            }""",
            [event, list(picture()["buffer"])],
        )
        expect(page.locator(".preview")).to_be_visible()
        page.click("text=Make a lookalike")
        expect(page.locator(".caption")).to_have_text("a picture of 40x30")


def test_a_file_that_is_too_large_is_not_sent(page: Page, site: Site):
    page.goto(site.url)
    page.evaluate(
        """() => {
            const data = new DataTransfer();
            data.items.add(new File([new ArrayBuffer(21 * 1024 * 1024)], "a.png"));
            const input = document.querySelector("#image");
            input.files = data.files;
            input.dispatchEvent(new Event("change"));
        }"""
    )
    page.click("text=Make a lookalike")
    assert page.url == f"{site.url}/"
    assert "20 MB" in page.locator("#image").evaluate("input => input.validationMessage")


def test_what_is_no_picture_brings_the_form_back_with_a_sentence(chromium: Browser, site: Site):
    page = chromium.new_page()
    page.goto(site.url)
    file = {"name": "cat.jpg", "mimeType": "image/jpeg", "buffer": b"not a picture"}
    page.set_input_files("#image", file)
    page.click("text=Make a lookalike")
    expect(page.get_by_role("alert")).to_contain_text("save it as JPEG or PNG")
    expect(page.locator("form.upload")).to_be_visible()
    page.close()


def test_a_wrong_option_is_named_as_its_field_is_labelled(chromium: Browser, site: Site):
    page = chromium.new_page()
    page.goto(site.url)
    page.set_input_files("#image", picture())
    page.click("summary")
    page.get_by_label("Steps").fill("many")
    page.click("text=Make a lookalike")
    expect(page.get_by_role("alert")).to_have_text(
        "Steps must be a whole number from 1 to 200, not 'many'."
    )
    expect(page.get_by_label("Steps")).to_have_value("many")
    page.close()


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_nothing_is_cut_off_or_scrolls_sideways(page: Page, site: Site, viewport):
    page.set_viewport_size(viewport)
    overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    page.goto(site.url)
    page.click("summary")
    assert page.evaluate(overflow) <= 0
    choose_and_send(page, site)
    expect(page.locator("img.result")).to_be_visible()
    assert page.evaluate(overflow) <= 0


def test_buttons_and_fields_can_be_reached_and_named_from_the_keyboard(page: Page, site: Site):
    page.goto(site.url)
    unnamed = page.locator("button, input, a, summary").evaluate_all(
        """controls => controls.filter(control => !(
            control.innerText?.trim() || control.labels?.length || control.querySelector("img[alt]")
        )).map(control => control.outerHTML)"""
    )
    assert unnamed == []
    page.focus("#image")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.tagName") == "SUMMARY"


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
