import pytest
from checkpoints import snapshot, write, write_blip, write_sdxl

from models_cache import catalog
from models_cache.advice import CannotFetch, CheckpointError
from models_cache.catalog import BLIP_LARGE, DEMO_CAPTIONER, DEMO_GENERATOR, SDXL_BASE, Family
from models_cache.choose import choose
from models_cache.flags import Models
from models_cache.store import Store

OLD = "0" * 40  # at another revision than the pinned one, recorded sizes do not count


@pytest.fixture
def store(tmp_path):
    """The demo models are there, as in every clone."""
    store = Store(tmp_path / "models_cache", tmp_path / "user" / "hub")
    write_blip(store.folder / "demo" / "captioner")
    write_sdxl(store.folder / "demo" / "generator")
    return store


@pytest.fixture
def blip_large(store):
    return write_blip(snapshot(store.user_cache, BLIP_LARGE.repository, OLD))


@pytest.fixture
def sdxl_base(store):
    return write_sdxl(snapshot(store.user_cache, SDXL_BASE.repository, OLD))


def both(captioner, generator):
    return {Family.BLIP: captioner, Family.SDXL: generator}


def checkpoints(choice):
    return tuple(checkpoint.known for checkpoint in choice.checkpoints.values())


def folders(choice):
    return tuple(checkpoint.folder for checkpoint in choice.checkpoints.values())


@pytest.mark.usefixtures("blip_large", "sdxl_base")
def test_auto_is_full_with_a_gpu_and_the_weights(store):
    choice = choose(Models.AUTO, both(None, None), has_cuda=True, store=store)
    assert checkpoints(choice) == catalog.FULL
    assert choice.reason == (
        "Captioner: Salesforce/blip-image-captioning-large."
        " Generator: stabilityai/stable-diffusion-xl-base-1.0.\n"
        "--models auto: there is a CUDA device, and the full models are here."
    )


@pytest.mark.usefixtures("blip_large", "sdxl_base")
def test_auto_is_the_demo_without_a_gpu(store):
    choice = choose(Models.AUTO, both(None, None), has_cuda=False, store=store)
    assert checkpoints(choice) == catalog.DEMO
    assert choice.reason == (
        "Captioner: lookalike-demo-captioner. Generator: lookalike-demo-generator."
        " Demo models know drawn scenes, not photos.\n"
        "--models auto: demo, for want of a CUDA device."
    )


@pytest.mark.usefixtures("blip_large", "sdxl_base")
@pytest.mark.parametrize("models", Models)
def test_why_a_gpu_that_is_there_is_not_used_is_said_whatever_was_asked_for(store, models):
    problem = "Its driver is too old."
    choice = choose(models, both(None, None), False, store=store, cuda_problem=problem)
    assert choice.reason.splitlines()[-1] == problem


def test_auto_without_the_weights_is_the_demo_and_says_how_to_fetch_them(store):
    choice = choose(Models.AUTO, both(None, None), has_cuda=True, store=store)
    assert checkpoints(choice) == catalog.DEMO
    assert "for want of the full models' weights." in choice.reason
    for checkpoint in catalog.FULL:
        assert f"\n{checkpoint.name} (" in choice.reason
    assert choice.reason.endswith(" To fetch them:\n    scripts/download_models")


def test_without_a_gpu_auto_sends_no_one_to_fetch_what_it_would_not_load(store):
    choice = choose(Models.AUTO, both(None, None), has_cuda=False, store=store)
    assert checkpoints(choice) == catalog.DEMO
    assert choice.reason.endswith("\n--models auto: demo, for want of a CUDA device.")


@pytest.mark.usefixtures("blip_large")
def test_auto_needs_both_weights_and_names_the_one_that_is_missing(store):
    choice = choose(Models.AUTO, both(None, None), has_cuda=True, store=store)
    assert checkpoints(choice) == catalog.DEMO
    command = f"scripts/download_models --generator {SDXL_BASE.repository}"
    assert choice.reason.endswith(f" To fetch it:\n    {command}")


@pytest.mark.usefixtures("sdxl_base")
def test_auto_is_not_full_over_damaged_weights_nor_quietly_the_demo(store, blip_large):
    write(blip_large / "model.safetensors", b"")
    with pytest.raises(CheckpointError, match=r"model.safetensors is empty"):
        choose(Models.AUTO, both(None, None), has_cuda=True, store=store)


@pytest.mark.usefixtures("blip_large", "sdxl_base")
def test_the_demo_is_taken_where_it_is_asked_for(store):
    choice = choose(Models.DEMO, both(None, None), has_cuda=True, store=store)
    assert checkpoints(choice) == (DEMO_CAPTIONER, DEMO_GENERATOR)
    assert folders(choice)[0] == store.folder / "demo" / "captioner"
    assert choice.reason.endswith("\n--models demo was asked for.")


