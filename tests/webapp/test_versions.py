"""Two processes that work together have the same versions, or it is said where not."""

from webapp.versions import differences, versions


def test_the_same_do_not_differ():
    assert differences(versions(), versions()) == ""


def test_what_differs_or_is_missing_is_named():
    own = {"python": "3.11.7", "torch": "2.13.0", "flask": "3.1.3"}
    said = differences(own, {"python": "3.11.7", "torch": "2.11.0"})
    assert said == "torch 2.11.0 where the server has 2.13.0, flask None where the server has 3.1.3"
