"""What a form may ask for, and what it is told if it asks for something else."""

from dataclasses import replace

import pytest
from fakes import FAKE_INFO
from PIL import Image
from web_client import CAPTION, JSON, assert_no_job, caption_of, job_of, upload

from captioner.request import MAX_BEAMS, MAX_NEW_TOKENS
from generator.request import MAX_PROMPT_CHARACTERS, MAX_SEED, InvalidRequest
from webapp.order import COUNTS, InvalidFields, parse_order

# One that offers every shape.
ANY_SHAPE = replace(FAKE_INFO, learnt_sizes=())
PICTURE = (20, 10)


def parse(info=FAKE_INFO, picture=PICTURE, old_seed=5, **fields):
    return parse_order(fields, info, picture, old_seed)


def parse_one(*args, **fields):
    [request] = parse(*args, **fields).requests
    return request


def refused(**fields):
    """The problems of a form, by field."""
    with pytest.raises(InvalidFields) as error:
        parse(**fields)
    assert all(each.endswith(".") for each in error.value.problems.values())
    return error.value.problems


def size(request):
    return request.width, request.height


def test_an_empty_form_asks_for_one_image_with_the_models_defaults():
    for fields in ({}, {"seed": "", "images": " ", "shape": "", "prefix": "  ", "num_beams": "\t"}):
        order = parse(**fields)
        [request] = order.requests
        assert (request.num_inference_steps, request.guidance_scale) == (4, 5.0)
        assert (request.negative_prompt, order.prompt, order.keeps_tics) == (None, None, False)
        assert order.caption == {}


def test_parameters_reach_the_request():
    request = parse_one(
        negative_prompt="text",
        num_inference_steps="2",
        guidance_scale="1,5",
        seed="7",
        width="32",
        height="48",
    )
    assert request.negative_prompt == "text"
    assert (request.num_inference_steps, request.guidance_scale, request.seed) == (2, 1.5, 7)
    assert size(request) == (32, 48)


@pytest.mark.parametrize(
    "fields",
    [{"width": "63"}, {"seed": "x"}, {"negative_prompt": "x" * 3000}],
    ids=["width", "seed", "negative_prompt"],
)
def test_a_wrong_parameter_is_refused_by_its_name(fields):
    assert list(refused(**fields)) == list(fields)


def test_a_wrong_parameter_is_refused_before_anything_begins(patient, by_hand):
    for fields in ({"width": "63"}, {"seed": "x"}, {"colour": "red"}, {"images": "3"}):
        response = upload(patient, headers=JSON, **fields)
        assert (response.status_code, [response.json["field"]]) == (400, list(fields))
    assert_no_job(by_hand)
    assert not by_hand.captioner.model.batches


def test_all_that_is_wrong_is_told_at_once_and_as_one_error_the_first():
    problems = refused(seed="x", images="3", num_beams="0", guidance_scale="99", prefix="x" * 3000)
    assert set(problems) == {"seed", "images", "num_beams", "guidance_scale", "prefix"}
    error = InvalidFields(problems)
    assert isinstance(error, InvalidRequest)
    assert error.field == next(iter(problems))
    assert str(error) == f"{error.field} {problems[error.field]}"


def test_a_name_that_is_not_known_is_quoted_as_it_may_hold_anything():
    with pytest.raises(InvalidRequest, match=r"'line\\nbreak' is not known here") as error:
        parse(**{"line\nbreak": "1"})
    assert error.value.field == "line\nbreak"


# How many


@pytest.mark.parametrize("count", COUNTS)
def test_seeds_count_up_from_the_first(count):
    requests = parse(images=count, seed="7").requests
    assert [each.seed for each in requests] == list(range(7, 7 + int(count)))
    assert {replace(each, seed=0) for each in requests} == {replace(requests[0], seed=0)}


def test_after_the_largest_seed_comes_zero():
    requests = parse(images="4", seed=str(MAX_SEED - 1)).requests
    assert [each.seed for each in requests] == [MAX_SEED - 1, MAX_SEED, 0, 1]


def test_a_seed_that_is_not_given_is_drawn_once_for_all():
    first, *others = (each.seed for each in parse(images="4").requests)
    assert others == [first + 1, first + 2, first + 3]
    assert parse_one().seed != parse_one().seed


@pytest.mark.parametrize("count", ["0", "3", "5", "-1", "64", "two", "1.0", "4" * 5000])
def test_no_other_number_of_images_is_made(count):
    assert refused(images=count) == {"images": "must be one of 1, 2, 4."}


# Which seed


def test_who_keeps_the_seed_gets_that_of_the_old_image():
    assert parse_one(keep_seed="yes").seed == 5
    assert parse_one(keep_seed="yes", seed="7").seed == 5
    assert parse_one(keep_seed=" ", seed="7").seed == 7
    assert [each.seed for each in parse(keep_seed="yes", images="2").requests] == [5, 6]


# Which shape


@pytest.mark.parametrize("picture", [(20, 10), (10, 20), (7, 7), (1, 2048), (2048, 1)])
def test_an_image_has_the_pictures_shape_if_no_other_is_asked_for(picture):
    for fields in ({}, {"shape": "like yours"}):
        request = parse_one(ANY_SHAPE, picture, **fields)
        assert size(request) == ANY_SHAPE.nearest_size(*picture)


