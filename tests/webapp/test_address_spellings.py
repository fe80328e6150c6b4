"""Every spelling that reaches ``/generate-image`` is guarded and answers as that one does."""

import pytest

from webapp.environ import DRAINING

ANSWERED = ["/generate-image", "/generate-image/", "/generate%2Dimage/", "/generate-image%2F"]
REDIRECTED = ["/generate-image//", "/generate-image///"]
NOT_THERE = ["/Generate-Image", "/generate-image/.", "/generate-image;/", "/./generate-image"]


@pytest.mark.parametrize("path", ANSWERED)
def test_a_slash_at_the_end_changes_nothing(client, path):
    response = client.get(f"{path}?prompt=a+red+house&seed=7")
    assert (response.status_code, response.mimetype) == (200, "application/json")
    assert response.json == client.get("/generate-image?prompt=a+red+house&seed=7").json


@pytest.mark.parametrize("path", ANSWERED)
def test_errors_are_the_same_json_too(patient, by_hand, path):
    def answers_at(path):
        page = {"Accept": "text/html"}  # which elsewhere gets a page
        yield patient.get(path, headers=page)
        yield patient.post(path, headers=page)
        yield patient.get(path, headers={"Host": "evil.example", **page})
        draining = {DRAINING: True}
        yield patient.get(f"{path}?prompt=x", headers=page, environ_overrides=draining)

    answers, expected = list(answers_at(path)), list(answers_at("/generate-image"))
    assert [answer.status_code for answer in answers] == [400, 405, 421, 503]
    assert [answer.json for answer in answers] == [answer.json for answer in expected]
    assert patient.head(f"{path}?prompt=x").status_code == 200
    assert by_hand.generator.stats().jobs == 0


@pytest.mark.parametrize("path", ANSWERED + REDIRECTED + NOT_THERE)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    "headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "http://evil.example"}], ids=str
)
def test_another_sites_page_spends_nothing_by_any_spelling(patient, by_hand, path, method, headers):
    response = patient.open(
        f"{path}?prompt=x", method=method, headers=headers, follow_redirects=True
    )
    assert response.status_code == (404 if path in NOT_THERE else 403)
    assert by_hand.generator.stats().jobs == 0


@pytest.mark.parametrize("path", REDIRECTED)
def test_more_slashes_lead_to_an_address_that_answers(client, path):
    response = client.get(f"{path}?prompt=x&seed=7", follow_redirects=True)
    assert response.json["seed"] == 7
