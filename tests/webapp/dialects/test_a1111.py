"""AUTOMATIC1111's dialect: what front ends send, and what they read."""

import pytest
from a1111_requests import (
    OPEN_WEBUI,
    SILLY_TAVERN,
    TXT2IMG,
    in_base64,
    info_of,
    pngs,
    sizes,
)
from elsewhere import model_of
from web_client import CAPTION, picture

from generator.png import read_parameters

EMPTY = [
    "upscalers",
    "latent-upscale-modes",
    "sd-vae",
    "sd-modules",
    "loras",
    "hypernetworks",
    "face-restorers",
    "realesrgan-models",
    "prompt-styles",
    "script-info",
]


@pytest.mark.parametrize("path", ["txt2img", "options", "sd-models", "progress"])
def test_addresses_may_end_in_a_slash(client, path):
    """As some clients write them; the web UI itself sends on to the address without."""
    method = "POST" if path == "txt2img" else "GET"
    body = {"json": {"prompt": "a cat"}} if method == "POST" else {}
    assert client.open(f"/sdapi/v1/{path}/", method=method, **body).status_code == 200


def test_an_image_carries_what_it_was_painted_from(client):
    asked = {"prompt": "a house", "negative_prompt": "blur", "width": 32, "height": 48}
    asked |= {"steps": 3, "cfg_scale": 1.5, "seed": 7, "sampler_name": "Euler a"}
    response = client.post(TXT2IMG, json=asked)
    [png] = pngs(response)
    said = read_parameters(png)
    assert (said["Prompt"], said["Negative prompt"], said["Size"]) == ("a house", "blur", "32x48")
    assert (said["Steps"], said["CFG scale"], said["Seed"]) == ("3", "1.5", "7")
    info = info_of(response)
    assert (info["prompt"], info["negative_prompt"]) == ("a house", "blur")
    assert (info["width"], info["height"], info["steps"], info["cfg_scale"]) == (32, 48, 3, 1.5)
    assert (info["seed"], info["sampler_name"], info["sd_model_name"]) == (7, "Euler", "fake")
    assert info["infotexts"][0].startswith("a house\nNegative prompt: blur\nSteps: 3, ")
    assert response.json["parameters"]["cfg_scale"] == 1.5
    assert response.headers["Cache-Control"] == "no-store"


def test_what_is_left_out_or_null_is_the_checkpoints_own(client):
    response = client.post(TXT2IMG, json={"prompt": "a house", "steps": None, "width": None})
    info = info_of(response)
    assert (info["width"], info["steps"], info["cfg_scale"]) == (64, 4, 5.0)
    assert sizes(response) == [(64, 64)]


def test_several_images_have_seeds_that_count_up(client):
    body = {"prompt": "a house", "seed": 7, "batch_size": 2, "n_iter": 2}
    response = client.post(TXT2IMG, json=body)
    assert info_of(response)["all_seeds"] == [7, 8, 9, 10]
    assert [read_parameters(png)["Seed"] for png in pngs(response)] == ["7", "8", "9", "10"]


@pytest.mark.parametrize("seed", [{}, {"seed": -1}, {"seed": None}])
def test_a_seed_that_is_not_given_is_drawn_and_told(client, seed):
    drawn = {info_of(client.post(TXT2IMG, json={"prompt": "x", **seed}))["seed"] for _ in range(3)}
    assert len(drawn) == 3
    assert min(drawn) >= 0


def test_an_empty_negative_prompt_is_none(client, services):
    asked = []
    prepare = model_of(services.generator).prepare
    model_of(services.generator).prepare = lambda batch: asked.extend(batch) or prepare(batch)
    client.post(TXT2IMG, json={"prompt": "x", "negative_prompt": ""})
    assert [request.negative_prompt for request in asked] == [None]


def test_images_need_not_be_sent(client):
    response = client.post(TXT2IMG, json={"prompt": "x", "send_images": False})
    assert response.json["images"] == []
    assert len(info_of(response)["infotexts"]) == 1


