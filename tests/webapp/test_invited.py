"""The door opens to an invitation, once, and only by its button."""

import pytest
from door_keys import ANNA
from web_client import alert

from webapp import door, invitations


def test_an_invitation_shows_a_button_and_only_the_button_uses_it(locked):
    path = f"/invitation/{invitations.make(ANNA)}"
    for _ in range(3):  # a messenger looks at the link, and again
        page = locked.get(path)
        assert (page.status_code, page.headers["Cache-Control"]) == (200, "no-store")
        assert "You are invited" in page.text
        assert f'<form method="post" action="{path}">' in page.text
        assert "Set-Cookie" not in page.headers
    assert locked.get("/").status_code == 401
    accepted = locked.post(path)
    assert (accepted.status_code, accepted.location) == (303, "/")
    assert locked.get("/").status_code == 200
    other = locked.application.test_client()
    for answer in (other.post(path), other.get(path)):
        assert answer.status_code == 410
        assert alert(answer) == door.USED
        assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    "headers", [{"Origin": "http://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "none "}]
)
def test_no_foreign_page_uses_an_invitation(locked, headers):
    path = f"/invitation/{invitations.make(ANNA)}"
    assert locked.post(path, headers=headers).status_code == 403
    assert locked.post(path).status_code == 303


@pytest.mark.parametrize("token", ["x", "x.y.z", "%ff", "é", "a.b.c.d", "x" * 3000, ANNA])
def test_a_token_of_ones_own_opens_nothing_and_says_so(locked, token):
    for answer in (locked.get(f"/invitation/{token}"), locked.post(f"/invitation/{token}")):
        assert answer.status_code == 410
    assert locked.get("/").status_code == 401
