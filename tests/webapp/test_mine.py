"""A browser's own jobs: the cookie that remembers them, the strip of the page, and their end."""

import re
from http.cookies import SimpleCookie

import pytest
from fakes import FakeSDXL
from web_client import JSON, alert, an_order, job_of, upload

from generator.engine import Engine
from generator.job import Job, Succeeded
from webapp import environ, mine
from webapp.job_store import Original

UNKNOWN = "This job is not known: old ones are forgotten, and a restart forgets all."
ORIGINAL = Original(b"", (20, 10))


@pytest.fixture
def other(patient):
    """Another browser, of the same server."""
    return patient.application.test_client()


def cookie(response):
    """The cookie that an answer sets."""
    [header] = response.headers.getlist("Set-Cookie")
    return SimpleCookie(header)["mine"]


def cookie_of(client):
    held = client.get_cookie("mine")
    return held.value if held else None


def strip(client, address="/"):
    """The ids of the jobs that the page shows as the browser's own."""
    _, _, shown = client.get(address).text.partition("Yours so far")
    return re.findall(r'<li><a href="/jobs/([0-9a-f]{32})"', shown)


def add(services, count=1):
    """Ids of jobs that the store keeps, and that no browser has."""
    jobs = [Job() for _ in range(count)]
    for job in jobs:
        services.jobs.add([job], ORIGINAL, an_order())
    return [job.id for job in jobs]


def uploaded(client, services, **fields):
    return job_of(services, upload(client, **fields))


def is_known(client, job):
    return client.get(f"/jobs/{job.id}").status_code == 200


# The cookie


def test_no_script_reads_the_cookie_and_no_other_site_sends_it(patient):
    for response in (
        upload(patient),
        patient.post(f"{upload(patient).location}/again", data={"prompt": "x"}),
        patient.post("/jobs/delete"),
    ):
        held = cookie(response)
        assert (held["httponly"], held["samesite"], held["path"]) == (True, "Strict", "/")
        assert held["domain"] == ""


def test_the_cookie_holds_ids_alone_the_newest_first(patient, by_hand):
    jobs = [uploaded(patient, by_hand) for _ in range(3)]
    assert cookie_of(patient) == ".".join(job.id for job in reversed(jobs))
    assert strip(patient) == [job.id for job in reversed(jobs)]
    assert strip(patient, f"/jobs/{jobs[0].id}") == strip(patient)


def test_the_cookie_outlives_the_browser_by_some_days(patient):
    assert int(cookie(upload(patient))["max-age"]) >= 24 * 3600


def test_images_of_one_go_stand_in_their_own_order(patient, by_hand):
    [old] = [uploaded(patient, by_hand)]
    address = upload(patient, images="2").location
    siblings = patient.get(address, headers=JSON).json["siblings"]
    assert strip(patient) == [*siblings, old.id]
    answer = patient.post(f"/jobs/{old.id}/again", data={"prompt": "x"})
    assert strip(patient) == [answer.location.removeprefix("/jobs/"), *siblings, old.id]


def test_as_many_are_remembered_as_the_queue_takes_of_one_person(patient, by_hand):
    assert Engine(FakeSDXL()).max_client_jobs <= mine.MOST
    ids = add(by_hand, 70)
    patient.set_cookie("mine", ".".join(ids))
    assert strip(patient) == ids[:64]
    newest = uploaded(patient, by_hand)
    assert strip(patient) == [newest.id, *ids[:63]]
    assert len(cookie_of(patient)) == 64 * 32 + 63


def test_junk_in_the_cookie_is_ignored(patient, by_hand):
    [known] = add(by_hand)
    junk = ["", "x" * 32, known.upper(), known[:-1], f"{known}0", "../../etc/passwd", "\xff", "0"]
    for value in (*junk, "x" * 4000, "." * 4000, ".".join(["0" * 32] * 100)):
        patient.set_cookie("mine", value)
        assert strip(patient) == []
    patient.set_cookie("mine", ".".join([*junk, known]))
    assert strip(patient) == [known]
    newest = uploaded(patient, by_hand)
    assert cookie_of(patient) == f"{newest.id}.{known}"


def test_an_id_that_the_cookie_names_twice_is_shown_once_and_deleted(patient, by_hand):
    [known] = add(by_hand)
    patient.set_cookie("mine", f"{known}.{known}")
    assert strip(patient) == [known]
    assert patient.post("/jobs/delete").status_code == 303


def test_jobs_that_are_gone_are_dropped(patient, by_hand):
    first, gone, last = (uploaded(patient, by_hand) for _ in range(3))
    by_hand.jobs.delete(gone.id)
    assert strip(patient) == [last.id, first.id]


def test_a_browser_sees_its_own_jobs_only(patient, other, by_hand):
    job = uploaded(patient, by_hand)
    assert strip(other) == []
    assert cookie_of(other) is None
    theirs = uploaded(other, by_hand)
    assert (strip(patient), strip(other)) == ([job.id], [theirs.id])


def test_who_only_looks_gets_no_cookie(patient, job):
    for address in ("/", f"/jobs/{job.id}", f"/jobs/{job.id}/original.jpg", "/about"):
        assert "Set-Cookie" not in patient.get(address).headers


def test_what_is_refused_is_not_remembered(patient):
    for response in (upload(patient, seed="x"), upload(patient, b"no picture")):
        assert response.status_code == 400
        assert "Set-Cookie" not in response.headers


# Delete one