@pytest.mark.parametrize(("body", "count"), [(SILLY_TAVERN, 1), (OPEN_WEBUI, 2)])
def test_the_bodies_of_front_ends_are_taken(client, body, count):
    response = client.post(TXT2IMG, json=body)
    assert sizes(response) == [(32, 48)] * count
    assert (info_of(response)["steps"], info_of(response)["cfg_scale"]) == (3, 7.5)


def test_any_model_is_taken(client):
    body = {"prompt": "x", "override_settings": {"sd_model_checkpoint": "v1-5-pruned"}}
    assert info_of(client.post(TXT2IMG, json=body))["sd_model_name"] == "fake"


@pytest.mark.parametrize("before", ["", "data:image/png;base64,"])
@pytest.mark.parametrize("model", ["clip", "deepdanbooru", "another", None])
def test_a_picture_is_captioned_whichever_captioner_is_named(client, before, model):
    body = {"image": before + in_base64(picture()), "model": model}
    assert client.post("/sdapi/v1/interrogate", json=body).json == {"caption": CAPTION}


def test_what_a_png_says_is_read_back(client):
    body = {"prompt": "a house", "negative_prompt": "blur", "seed": 7, "width": 32}
    response = client.post(TXT2IMG, json=body)
    [png] = pngs(response)
    said = client.post("/sdapi/v1/png-info", json={"image": in_base64(png)}).json
    assert said["info"] == info_of(response)["infotexts"][0]
    assert said["items"] == {}
    assert said["parameters"] == {
        "Prompt": "a house",
        "Negative prompt": "blur",
        "Steps": "4",
        "Sampler": "Euler",
        "CFG scale": "5.0",
        "Seed": "7",
        "Size-1": "32",
        "Size-2": "64",
        "Model": "fake",
        "Version": "Lookalike",
    }


def test_a_png_without_a_negative_prompt_says_that_it_has_an_empty_one(client):
    [png] = pngs(client.post(TXT2IMG, json={"prompt": "a house"}))
    said = client.post("/sdapi/v1/png-info", json={"image": in_base64(png)}).json
    assert said["parameters"]["Negative prompt"] == ""


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_picture_that_says_nothing_has_no_parameters(client, kind):
    body = {"image": in_base64(picture(kind=kind))}
    said = client.post("/sdapi/v1/png-info", json=body).json
    assert said == {"info": "", "items": {}, "parameters": {}}


def test_options_go_back_as_they_came(patient):
    options = patient.get("/sdapi/v1/options").json
    assert options == {"sd_model_checkpoint": "fake", "samples_format": "png"}
    changed = patient.post("/sdapi/v1/options", json=options | {"sd_model_checkpoint": "v1-5"})
    assert (changed.status_code, changed.json) == (200, None)
    assert patient.get("/sdapi/v1/options").json == options


def test_the_lists_of_what_is_here(patient):
    [model] = patient.get("/sdapi/v1/sd-models").json
    assert (model["title"], model["model_name"], model["sha256"]) == ("fake", "fake", None)
    [sampler] = patient.get("/sdapi/v1/samplers").json
    assert sampler == {"name": "Euler", "aliases": [], "options": {}}
    [scheduler] = patient.get("/sdapi/v1/schedulers").json
    assert (scheduler["name"], scheduler["label"]) == ("automatic", "Automatic")


def test_the_lists_of_what_is_not_here_are_empty(patient):
    for name in EMPTY:
        assert patient.get(f"/sdapi/v1/{name}").json == [], name
    assert patient.get("/sdapi/v1/scripts").json == {"txt2img": [], "img2img": []}
    assert patient.get("/sdapi/v1/embeddings").json == {"loaded": {}, "skipped": {}}
    assert patient.get("/sdapi/v1/cmd-flags").json == {}


@pytest.mark.parametrize("name", ["checkpoints", "loras", "vae"])
def test_to_look_for_models_anew_finds_nothing(patient, name):
    response = patient.post(f"/sdapi/v1/refresh-{name}")
    assert (response.status_code, response.json) == (200, None)
