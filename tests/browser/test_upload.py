"""Sending a picture: it starts at once, once, and what is wrong with it is said."""

import pytest
from browser_site import (
    CAPTION,
    NO_PICTURE,
    STOPPED,
    File,
    Site,
    choose,
    hand_over,
    hold,
    large_picture,
    picture,
    posts,
    presser,
    start,
    wait_for,
)
from playwright.sync_api import Page, Route, expect

pytestmark = pytest.mark.browser

# Once it is there: the words may be on the page before the pictures are.
PIXELS_OF = """image => image.decode().then(
    () => [image.complete, image.naturalWidth, image.naturalHeight])"""


def test_a_picture_is_sent_by_choosing_it_and_ends_with_both_pictures_and_the_words(
    page: Page, site: Site
):
    choose(page, site)
    result = page.locator("img.result")
    expect(result).to_have_attribute("alt", CAPTION)
    assert result.evaluate(PIXELS_OF) == [True, 64, 64]
    assert page.get_by_alt_text("Your picture").first.evaluate(PIXELS_OF) == [True, 40, 30]
    expect(page.get_by_label("In words")).to_have_value(CAPTION)
    expect(page).to_have_title(f"✓ {CAPTION} – Lookalike")


def test_a_sample_is_one_click(page: Page, site: Site):
    page.goto(site.url)
    page.get_by_role("button", name="a red house by the sea").click()
    expect(page.locator("img.result")).to_have_attribute("alt", "a picture of 256x256")


def test_a_sample_takes_the_options_too(page: Page, site: Site):
    page.goto(site.url)
    page.click("text=Options")
    page.get_by_label("Words begin with").fill("a drawing of")
    page.get_by_label("Seed").fill("7")
    page.get_by_role("button", name="a red house by the sea").click()
    expect(page.locator("img.result")).to_have_attribute("alt", "a drawing of a picture of 256x256")
    assert [job.request and job.request.seed for job in site.jobs] == [7]


@pytest.mark.parametrize("event", ["drop", "paste"])
def test_a_picture_can_be_dropped_or_pasted_anywhere(page: Page, site: Site, event: str):
    page.goto(site.url)
    hand_over(page, event, [picture()])
    expect(page.get_by_label("In words")).to_have_value(CAPTION)


def test_a_browser_that_lets_no_page_keep_anything_sends_all_the_same(page: Page, site: Site):
    page.add_init_script(
        """Object.defineProperty(
            window, "sessionStorage", {get() { throw new Error("blocked"); }})"""
    )
    choose(page, site)
    expect(page.get_by_label("In words")).to_have_value(CAPTION)


@pytest.mark.parametrize("event", ["drop", "paste"])
def test_the_next_picture_can_be_dropped_or_pasted_on_a_job_s_page(
    page: Page, site: Site, event: str
):
    start(page, site)
    first = page.url
    hand_over(page, event, [picture((20, 20))])
    expect(page.get_by_label("In words")).to_have_value("a picture of 20x20")
    assert page.url != first


@pytest.mark.parametrize("event", ["drop", "paste"])
@pytest.mark.parametrize("path", ["/about", "/api", "/nothing"])
def test_a_picture_can_be_dropped_or_pasted_on_every_other_page(
    page: Page, site: Site, told_errors: list[str], event: str, path: str
):
    told_errors += ["400", "404"]
    page.goto(site.url + path)
    hand_over(page, event, [NO_PICTURE])
    expect(page.locator("#told")).to_contain_text("save it as JPEG or PNG")
    hand_over(page, event, [picture()])
    expect(page.get_by_label("In words")).to_have_value(CAPTION)


def test_a_lookalike_that_comes_back_can_fill_in_its_words_and_options(page: Page, site: Site):
    start(page, site)
    page.get_by_label("In words").fill("a blue cat")
    page.click("text=Options")
    page.get_by_label("Steps").fill("3")
    page.get_by_role("button", name="Paint again").click()
    expect(page.locator("img.result")).to_have_attribute("alt", "a blue cat")
    with page.expect_download() as download:
        page.get_by_role("link", name="Save").click()
    page.goto(site.url)
    page.set_input_files("#image", download.value.path())
    expect(page.get_by_label("In words")).to_have_value("a picture of 64x64")
    page.get_by_role("link", name="Fill in its words and options").click()
    expect(page.get_by_label("In words")).to_have_value("a blue cat")
    expect(page.get_by_label("Steps")).to_have_value("3")
    page.get_by_role("button", name="Paint again").click()
    expect(page.locator("img.result")).to_have_attribute("alt", "a blue cat")


def by_choosing(page: Page, files: list[File]) -> None:
    page.set_input_files("#image", files)


def by_dropping(page: Page, files: list[File]) -> None:
    hand_over(page, "drop", files)