@pytest.mark.parametrize("shape", ["square", "tall", "wide"])
def test_a_shape_that_is_asked_for_counts_more_than_the_pictures(shape):
    width, height = size(parse_one(ANY_SHAPE, shape=shape))
    assert (width, height) == ANY_SHAPE.size_of_shape(shape)
    assert {"square": width == height, "tall": width < height, "wide": width > height}[shape]


def test_a_checkpoint_that_knows_squares_alone_paints_a_square_of_every_picture():
    for fields in ({}, {"shape": "wide"}, {"shape": "tall"}):
        assert size(parse_one(FAKE_INFO, **fields)) == (64, 64)


def test_a_width_or_a_height_counts_more_than_a_shape():
    assert size(parse_one(ANY_SHAPE, shape="tall", width="128", height="16")) == (128, 16)
    assert size(parse_one(ANY_SHAPE, shape="tall", width="128")) == (128, 64)


def test_no_other_shape_is_made():
    problem = "must be one of like yours, square, tall, wide."
    for shape in ("round", "Square", "x" * 5000):
        assert refused(shape=shape) == {"shape": problem}


# Which words


def test_words_are_taken_as_they_are_and_reach_every_image():
    order = parse(prompt=" a cat ", images="2")
    assert order.prompt == " a cat "
    assert [each.prompt for each in order.requests] == [" a cat "] * 2


def test_blank_words_are_told_and_no_words_at_all_are_the_caption():
    with pytest.raises(InvalidFields, match="prompt is empty: say what to paint"):
        parse(prompt=" \n")
    assert parse().prompt is None


@pytest.mark.parametrize(
    ("words", "problem"),
    [("x" * (MAX_PROMPT_CHARACTERS + 1), "has 2001 characters"), ("half: \ud800", "half of a")],
    ids=["too long", "half a pair"],
)
def test_words_that_are_no_prompt_are_refused_beside_the_rest(words, problem):
    problems = refused(prompt=words, seed="x")
    assert set(problems) == {"prompt", "seed"}
    assert problem in problems["prompt"]


def test_later_words_take_the_place_of_the_earlier_and_change_nothing_else():
    order = parse(images="2", seed="7", negative_prompt="text")
    assert order.with_words("a dog") == [replace(each, prompt="a dog") for each in order.requests]
    for words in ("", " ", "x" * 2001):
        with pytest.raises(InvalidRequest, match="prompt"):
            order.with_words(words)


def test_words_that_are_sent_with_a_picture_are_painted_in_place_of_its_caption(patient, by_hand):
    job = job_of(by_hand, upload(patient, prompt="a cat", seed="7"))
    assert (job.request.prompt, job.request.seed) == ("a cat", 7)
    assert caption_of(job) is None


def test_a_picture_without_words_is_captioned(patient, by_hand):
    job = job_of(by_hand, upload(patient, prompt=""))
    by_hand.captioner.step()
    assert job.request.prompt == CAPTION


def test_words_that_are_no_prompt_are_told(patient, by_hand):
    for words in ("  ", "x" * 2001):
        response = upload(patient, headers=JSON, prompt=words)
        assert (response.status_code, response.json["field"]) == (400, "prompt")
    assert_no_job(by_hand)


# How to caption


def test_how_to_caption_reaches_the_captioner():
    image = Image.new("RGB", PICTURE)
    fields = {"prefix": " a photo of ", "max_new_tokens": " 60 ", "num_beams": "3"}
    request = parse(**fields).caption_request(image)
    assert request.image is image
    assert (request.prefix, request.max_new_tokens, request.num_beams) == ("a photo of", 60, 3)
    default = parse().caption_request(image)
    assert (default.prefix, default.max_new_tokens, default.num_beams) == ("", 40, 1)


def test_a_prefix_begins_the_caption(patient, by_hand):
    job = job_of(by_hand, upload(patient, prefix="a photo of"))
    by_hand.captioner.step()
    assert job.request.prompt == "a photo of a picture of 20x10"


@pytest.mark.parametrize(("name", "most"), [("max_new_tokens", MAX_NEW_TOKENS), ("num_beams", 8)])
def test_how_to_caption_has_bounds(name, most):
    assert MAX_BEAMS == 8
    for text in ("1", str(most)):
        assert parse(**{name: text}).caption == {name: int(text)}
    for text in ("0", "-1", str(most + 1), "x", "1.5", "9" * 5000, "²"):
        problem = refused(**{name: text})[name]
        assert problem.startswith(f"must be a whole number from 1 to {most}, not ")
        assert len(problem) < 200


@pytest.mark.parametrize(
    ("prefix", "painted"),
    [("arafed man in", "man in a picture of 20x10"), ("a red red", "a red a picture of 20x10")],
)
def test_tics_are_not_painted_unless_the_box_is_ticked(patient, by_hand, prefix, painted):
    caption = f"{prefix} a picture of 20x10"
    for keep_tics, prompt in (("", painted), ("yes", caption)):
        address = upload(patient, prefix=prefix, keep_tics=keep_tics).location
        by_hand.captioner.step()
        told = patient.get(address, headers=JSON).json
        assert (told["caption"], told["prompt"]) == (caption, prompt)
        assert f"{prompt}</textarea>" in patient.get(address).text
