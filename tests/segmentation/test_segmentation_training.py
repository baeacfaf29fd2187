"""Runs of every method: exact after a stop, alike for a seed, from a folder and from memory."""

import pytest
import torch

from hyperclade.learning.runs import CHECKPOINT, HISTORY, LAST, read_history
from hyperclade.segmentation.config import METHODS, Backbone, Hierarchy, Method, Training
from hyperclade.segmentation.evaluation import evaluate
from hyperclade.segmentation.module import Segmentation, granularities
from hyperclade.segmentation.protocol import PROTOCOLS
from hyperclade.segmentation.system import SYSTEM, load, preset, preset_names, train
from small_segmentation import recipe, save_vit, to_judge, to_learn
from stopped_runs import Stop, assert_same_state

SMALL = {"stego": {"n_code": 6, "points": 3}, "hp": {"n_code": 6, "places": 4, "n_pool": 16, "renew": 2}}
SMALL |= {"smooseg": {"n_code": 6}, "kmeans": {}}


@pytest.fixture(scope="module")
def vit(tmp_path_factory):
    return save_vit(tmp_path_factory.mktemp("vit"))


def small(vit, method, **options):
    return recipe(vit, method, settings=SMALL[method], **options)


@pytest.mark.parametrize("method", METHODS)
def test_a_stopped_run_ends_as_one_that_was_not(method, vit, tmp_path):
    chosen = small(vit, method, levels=2, components=8, checkpoint_every=2)
    whole = train(chosen, to_learn(), device="cpu")
    with pytest.raises(SystemExit):
        train(chosen, to_learn(), tmp_path / "run", device="cpu", callbacks=[Stop(5)])
    assert (tmp_path / "run" / LAST).exists() and list((tmp_path / "run").glob("features-*"))
    resumed = train(chosen, to_learn(), tmp_path / "run", device="cpu")
    assert_same_state(whole, resumed)
    assert_same_state(load(tmp_path / "run"), resumed)
    assert not list((tmp_path / "run").glob("features-*")) and not (tmp_path / "run" / LAST).exists()
    assert [line["step"] for line in read_history(tmp_path / "run" / HISTORY)] == [3, 6, 9]


def test_another_seed_is_another_run_and_the_same_seed_the_same(vit):
    runs = [train(small(vit, "stego", levels=2, seed=seed), to_learn(), device="cpu") for seed in (0, 0, 1)]
    assert_same_state(*runs[:2])
    assert not torch.equal(runs[0].net.fitted[0], runs[2].net.fitted[0])


def test_a_run_is_found_again_by_its_folder_alone(vit, tmp_path):
    """The network lies in the checkpoint: its folder may go."""
    own = save_vit(tmp_path / "vit", seed=3)
    train(small(own, "stego"), to_learn(), tmp_path / "run", device="cpu")
    before = evaluate(load(tmp_path / "run"), to_judge(), PROTOCOLS["strict"])
    (tmp_path / "vit").rename(tmp_path / "gone")
    assert evaluate(load(tmp_path / "run"), to_judge(), PROTOCOLS["strict"]) == before


def test_another_backbone_of_the_same_name_is_another_run(tmp_path):
    own = save_vit(tmp_path / "vit", seed=3)
    chosen = small(own, "kmeans")
    with pytest.raises(SystemExit):
        train(small(own, "stego"), to_learn(), tmp_path / "run", device="cpu", callbacks=[Stop(1)])
    first = {file.name for file in (tmp_path / "run").glob("features-*")}
    save_vit(tmp_path / "vit", seed=4)
    SYSTEM.prepare(chosen, to_learn(), tmp_path / "run", device="cpu")
    assert {file.name for file in (tmp_path / "run").glob("features-*")} - first  # nothing is taken for it
    with pytest.raises(ValueError, match="holds a run with another backbone"):
        train(small(own, "stego"), to_learn(), tmp_path / "run", device="cpu")


def test_checkpoints_of_others_are_refused(vit, tmp_path):
    torch.save(
        {"state_dict": {"a": torch.ones(1)}, "hyper_parameters": {"recipe": {}}}, tmp_path / CHECKPOINT
    )
    with pytest.raises(ValueError, match="is not a checkpoint of a segmentation run"):
        load(tmp_path)
    train(small(vit, "stego"), to_learn(), tmp_path / "run", device="cpu")
    with pytest.raises(ValueError, match=r"another method\.n_clusters"):
        changed = small(vit, "stego")
        changed.method.n_clusters = 4
        train(changed, to_learn(), tmp_path / "run", device="cpu")


def test_steps_draw_a_crop_of_each_image_and_near_crops_for_it(vit):
    chosen = small(vit, "stego", epochs=1.0)
    samples = to_learn()
    module = Segmentation(chosen, samples)
    prepared = SYSTEM.prepare(chosen, samples, None, device="cpu")
    module.learn_from(prepared)
    module._trainer = type("At", (), {"global_step": 1})()
    torch.manual_seed(0)
    seen = [module._drawn(torch.tensor([2, 7])) for _ in range(30)]
    crops = torch.stack([batch.rows for batch in seen])
    assert (crops // 5 == torch.tensor([2, 7])).all() and len(crops.unique()) == 10
    of_all = torch.from_numpy(prepared.features).float()
    for batch in seen:
        assert torch.equal(batch.features, of_all[batch.rows])
        for row, found in zip(batch.rows.tolist(), batch.positive, strict=True):
            near = prepared.neighbours[row]
            assert any(torch.equal(found, of_all[k]) for k in near.tolist()) and row not in near


def test_clusters_of_a_finished_run_are_of_length_one_at_every_granularity(vit):
    module = train(small(vit, "smooseg", levels=2), to_learn(), device="cpu")
    assert [len(centres) for centres in module.net.fitted] == granularities(module.recipe) == [3, 6, 12]
    for centres in module.net.fitted:
        torch.testing.assert_close(centres.norm(dim=1), torch.ones(len(centres)))


def test_every_preset_is_a_recipe_and_every_method_has_one():
    methods = {preset(name).method.name for name in preset_names()}
    assert methods == set(METHODS)
    assert preset("stego", "omh").hierarchy == Hierarchy(3, temperature=0.005)
    assert preset("stego", "omh-paper").hierarchy.plan == "literal"
    assert preset("hp", "camvid").method.n_clusters == 11


@pytest.mark.parametrize(
    ("made", "named"),
    [
        (lambda: Method("stego", 1), "n_clusters must be between 2 and 255"),
        (lambda: Method("dino"), "name must be one of"),
        (lambda: Hierarchy(factor=0.5), "factor must be at least 1"),
        (lambda: Hierarchy(temperature=0.0), "temperature must be positive"),
        (lambda: Hierarchy(anneal_from=0.001), "anneal_from must not be below"),
        (lambda: Hierarchy(start=1.0), "start must be"),
        (lambda: Hierarchy(plan="rows"), "plan must be one of"),
        (lambda: Backbone(stride=0), "stride must be at least 1"),
        (lambda: Training(ratio=0.0), "ratio must be above 0"),
        (lambda: Training(clip=0.0), "clip must be positive"),
    ],
)
def test_settings_that_make_no_sense(made, named):
    with pytest.raises(ValueError, match=named):
        made()


def test_several_devices(vit):
    with pytest.raises(ValueError, match="on one device"):
        train(small(vit, "stego", devices=2), to_learn(), device="cpu")


def test_too_few_images(vit):
    with pytest.raises(ValueError, match="at least 2 images"):
        train(small(vit, "stego"), to_learn(1), device="cpu")