def test_full_is_taken_without_a_gpu_and_called_slow(store, blip_large, sdxl_base):
    choice = choose(Models.FULL, both(None, None), has_cuda=False, store=store)
    assert checkpoints(choice) == (BLIP_LARGE, SDXL_BASE)
    assert folders(choice) == (blip_large, sdxl_base)
    assert "takes minutes for an image.\n--models full was asked for." in choice.reason


def test_full_without_weights_is_missing_with_one_command_for_both(store):
    with pytest.raises(CheckpointError) as caught:
        choose(Models.FULL, both(None, None), has_cuda=True, store=store, fetch=None)
    assert str(caught.value).endswith(" To fetch them:\n    scripts/download_models")
    assert caught.value.fetchable == catalog.FULL


def test_what_is_asked_for_and_missing_is_fetched_at_once(store):
    fetched = []

    def fetch(checkpoints, into):
        fetched.append([checkpoint.name for checkpoint in checkpoints])
        write_blip(snapshot(into.user_cache, "org/blip", OLD))
        write_sdxl(snapshot(into.user_cache, SDXL_BASE.repository, OLD))

    choice = choose(Models.FULL, both("org/blip", None), has_cuda=True, store=store, fetch=fetch)
    assert fetched == [["org/blip", SDXL_BASE.name]]
    assert folders(choice)[0].is_relative_to(store.user_cache)


def test_auto_and_folders_and_the_demo_fetch_nothing(store, tmp_path):
    def fetch(*_):
        raise AssertionError("a download")

    choice = choose(Models.AUTO, both(None, None), has_cuda=True, store=store, fetch=fetch)
    assert checkpoints(choice) == catalog.DEMO
    cut = write_blip(tmp_path / "blip")
    (cut / "vocab.txt").unlink()
    with pytest.raises(CheckpointError, match="Put it there, or name another folder"):
        choose(Models.AUTO, both(str(cut), None), has_cuda=True, store=store, fetch=fetch)
    (store.folder / "demo" / "captioner" / "vocab.txt").unlink()
    with pytest.raises(CheckpointError, match="git checkout"):
        choose(Models.DEMO, both(None, None), has_cuda=True, store=store, fetch=fetch)


def test_a_flag_of_its_own_goes_before_what_models_says(store, tmp_path):
    captioner = write_blip(tmp_path / "my-blip")
    generator = write_sdxl(snapshot(store.user_cache, "org/my-sdxl", OLD))
    choice = choose(Models.FULL, both(str(captioner), "org/my-sdxl"), has_cuda=True, store=store)
    assert folders(choice) == (captioner, generator)
    assert choice.reason == "Captioner: my-blip. Generator: org/my-sdxl."


@pytest.mark.usefixtures("sdxl_base")
def test_auto_asks_only_for_the_weights_that_no_flag_replaces(store, tmp_path):
    captioner = write_blip(tmp_path / "my-blip")
    choice = choose(Models.AUTO, both(str(captioner), ""), has_cuda=True, store=store)
    assert folders(choice)[0] == captioner
    assert checkpoints(choice)[1] is SDXL_BASE


def test_a_flag_may_name_the_other_half_of_a_demo(store, tmp_path):
    generator = write_sdxl(tmp_path / "my-sdxl")
    choice = choose(Models.DEMO, both(None, str(generator)), has_cuda=True, store=store)
    assert checkpoints(choice)[0] is DEMO_CAPTIONER
    assert folders(choice)[1] == generator
    assert "Demo models know drawn scenes" in choice.reason


@pytest.mark.usefixtures("blip_large", "sdxl_base")
def test_a_flag_that_names_nothing_is_not_replaced_by_anything(store):
    with pytest.raises(CheckpointError, match="org/absent is not on this machine"):
        choose(Models.AUTO, both(None, "org/absent"), has_cuda=True, store=store, fetch=None)


def test_swapped_flags_are_refused(store, tmp_path):
    captioner, generator = write_blip(tmp_path / "a"), write_sdxl(tmp_path / "b")
    with pytest.raises(CheckpointError, match="StableDiffusionXLPipeline family, not BLIP"):
        choose(Models.DEMO, both(str(generator), str(captioner)), has_cuda=True, store=store)


@pytest.mark.slow
def test_a_program_that_stays_offline_ends_with_the_sentence_of_its_download(
    hub, tmp_path, monkeypatch, capfd
):
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(CannotFetch) as caught:
        choose(Models.AUTO, {Family.SDXL: "org/absent"}, has_cuda=False)
    assert str(caught.value).startswith(
        "There is no folder org/absent, and the hub has no such model, or hides it"
    )
    assert str(caught.value).endswith("\n    scripts/download_models --generator org/absent")
    assert hub.requests == ["GET /api/models/org/absent"]  # and nothing else
    assert capfd.readouterr().err == ""
