"""webuiapi, as it is: scenes are painted and captioned, and what is refused."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from door_keys import ANNA
from PIL import Image, ImageChops

pytestmark = [pytest.mark.demo, pytest.mark.slow, pytest.mark.clients]

PROMPT = "a red house by the sea"
MODEL = "lookalike-demo-generator"
# What suits the demo models: the client's own defaults are those of Stable Diffusion 1.
ASKED = {"prompt": PROMPT, "width": 128, "height": 128, "steps": 14, "cfg_scale": 2, "seed": 7}
SECONDS = 60


@pytest.fixture
def webuiapi():
    reason = "webuiapi is not installed: requirements-clients.txt"
    return pytest.importorskip("webuiapi", reason=reason)


@pytest.fixture
def api_of(webuiapi):
    """Makes a client for an address, and counts its answers."""
    made = []

    def make(address, **options):
        api = webuiapi.WebUIApi(baseurl=f"{address}/sdapi/v1", **options)
        api.answers = []
        api.session.hooks["response"].append(lambda each, *_, **__: api.answers.append(each))
        made.append(api)
        return api

    yield make
    for api in made:
        api.session.close()


@pytest.fixture
def api(api_of, server):
    return api_of(server)


def test_it_finds_no_extensions(api):
    assert (api.has_controlnet, api.has_adetailer, api.has_animatediff) == (False, False, False)
    assert api.get_scripts() == {"txt2img": [], "img2img": []}


def test_a_scene_is_painted_and_read_back(api):
    result = api.txt2img(**ASKED)
    assert result.image.size == (128, 128)
    assert (result.info["seed"], result.info["prompt"]) == (7, PROMPT)
    assert "red house" in api.interrogate(result.image).info


def test_a_picture_is_captioned(api, example):
    with Image.open(example) as picture:
        assert api.interrogate(picture, model="deepdanbooru").info == PROMPT


def test_each_of_several_images_is_that_of_its_seed(api):
    both = api.txt2img(**ASKED | {"width": 96, "batch_size": 2, "seed": 41})
    assert both.info["all_seeds"] == [41, 42]
    assert [image.size for image in both.images] == [(96, 128)] * 2
    alone = api.txt2img(**ASKED | {"width": 96, "seed": 42}).image
    difference = ImageChops.difference(both.images[1].convert("RGB"), alone.convert("RGB"))
    assert max(most for _, most in difference.getextrema()) <= 2
    assert ImageChops.difference(both.images[0], both.images[1]).getbbox()


def test_what_an_image_says_comes_back(api):
    result = api.txt2img(**ASKED)
    said = api.png_info(result.image)
    assert said.info == result.info["infotexts"][0]
    assert (said.parameters["Prompt"], said.parameters["Seed"]) == (PROMPT, "7")


def test_any_model_may_be_chosen_and_the_one_that_runs_stays(api):
    assert api.util_get_model_names() == [MODEL]
    api.util_set_model("v1-5-pruned-emaonly")
    api.util_set_model("v1-5-pruned-emaonly", find_closest=False)
    assert api.util_get_current_model() == MODEL
    assert api.set_options({"sd_model_checkpoint": "v1-5"}) is None
    assert api.util_get_sampler_names()
    assert api.util_get_scheduler_names() == ["automatic"]


def test_its_lists_are_there(api):
    lists = [api.get_sd_vae, api.get_upscalers, api.get_latent_upscale_modes, api.get_loras]
    lists += [api.get_hypernetworks, api.get_face_restorers, api.get_realesrgan_models]
    for listed in [*lists, api.get_prompt_styles]:
        assert listed() == []
    assert api.get_embeddings() == {"loaded": {}, "skipped": {}}
    assert (api.get_cmd_flags(), api.refresh_checkpoints()) == ({}, None)


def test_work_is_seen_and_interrupted(api, api_of, server):
    api.util_wait_for_ready()  # no work: does not wait
    assert api.get_progress()["progress"] == 0
    long = ASKED | {"steps": 200, "width": 256, "height": 256, "n_iter": 2}
    with ThreadPoolExecutor(1) as other:
        painted = other.submit(api_of(server).txt2img, **long)
        seen = busy(api)
        assert 0 < seen["progress"] < 1
        assert (seen["state"]["job_count"], seen["state"]["sampling_steps"]) == (2, 200)
        assert api.interrupt() == {}
        result = painted.result(SECONDS)
    assert (result.images, result.info["all_seeds"]) == ([], [])
    api.util_wait_for_ready(check_interval=0.1)
    assert api.get_progress()["state"]["job_count"] == 0


def busy(api):
    """Its progress, once it paints."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        seen = api.get_progress()
        if seen["state"]["sampling_step"]:
            return seen
        time.sleep(0.01)
    raise TimeoutError


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"width": 512}, "width must be a multiple of"),
        ({"steps": 0}, "steps must be a whole number"),
        ({"prompt": ""}, "prompt is empty"),
        ({"batch_size": 1000}, "batch_size must be a whole number from 1 to 64"),
    ],
)
def test_what_is_wrong_is_its_own_error(api, wrong, sentence):
    with pytest.raises(RuntimeError) as told:
        api.txt2img(**ASKED | wrong)
    status, text = told.value.args
    assert status == 400
    assert sentence in text


def test_image_to_image_is_refused_in_words(api, example):
    with Image.open(example) as picture, pytest.raises(RuntimeError) as told:
        api.img2img(images=[picture], prompt=PROMPT)
    assert told.value.args[0] == 400
    assert "paints from words alone" in told.value.args[1]


def test_a_full_queue_is_told_at_once(api_of, full):
    """This client never tries again by itself."""
    api = api_of(full)
    with pytest.raises(RuntimeError) as told:
        api.txt2img(**ASKED | {"width": 64, "height": 64})
    assert told.value.args[0] == 429
    assert "The queue is full: try again in" in told.value.args[1]
    [answer] = api.answers
    assert int(answer.headers["Retry-After"]) >= 1


def test_the_key_is_the_password(api_of, locked):
    assert api_of(locked, username="me", password=ANNA).util_get_current_model() == "fake"
    with pytest.raises(RuntimeError) as told:
        api_of(locked, username="me", password="wrong").txt2img(**ASKED)
    assert told.value.args[0] == 401
