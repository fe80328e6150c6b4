"""Records of downloads are whole, whenever the program that writes them is killed."""

from dataclasses import replace

import pytest
from sudden_death import DEATHS, die

from models_cache import records
from models_cache.catalog import Family, File

MANIFEST = records.Manifest(
    "org/blip", Family.BLIP, "c" * 40, "mit", (File("config.json", 7, "a" * 64),)
)


@pytest.mark.parametrize("death", DEATHS)
def test_who_is_killed_while_it_writes_a_record_leaves_the_one_before(tmp_path, death):
    records.write(tmp_path, MANIFEST)
    later = replace(MANIFEST, revision="d" * 40)
    die(death, lambda: records.write(tmp_path, later))
    assert records.read(tmp_path, "org/blip") == MANIFEST
    assert records.read_all(tmp_path) == [MANIFEST]
    records.write(tmp_path, later)
    assert records.read(tmp_path, "org/blip") == later