@pytest.mark.parametrize("send", [by_choosing, by_dropping])
def test_several_files_become_several_jobs_and_the_strip_shows_them(page: Page, site: Site, send):
    page.goto(site.url)
    send(page, [picture((40, 30)), picture((30, 40)), picture((20, 20))])
    page.wait_for_url("**/jobs/*")
    expect(page.get_by_label("In words")).to_have_value(CAPTION)
    expect(page.locator(".strip li")).to_have_count(3)
    wait_for(page, lambda: all(job.is_finished for job in site.jobs))
    page.reload()
    expect(page.locator(".strip img")).to_have_count(3)
    words = page.locator(".strip img").evaluate_all("images => images.map(image => image.alt)")
    assert set(words) == {f"a picture of {size}" for size in ("40x30", "30x40", "20x20")}


def test_a_file_that_is_too_large_is_said_before_it_is_sent(page: Page, site: Site):
    page.goto(site.url)
    sent = posts(page)
    page.evaluate(
        """() => {
            const data = new DataTransfer();
            data.items.add(new File([new ArrayBuffer(21 * 2 ** 20)], "a.png", {type: "image/png"}));
            const input = document.querySelector("#image");
            input.files = data.files;
            input.dispatchEvent(new Event("change"));
        }"""
    )
    expect(page.get_by_role("alert")).to_have_text(
        "a.png is larger than 20 MB: choose a smaller one."
    )
    assert page.url == f"{site.url}/"
    assert sent == []


def test_a_file_that_is_no_picture_is_said_before_it_is_sent(page: Page, site: Site):
    page.goto(site.url)
    sent = posts(page)
    hand_over(page, "drop", [{"name": "a.txt", "mimeType": "text/plain", "buffer": b"words"}])
    expect(page.get_by_role("alert")).to_have_text("a.txt is no picture: choose a JPEG or PNG.")
    assert sent == []
    page.set_input_files("#image", picture())
    expect(page.get_by_label("In words")).to_have_value(CAPTION)


def test_a_picture_that_the_server_refuses_is_said_and_the_page_stays(
    page: Page, site: Site, told_errors: list[str]
):
    told_errors.append("400")
    choose(page, site, NO_PICTURE)
    expect(page.get_by_role("alert")).to_contain_text("save it as JPEG or PNG")
    assert page.url == f"{site.url}/"
    page.set_input_files("#image", picture())
    expect(page.get_by_label("In words")).to_have_value(CAPTION)


def test_a_server_that_does_not_answer_is_said_and_the_picture_can_be_sent_again(
    page: Page, site: Site, told_errors: list[str]
):
    told_errors += STOPPED
    page.goto(site.url)
    site.stop()
    page.set_input_files("#image", picture())
    expect(page.get_by_role("alert")).to_contain_text("The server does not answer")
    site.start()
    page.get_by_role("button", name="Make a lookalike").click()
    expect(page.get_by_label("In words")).to_have_value(CAPTION)
    assert len(site.jobs) == 1


def _are_one_job(page: Page, site: Site, held: list[Route]) -> None:
    wait_for(page, lambda: held)
    page.wait_for_timeout(100)
    assert len(held) == 1
    held[0].continue_()
    expect(page.locator("img.result")).to_be_visible()
    assert len(site.jobs) == 1


def test_three_presses_of_a_sample_on_a_slow_line_are_one_job(page: Page, site: Site):
    page.goto(site.url)
    held = hold(page, lambda request: request.method == "POST")
    press = presser(page, page.get_by_role("button", name="a red house by the sea"))
    for _ in range(3):
        press()
    _are_one_job(page, site, held)


def test_pictures_that_are_handed_over_while_one_is_sent_are_one_job(page: Page, site: Site):
    page.goto(site.url)
    held = hold(page, lambda request: request.method == "POST")
    for _ in range(3):
        hand_over(page, "drop", [picture()])
    _are_one_job(page, site, held)


def test_a_bar_shows_how_much_of_an_upload_is_sent(page: Page, site: Site):
    page.goto(site.url)
    bar = page.get_by_role("progressbar", name="Sending")
    expect(bar).to_be_hidden()
    # 200 kB take two seconds.
    page.context.new_cdp_session(page).send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 1e5},
    )
    page.evaluate(
        """() => {
            window.shares = [];
            const bar = document.querySelector(".sending");
            new MutationObserver(() => shares.push(bar.value)).observe(bar, {attributes: true});
        }"""
    )
    page.set_input_files("#image", large_picture())
    expect(bar).to_be_visible()
    wait_for(page, lambda: page.evaluate("shares.some(share => share > 0.2 && share < 0.8)"))
    page.wait_for_url("**/jobs/*")


def test_a_picture_that_is_chosen_before_the_script_is_there_is_sent_once(page: Page, site: Site):
    held: list[Route] = []
    page.route("**/sending.js", lambda route: held.append(route))  # Playwright marks a function
    page.goto(site.url, wait_until="commit")
    page.set_input_files("#image", picture())
    wait_for(page, lambda: held)
    sent = posts(page)
    held.pop().continue_()
    expect(page.locator("img.result")).to_have_attribute("alt", CAPTION)
    page.unroute("**/sending.js")
    page.go_back(wait_until="load")
    expect(page).to_have_url(f"{site.url}/")
    page.wait_for_timeout(500)
    assert len(sent) == 1
