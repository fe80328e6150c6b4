"""The options of a job's page: Enter paints again, and what was chosen stays chosen."""

import pytest
from browser_site import Site, start
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser


@pytest.fixture(params=[True, False], ids=["with scripts", "without"])
def scripts(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def press_enter(page: Page, site: Site, label: str, value: str) -> None:
    page.click("text=Options")
    page.get_by_role("textbox", name=label).fill(value)
    page.get_by_role("textbox", name=label).press("Enter")


def test_enter_in_an_option_paints_again_and_deletes_nothing(page: Page, site: Site):
    start(page, site)
    [first] = site.jobs
    first.wait(10)
    page.reload()
    press_enter(page, site, "Seed", "7")
    expect(page).not_to_have_url(f"{site.url}/jobs/{first.id}")
    expect(page).to_have_url(f"{site.url}/jobs/{site.jobs[-1].id}")
    assert [job.id for job in site.jobs].index(first.id) == 0
    request = site.jobs[-1].request
    assert request
    assert request.seed == 7


@pytest.mark.parametrize("scripts", [True])  # without, the page is loaded anew every two seconds
def test_enter_in_an_option_cancels_nothing_that_is_painted(page: Page, site: Site):
    site.gate.close()
    start(page, site)
    [first] = site.jobs
    press_enter(page, site, "Steps", "3")
    expect(page).not_to_have_url(f"{site.url}/jobs/{first.id}")
    assert (first.is_finished, len(site.jobs)) == (False, 2)


def test_what_was_chosen_is_chosen_for_the_next_and_told(page: Page, site: Site):
    start(page, site)
    page.click("text=Options")
    page.get_by_label("Avoid").fill("trees")
    page.get_by_label("Steps").fill("3")
    for _ in range(2):
        known = len(site.jobs)
        page.locator(".words button").click()
        expect(page).to_have_url(f"{site.url}/jobs/{site.jobs[-1].id}")
        assert len(site.jobs) == known + 1
        request = site.jobs[-1].request
        assert request
        assert (request.negative_prompt, request.num_inference_steps) == ("trees", 3)
        expect(page.get_by_label("Avoid")).to_be_visible()
        expect(page.get_by_label("Avoid")).to_have_value("trees")
    site.jobs[-1].wait(10)
    page.reload()
    page.click("text=How it was made")
    expect(page.locator("dd", has_text="trees")).to_be_visible()
