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
    assert promises[::2] == [str(number) for number in range(1, len(promises) // 2 + 1)]
    for promise in promises[1::2]:
        files = [ROOT / path for path in re.findall(r"`(tests/[\w/]+\.py)`", promise)]
        tests = re.findall(r"`(test_\w+)`", promise)
        assert files
        assert tests
        for name in tests:
            assert any(f"def {name}(" in file.read_text("utf-8") for file in files), name


def test_the_answers_of_the_architecture_are_in_the_files_that_it_names():
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    rows = re.findall(r"^\| [^|]+ \| (.*) \|$", text[text.index("## Where is") :], re.M)
    checked = 0
    for row in rows:
        paths = re.findall(r"`([\w/]+\.py)`", row)
        for name in re.findall(r"`(?:\w+\.)?(\w+)`", row):
            assert any(name in (ROOT / path).read_text("utf-8") for path in paths), name
            checked += 1
    assert len(rows) == 1 + 14  # with its head
    assert checked >= 7
