"""What scripts install and CI requires, kept in step."""

import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

pytest_plugins = ["pytester"]
PIN = r"[A-Za-z][A-Za-z0-9_-]*(\[[a-z]+\])?==[0-9][0-9.]*(\+cu126)?"


def test_every_requirement_is_pinned():
    files = sorted(ROOT.glob("requirements-*.txt"))
    assert len(files) > 2
    for file in files:
        lines = file.read_text(encoding="utf-8").splitlines()
        pins = [line for line in lines if line and not line.startswith(("#", "--extra-index-url"))]
        assert pins
        for pin in pins:
            assert re.fullmatch(
                r"[A-Za-z][A-Za-z0-9_-]*(\[[a-z]+\])?==[0-9][0-9.]*(\+cu126)?", pin
            ), pin


def test_the_torch_for_older_drivers_is_of_the_version_that_all_need():
    [needed], [older] = (
        re.findall(r"^torch==([\d.]+)", (ROOT / name).read_text(encoding="utf-8"), re.M)
        for name in ("requirements-cuda.txt", "requirements-cuda126.txt")
    )
    assert older == needed


def test_no_module_is_longer_than_the_limit_or_has_a_name_that_hides_a_noun():
    hides = {"util", "utils", "helper", "helpers", "common", "misc", "base", "core", "manager"}
    folders = ("captioner", "generator", "models_cache", "scripts", "tests", "webapp")
    files = [file for folder in folders for file in (ROOT / folder).rglob("*.py")]
    assert len(files) > 50
    assert not hides & {file.stem for file in files}
    lines = {file: len(file.read_text(encoding="utf-8").splitlines()) for file in files}
    assert {file: count for file, count in lines.items() if count > 300} == {}


def test_no_two_modules_of_tests_have_one_name():
    """pytest cannot collect them together."""
    names = Counter(file.name for file in (ROOT / "tests").rglob("test_*.py"))
    assert [name for name, count in names.items() if count > 1] == []


def test_ci_installs_every_extra_and_requires_its_tests():
    run = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    files = {file.name for file in ROOT.glob("requirements-*.txt")}
    extras = files - {"requirements-cuda.txt", "requirements-dev.txt"}
    extras -= {"requirements-cuda126.txt"}  # another torch, which needs a GPU to show anything
    assert extras
    for extra in extras:
        assert extra in run
    for marker in ("c2pa", "clients", "exiftool", "heif", "peers"):
        assert re.search(rf'LOOKALIKE_REQUIRE="[^"]*\b{marker}\b', run)


@pytest.mark.parametrize(("required", "outcome"), [("", "skipped"), ("browser demo", "failed")])
@pytest.mark.slow
def test_a_skip_of_what_ci_requires_fails(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, required: str, outcome: str
):
    pytester.makeconftest((ROOT / "tests" / "conftest.py").read_text(encoding="utf-8"))
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.browser
        def test_a_browser():
            pytest.skip("there is none")
        """
    )
    monkeypatch.setenv("LOOKALIKE_REQUIRE", required)
    result = pytester.runpytest("-W", "ignore::pytest.PytestUnknownMarkWarning")
    result.assert_outcomes(**{outcome: 1})
