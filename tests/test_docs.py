"""What the documents name is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
PACKAGES = ("captioner", "generator", "models_cache", "scripts", "tests", "webapp")
PATH = re.compile(rf"(?:{'|'.join(PACKAGES)}|runtime)/[\w./]*\w")
LINK = re.compile(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)")


def ids(page):
    return page.relative_to(ROOT).as_posix()


def anchors(text):
    titles = re.findall(r"^#+ (.*)$", text, re.M)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_paths_lead_to_files(page):
    for path in PATH.findall(page.read_text("utf-8")):
        folder = "models_cache/" if path.startswith("runtime") else ""
        made = tuple(f"models_cache/{name}" for name in ("hub", "random", "manifests", "compiled"))
        assert (ROOT / folder / path).exists() or path.startswith(made), path


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_links_lead_somewhere(page):
    for path, anchor in LINK.findall(page.read_text("utf-8")):
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), path
        assert not anchor or anchor in anchors(target.read_text("utf-8")), anchor


def test_the_promises_name_tests_that_are_there():
    text = (ROOT / "docs" / "promises.md").read_text("utf-8")
    promises = re.split(r"^(\d+)\. ", text, flags=re.M)[1:]
    numbers = [int(number) for number in promises[::2]]
    assert numbers == sorted(set(numbers))
    assert len(numbers) >= 22
    for promise in promises[1::2]:
        named = re.split(r"`(tests/[\w/]+\.py)`", promise)
        assert len(named) > 1
        for file, words in zip(named[1::2], named[2::2], strict=True):
            tests = re.findall(r"`(test_\w+)`", words)
            assert tests, file
            for name in tests:
                assert f"def {name}(" in (ROOT / file).read_text("utf-8"), name


def test_the_answers_of_the_architecture_are_in_the_files_that_it_names():
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    rows = re.findall(r"^\| [^|]+ \| (.*) \|$", text[text.index("## Where is") :], re.M)
    checked = 0
    for row in rows:
        paths = re.findall(r"`([\w/]+\.py)`", row)
        for name in re.findall(r"`(?:\w+\.)?(\w+)`", row):
            assert any(name in (ROOT / path).read_text("utf-8") for path in paths), name
            checked += 1
    assert len(rows) == 1 + 16  # with its head
    assert checked >= 7
