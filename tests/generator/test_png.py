import time
from io import BytesIO

import pytest
from PIL import Image

from generator.png import format_parameters, parse_parameters, png_bytes, read_parameters
from generator.request import GenerationRequest

# In the manner of AUTOMATIC1111: several lines, keys that are not ours, a quoted value.
FROM_AUTOMATIC1111 = """a lighthouse, stormy sea,
oil painting
Negative prompt: blurry,
lowres
Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7, Seed: 965400086, Size: 512x768, \
Model hash: 6ce0161689, Model: v1-5, Lora hashes: "one: 1a2b, two: 3c4d", Version: v1.10.1"""

EMOJI = "a fox 🦊 in the snow, 雪の中"


def request(prompt="a red house", negative_prompt=None, **parameters):
    numbers = {"width": 1024, "height": 768, "num_inference_steps": 30, "guidance_scale": 5.0}
    numbers |= {"seed": 42, **parameters}
    return GenerationRequest(prompt=prompt, negative_prompt=negative_prompt, **numbers)


def text_of(prompt="a red house", negative_prompt=None, model="demo", sampler="Euler"):
    return format_parameters(request(prompt, negative_prompt), model=model, sampler=sampler)


def png_of(asked, image=None, model="demo", sampler="Euler"):
    return png_bytes(image or Image.new("RGB", (8, 8)), asked, model=model, sampler=sampler)


# Writing.


def test_the_text_is_infotext_to_the_letter():
    assert text_of("a red house", "blurry") == (
        "a red house\n"
        "Negative prompt: blurry\n"
        "Steps: 30, Sampler: Euler, CFG scale: 5.0, Seed: 42, Size: 1024x768, Model: demo, "
        "Version: Lookalike"
    )


def test_a_fast_path_is_named_as_its_numbers_differ_a_little():
    png = png_bytes(
        Image.new("RGB", (8, 8)),
        request(),
        model="demo",
        sampler="Euler",
        fast_path="UNet in channels_last, UNet compiled",
    )
    said = read_parameters(png)
    assert said["Fast path"] == "UNet in channels_last, UNet compiled"
    assert said["Seed"] == "42"


@pytest.mark.parametrize("negative_prompt", [None, "", " \n"])
def test_without_a_negative_prompt_there_is_no_line_for_it(negative_prompt):
    assert text_of("a red house", negative_prompt).count("\n") == 1


def test_whole_guidance_is_written_as_a_float():
    asked = request(guidance_scale=7)
    assert ", CFG scale: 7.0, " in format_parameters(asked, model="demo", sampler="Euler")


@pytest.mark.parametrize(
    ("model", "written"),
    [
        ("stabilityai/sdxl", "stabilityai/sdxl"),
        ("a, b", '"a, b"'),
        ("C:\\models", '"C:\\\\models"'),
        ('the "best"', '"the \\"best\\""'),
        ("two\nlines", '"two\\nlines"'),
        ("雪, 月", '"雪, 月"'),
    ],
)
def test_a_value_that_could_be_misread_is_quoted(model, written):
    text = text_of(model=model)
    assert text.endswith(f", Model: {written}, Version: Lookalike")
    assert parse_parameters(text)["Model"] == model


# There and back.


@pytest.mark.parametrize("prompt", ["a red house", EMOJI, "Süße Äpfel", "(a:1.2), [b] <lora:c:1>"])
@pytest.mark.parametrize("negative_prompt", [None, "blurry, Steps: 1", EMOJI])
def test_what_is_written_is_read(prompt, negative_prompt):
    expected = {
        "Prompt": prompt,
        "Steps": "30",
        "Sampler": "Euler a, b",
        "CFG scale": "5.0",
        "Seed": "42",
        "Size": "1024x768",
        "Model": "demo: 1",
        "Version": "Lookalike",
    }
    if negative_prompt:
        expected["Negative prompt"] = negative_prompt
    png = png_of(request(prompt, negative_prompt), model="demo: 1", sampler="Euler a, b")
    assert read_parameters(png) == expected


def test_the_pixels_come_back_as_they_were():
    image = Image.effect_noise((64, 48), 90).convert("RGB")
    with Image.open(BytesIO(png_of(request(), image))) as again:
        assert (again.format, again.mode) == ("PNG", "RGB")
        assert again.tobytes() == image.tobytes()


def test_any_reader_of_pngs_finds_the_text_under_parameters():
    with Image.open(BytesIO(png_of(request(EMOJI)))) as image:
        assert image.text == {"parameters": text_of(EMOJI)}


def test_a_png_without_the_text_has_no_parameters():
    file = BytesIO()
    Image.new("RGB", (8, 8)).save(file, "PNG")
    assert read_parameters(file.getvalue()) == {}


