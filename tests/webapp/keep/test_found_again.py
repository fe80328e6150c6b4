"""Pages find what was painted before a new start of the server."""

import re
from dataclasses import replace

from fakes import FAKE_INFO, FakeSDXL
from web_client import CAPTION, JSON, caption_of, job_of, upload, value_of, words_in

PARTS = ("", "/original.jpg", "/image.png", "/thumbnail.jpg")


def seen(now, jobs):
    """What a browser sees of jobs that have ended."""
    told = []
    for job in jobs:
        told.append(now.client.get(f"/jobs/{job.id}", headers=JSON).json)
        told += [now.client.get(f"/jobs/{job.id}{part}").data for part in PARTS]
    return told


def events(now, job, last=""):
    """Their names, of a job that has ended."""
    answer = now.client.get(f"/jobs/{job.id}/events", headers={"Last-Event-ID": last})
    return re.findall(r"^event: (\w+)$", answer.text, re.M)


def test_a_page_its_pictures_and_its_siblings_are_found_again(start):
    now = start()
    jobs = now.send(images="2", seed="7", negative_prompt="Schnürsenkel 猫")
    now.caption()
    now.paint()
    before, browser = seen(now, jobs), now.client.get_cookie("mine").value
    now = start.after(now)
    now.client.set_cookie("mine", browser)
    assert seen(now, jobs) == before
    assert all(f'src="/jobs/{job.id}/image.png"'.encode() in before[1] for job in jobs)
    strip = re.findall(r'<li><a href="/jobs/([0-9a-f]{32})"', now.client.get("/").text)
    assert strip == [job.id for job in jobs]


def test_a_finished_job_tells_its_events_and_ends(start):
    now = start()
    jobs = now.send()
    now.caption()
    now.paint()
    now = start.after(now)
    assert events(now, jobs[0]) == ["captioned", "queued", "progress", "succeeded"]
    assert now.client.get(f"/jobs/{jobs[0].id}/preview.jpg").status_code == 404
    answer = now.client.get(f"/jobs/{jobs[0].id}/events", headers={"Last-Event-ID": "99"})
    assert answer.status_code == 204


def test_a_png_tells_of_the_model_that_painted_it(start):
    now = start()
    jobs = now.send()
    now.caption()
    now.paint()
    now = start.after(now, model=FakeSDXL(replace(FAKE_INFO, name="another")))
    assert b"Model: fake" in now.client.get(f"/jobs/{jobs[0].id}/image.png").data


def test_its_words_are_painted_again_from_the_same_picture(start):
    now = start()
    [old] = now.send(seed="7")
    now.caption()
    now.paint()
    original = now.client.get(f"/jobs/{old.id}/original.jpg").data
    now = start.after(now)
    answer = now.client.post(f"/jobs/{old.id}/again", data={"prompt": "x", "keep_seed": "yes"})
    assert answer.status_code == 303
    now.client.post(f"/jobs/{old.id}/delete")
    new = job_of(now.services, answer)
    assert isinstance(now.services.jobs.held(new.id).original.held, bytes)  # its file may go
    now.paint()
    now = start.after(now)
    [found_again] = now.same([new])
    assert (found_again.request.seed, found_again.request.prompt) == (7, "x")
    assert caption_of(found_again) == CAPTION
    assert now.client.get(f"/jobs/{new.id}/original.jpg").data == original


def test_what_the_picture_s_file_said_can_still_be_filled_in(start):
    now = start()
    [first] = now.send(seed="1234567")
    now.caption()
    now.paint()
    ours = now.client.get(f"/jobs/{first.id}/image.png").data
    second = job_of(now.services, upload(now.client, ours))
    now.caption()
    now.paint()
    now = start.after(now)
    page = now.client.get(f"/jobs/{second.id}?fill=yes")
    assert (words_in(page), value_of(page, "seed")) == (CAPTION, "1234567")


def test_visitors_and_the_owner_are_told_what_is_kept_and_for_how_long(start):
    client = start(max_bytes=7 * 10**9, max_days=9).client
    assert "on this server's disk for 9 days" in client.get("/about").text
    assert "not on its disk" not in client.get("/about").text
    for page in ("/", "/api", "/about", "/nothing"):
        text = client.get(page).text
        assert "stay on this server's disk" in text, page
        assert "9 days are over" in text, page
        assert "memory" not in text.partition("<footer>")[2], page
    assert "Kept on the disk: up to 7.00 GB, for at most\n  9 days" in client.get("/status").text


def test_who_does_not_know_the_id_finds_nothing(start):
    now = start()
    now.send()
    now.caption()
    now.paint()
    now = start.after(now)
    answer = now.client.get(f"/jobs/{'0' * 32}", headers=JSON)
    assert (answer.status_code, answer.json["error"]) == (
        404,
        "This job is not known: old ones are forgotten.",
    )
    for job_id in ("../jobs.sqlite", "%2e%2e/lock", "' OR 1=1 --"):
        assert now.client.get(f"/jobs/{job_id}").status_code == 404
    assert "Yours so far" not in now.client.get("/").text