def test_a_deleted_job_is_gone_and_so_are_its_pictures(patient, by_hand, finished):
    response = patient.post(f"/jobs/{finished.id}/delete")
    assert (response.status_code, response.location) == (303, "/")
    for part in ("", "/original.jpg", "/image.png", "/thumbnail.jpg", "/events"):
        assert patient.get(f"/jobs/{finished.id}{part}").status_code == 404
    assert strip(patient) == []
    assert isinstance(finished.outcome, Succeeded)


def test_the_other_jobs_stay_in_the_strip(patient, by_hand):
    jobs = [uploaded(patient, by_hand) for _ in range(3)]
    patient.post(f"/jobs/{jobs[1].id}/delete")
    assert cookie_of(patient) == f"{jobs[2].id}.{jobs[0].id}"
    assert is_known(patient, jobs[0])


def test_the_cookie_goes_with_the_last_job(patient, job):
    response = patient.post(f"/jobs/{job.id}/delete")
    assert (cookie(response).value, cookie(response)["max-age"]) == ("", "0")
    assert cookie_of(patient) is None


def test_a_job_that_is_deleted_while_it_waits_is_never_made(patient, by_hand, job):
    patient.post(f"/jobs/{job.id}/delete")
    by_hand.captioner.step()
    assert job.status == "cancelled"
    assert by_hand.captioner.model.batches == []
    assert by_hand.generator.stats().jobs == 0


def test_one_of_several_that_is_deleted_leaves_the_others(patient, by_hand):
    address = upload(patient, images="4").location
    first, *others = patient.get(address, headers=JSON).json["siblings"]
    assert patient.post(f"/jobs/{first}/delete").status_code == 303
    by_hand.captioner.step()
    while by_hand.generator.stats().jobs:
        by_hand.generator.step()
    assert strip(patient) == others
    for job_id in others:
        page = patient.get(f"/jobs/{job_id}")
        assert 'data-status="succeeded"' in page.text
        assert first not in page.text


def test_programs_are_told_which_are_deleted(patient, by_hand):
    first, second = (uploaded(patient, by_hand) for _ in range(2))
    response = patient.post(f"/jobs/{first.id}/delete", headers=JSON)
    assert (response.status_code, response.json) == (200, {"deleted": [first.id]})
    response = patient.post("/jobs/delete", headers=JSON)
    assert (response.status_code, response.json) == (200, {"deleted": [second.id]})


def test_an_unknown_job_cannot_be_deleted(patient, job):
    assert patient.post(f"/jobs/{job.id}/delete").status_code == 303
    for job_id in (job.id, "unknown", "0" * 32):
        response = patient.post(f"/jobs/{job_id}/delete")
        assert (response.status_code, alert(response)) == (404, UNKNOWN)
        response = patient.post(f"/jobs/{job_id}/delete", headers=JSON)
        assert (response.status_code, response.json) == (404, {"error": UNKNOWN, "field": None})


# Delete all


def test_all_of_this_browsers_jobs_are_deleted_and_nobody_elses(patient, other, by_hand):
    ours = [uploaded(patient, by_hand) for _ in range(2)]
    theirs = uploaded(other, by_hand)
    response = patient.post("/jobs/delete")
    assert (response.status_code, response.location) == (303, "/")
    assert not any(is_known(patient, job) for job in ours)
    assert {job.status for job in ours} == {"cancelled"}
    assert cookie_of(patient) is None
    assert is_known(other, theirs)
    assert strip(other) == [theirs.id]
    assert not theirs.is_finished


def test_who_has_nothing_deletes_nothing(patient, other, by_hand, job):
    response = other.post("/jobs/delete", headers=JSON)
    assert (response.status_code, response.json) == (200, {"deleted": []})
    assert is_known(patient, job)


@pytest.mark.parametrize("address", ["/jobs/{id}/delete", "/jobs/delete"])
def test_ids_that_another_server_of_this_machine_may_know_stay(patient, by_hand, job, address):
    """Cookies know no ports."""
    patient.set_cookie("mine", f"{job.id}.{'0' * 32}")
    patient.post(address.format(id=job.id))
    assert cookie_of(patient) == "0" * 32


def test_a_job_that_is_forgotten_meanwhile_is_no_error(patient, by_hand, monkeypatch):
    first, second = (uploaded(patient, by_hand) for _ in range(2))
    known = by_hand.jobs.known

    def forgets_one(job_ids):
        entries = known(job_ids)
        monkeypatch.undo()
        by_hand.jobs.delete(second.id)
        return entries

    monkeypatch.setattr(by_hand.jobs, "known", forgets_one)
    assert patient.post("/jobs/delete").status_code == 303
    assert not is_known(patient, first)


@pytest.mark.parametrize("address", ["/jobs/{id}/delete", "/jobs/delete"])
def test_deleting_is_for_our_own_page_alone_and_for_no_link(patient, job, address):
    address = address.format(id=job.id)
    assert patient.get(address).status_code in (404, 405)
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "http://evil.example"}):
        assert patient.post(address, headers=headers).status_code == 403
    assert is_known(patient, job)


@pytest.mark.parametrize("address", ["/jobs/{id}/delete", "/jobs/delete"])
def test_a_server_that_stops_still_deletes(patient, by_hand, job, address):
    overrides = {environ.DRAINING: True}
    response = patient.post(address.format(id=job.id), environ_overrides=overrides)
    assert response.status_code == 303
    assert not is_known(patient, job)