@pytest.mark.parametrize("data", [b"", b"no png", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_png_is_an_error(data):
    with pytest.raises((SyntaxError, ValueError)):
        read_parameters(data)


# Forging.


@pytest.mark.parametrize(
    "line_break", ["\n", "\r", "\r\n", "\v", "\f", "\x85", "\u2028", "\u2029", "\0"]
)
@pytest.mark.parametrize("field", ["prompt", "negative_prompt"])
def test_no_prompt_passes_for_lines_of_ours(line_break, field):
    forged = (
        f"x{line_break}Negative prompt: y{line_break}Steps: 1, Seed: 6, Model: other, Size: 1x1"
    )
    text = text_of(**{"prompt": "a red house", "negative_prompt": "blurry", field: forged})
    assert len(text.splitlines()) == 3
    assert line_break == "\n" or line_break not in text
    parameters = parse_parameters(text)
    assert (parameters["Seed"], parameters["Model"], parameters["Steps"]) == ("42", "demo", "30")
    folded = "x Negative prompt: y Steps: 1, Seed: 6, Model: other, Size: 1x1"
    assert parameters[field.replace("_", " ").capitalize()] == folded


@pytest.mark.parametrize("start", ["", " ", "\n", "\u3000"])
def test_a_prompt_that_begins_as_a_negative_prompt_is_still_the_prompt(start):
    parameters = parse_parameters(text_of(start + "Negative prompt: a red house"))
    assert "Negative prompt" not in parameters
    assert parameters["Prompt"].split() == ["Negative", "prompt:", "a", "red", "house"]


def test_a_prompt_that_looks_like_our_last_line_is_still_the_prompt():
    line = "Steps: 1, Sampler: x, CFG scale: 1, Seed: 6"
    parameters = parse_parameters(text_of(line))
    assert (parameters["Prompt"], parameters["Seed"]) == (line, "42")


def test_a_model_name_adds_no_pairs():
    parameters = parse_parameters(text_of(model='a", Seed: 6, Prompt: "b', sampler="c, Seed: 7"))
    assert (parameters["Seed"], parameters["Prompt"]) == ("42", "a red house")
    assert parameters["Model"] == 'a", Seed: 6, Prompt: "b'


# Reading what others wrote.


def test_infotext_of_automatic1111_is_read():
    assert parse_parameters(FROM_AUTOMATIC1111) == {
        "Prompt": "a lighthouse, stormy sea,\noil painting",
        "Negative prompt": "blurry,\nlowres",
        "Steps": "20",
        "Sampler": "DPM++ 2M",
        "Schedule type": "Karras",
        "CFG scale": "7",
        "Seed": "965400086",
        "Size": "512x768",
        "Model hash": "6ce0161689",
        "Model": "v1-5",
        "Lora hashes": "one: 1a2b, two: 3c4d",
        "Version": "v1.10.1",
    }


def test_several_negative_prompts_are_one():
    parameters = parse_parameters("a cat\nNegative prompt: blurry\nNegative prompt: dark")
    assert parameters == {"Prompt": "a cat", "Negative prompt": "blurry\ndark"}


@pytest.mark.parametrize(
    ("text", "prompt"),
    [
        ("", ""),
        ("only a prompt", "only a prompt"),
        ("two\nlines", "two\nlines"),
        ("ratio: 2, mood: dark", "ratio: 2, mood: dark"),
        ("a cat\nSteps: 20, Seed: 1", "a cat\nSteps: 20, Seed: 1"),
    ],
)
def test_fewer_than_three_pairs_are_part_of_the_prompt(text, prompt):
    assert parse_parameters(text) == {"Prompt": prompt}


def test_three_pairs_are_enough():
    parameters = parse_parameters("a cat\nSteps: 20, Seed: 1, Size: 8x8")
    assert parameters == {"Prompt": "a cat", "Steps": "20", "Seed": "1", "Size": "8x8"}


def test_a_value_with_broken_quotes_is_taken_as_it_stands():
    parameters = parse_parameters('a\nSteps: 20, Seed: 1, Size: 8x8, Odd: "b, Bad: "\\x"')
    assert (parameters["Odd"], parameters["Bad"]) == ('"b', '"\\x"')


@pytest.mark.parametrize(
    "piece", ["a", "a ", "a:", 'aa:"', 'aa:"b,', "aa:\\", "\n", "Negative prompt:"]
)
@pytest.mark.slow
def test_no_text_takes_long_to_read(piece):
    text = piece * (40_000 // len(piece))
    start = time.process_time()
    assert "Prompt" in parse_parameters(text)
    assert time.process_time() - start < 0.5
