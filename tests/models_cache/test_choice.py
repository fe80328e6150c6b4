import pytest
from checkpoints import snapshot, write, write_blip, write_sdxl

from models_cache import catalog
from models_cache.catalog import BLIP_LARGE, DEMO_CAPTIONER, DEMO_GENERATOR, SDXL_BASE
from models_cache.choice import Located, choose
from models_cache.store import DamagedModel, MissingModel, Store, UnsuitableModel

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


def checkpoints(choice):
    return choice.captioner.checkpoint, choice.generator.checkpoint


@pytest.mark.usefixtures("blip_large", "sdxl_base")
def test_auto_is_full_with_a_gpu_and_the_weights(store):
    choice = choose("auto", None, None, has_cuda=True, store=store)
    assert checkpoints(choice) == catalog.FULL
    assert choice.reason == (
        "Captioner: Salesforce/blip-image-captioning-large."
        " Generator: stabilityai/stable-diffusion-xl-base-1.0.\n"
        "--models auto: there is a CUDA device, and the full models are here."
    )


@pytest.mark.usefixtures("blip_large", "sdxl_base")
def test_auto_is_the_demo_without_a_gpu(store):
    choice = choose("auto", None, None, has_cuda=False, store=store)
    assert checkpoints(choice) == catalog.DEMO
    assert choice.reason == (
        "Captioner: lookalike-demo-captioner. Generator: lookalike-demo-generator."
        " Demo models know drawn scenes, not photos.\n"
        "--models auto: demo, for want of a CUDA device."
    )


@pytest.mark.parametrize("has_cuda", [False, True])
def test_auto_without_the_weights_is_the_demo_and_says_how_to_fetch_them(store, has_cuda):
    choice = choose("auto", None, None, has_cuda, store)
    assert checkpoints(choice) == catalog.DEMO
    assert ("for want of the full models' weights." in choice.reason) == has_cuda
    for checkpoint in catalog.FULL:
        assert f"\n{checkpoint.name} (" in choice.reason
    assert choice.reason.endswith(" To fetch them:\n    scripts/download_models")


@pytest.mark.usefixtures("blip_large")
def test_auto_needs_both_weights_and_names_the_one_that_is_missing(store):
    choice = choose("auto", None, None, has_cuda=True, store=store)
    assert checkpoints(choice) == catalog.DEMO
    command = f"scripts/download_models --generator {SDXL_BASE.repository}"
    assert choice.reason.endswith(f" To fetch it:\n    {command}")


@pytest.mark.usefixtures("sdxl_base")
def test_auto_is_not_full_over_damaged_weights_nor_quietly_the_demo(store, blip_large):
    write(blip_large / "model.safetensors", b"")
    with pytest.raises(DamagedModel, match=r"model.safetensors is empty"):
        choose("auto", None, None, has_cuda=True, store=store)
    choice = choose("auto", None, None, has_cuda=False, store=store)
    assert checkpoints(choice) == catalog.DEMO
    assert "model.safetensors is empty" in choice.reason


@pytest.mark.usefixtures("blip_large", "sdxl_base")
def test_the_demo_is_taken_where_it_is_asked_for(store):
    choice = choose("demo", None, None, has_cuda=True, store=store)
    assert checkpoints(choice) == (DEMO_CAPTIONER, DEMO_GENERATOR)
    assert choice.captioner.folder == store.folder / "demo" / "captioner"
    assert choice.reason.endswith("\n--models demo was asked for.")


def test_full_is_taken_without_a_gpu_and_called_slow(store, blip_large, sdxl_base):
    choice = choose("full", None, None, has_cuda=False, store=store)
    assert choice.captioner == Located(BLIP_LARGE, blip_large)
    assert choice.generator == Located(SDXL_BASE, sdxl_base)
    assert "takes minutes for an image.\n--models full was asked for." in choice.reason


def test_full_without_weights_is_missing_with_one_command_for_both(store):
    with pytest.raises(MissingModel) as caught:
        choose("full", None, None, has_cuda=True, store=store)
    assert str(caught.value).endswith(" To fetch them:\n    scripts/download_models")
    assert caught.value.fetchable == catalog.FULL


def test_what_is_asked_for_and_missing_is_fetched_at_once(store):
    fetched = []

    def fetch(checkpoints, into):
        fetched.append([checkpoint.name for checkpoint in checkpoints])
        write_blip(snapshot(into.user_cache, "org/blip", OLD))
        write_sdxl(snapshot(into.user_cache, SDXL_BASE.repository, OLD))

    choice = choose("full", "org/blip", None, has_cuda=True, store=store, fetch=fetch)
    assert fetched == [["org/blip", SDXL_BASE.name]]
    assert choice.captioner.folder.is_relative_to(store.user_cache)


def test_auto_and_folders_and_the_demo_fetch_nothing(store, tmp_path):
    def fetch(*_):
        raise AssertionError("a download")

    choice = choose("auto", None, None, has_cuda=True, store=store, fetch=fetch)
    assert checkpoints(choice) == catalog.DEMO
    cut = write_blip(tmp_path / "blip")
    (cut / "vocab.txt").unlink()
    with pytest.raises(MissingModel, match="Put it there, or name another folder"):
        choose("auto", str(cut), None, has_cuda=True, store=store, fetch=fetch)
    (store.folder / "demo" / "captioner" / "vocab.txt").unlink()
    with pytest.raises(MissingModel, match="git checkout"):
        choose("demo", None, None, has_cuda=True, store=store, fetch=fetch)


def test_a_flag_of_its_own_goes_before_what_models_says(store, tmp_path):
    captioner = write_blip(tmp_path / "my-blip")
    generator = write_sdxl(snapshot(store.user_cache, "org/my-sdxl", OLD))
    choice = choose("full", str(captioner), "org/my-sdxl", has_cuda=True, store=store)
    assert (choice.captioner.folder, choice.generator.folder) == (captioner, generator)
    assert choice.reason == "Captioner: my-blip. Generator: org/my-sdxl."


@pytest.mark.usefixtures("sdxl_base")
def test_auto_asks_only_for_the_weights_that_no_flag_replaces(store, tmp_path):
    captioner = write_blip(tmp_path / "my-blip")
    choice = choose("auto", str(captioner), "", has_cuda=True, store=store)
    assert choice.captioner.folder == captioner
    assert choice.generator.checkpoint is SDXL_BASE


def test_a_flag_may_name_the_other_half_of_a_demo(store, tmp_path):
    generator = write_sdxl(tmp_path / "my-sdxl")
    choice = choose("demo", None, str(generator), has_cuda=True, store=store)
    assert choice.captioner.checkpoint is DEMO_CAPTIONER
    assert choice.generator.folder == generator
    assert "Demo models know drawn scenes" in choice.reason


@pytest.mark.usefixtures("blip_large", "sdxl_base")
def test_a_flag_that_names_nothing_is_not_replaced_by_anything(store):
    with pytest.raises(MissingModel, match="org/absent is not on this machine"):
        choose("auto", None, "org/absent", has_cuda=True, store=store)


def test_swapped_flags_are_refused(store, tmp_path):
    captioner, generator = write_blip(tmp_path / "a"), write_sdxl(tmp_path / "b")
    with pytest.raises(UnsuitableModel, match="StableDiffusionXLPipeline family, not BLIP"):
        choose("demo", str(generator), str(captioner), has_cuda=True, store=store)


def test_other_words_for_models_are_refused(store):
    with pytest.raises(ValueError, match="'tiny' is not a valid Models"):
        choose("tiny", None, None, has_cuda=True, store=store)
