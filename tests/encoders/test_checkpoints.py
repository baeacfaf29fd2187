import pytest
import torch

from hyperclade.encoders.checkpoints import load_model, pooled_features, source_of


class Checkpoint:
    """A class of models whose checkpoint lacks some weights."""

    def __init__(self, *missing):
        self.missing = missing

    def from_pretrained(self, source, *, output_loading_info, **options):
        assert output_loading_info
        if source == "broken":
            raise OSError("no config")
        return (source, options), {"missing_keys": self.missing}


def test_a_checkpoint_may_lack_only_what_is_not_used():
    assert load_model("it", Checkpoint(), "here", may_lack=".pooler.", size=3) == (
        ("here", {"size": 3}),
        True,
    )
    some = Checkpoint("pooler.dense.weight", "vision_model.pooler.bias")
    assert load_model("it", some, "here", may_lack=".pooler.")[1] is False
    with pytest.raises(ValueError, match=r"it: the checkpoint lacks the weights of \['layer.spooler.bias'\]"):
        load_model("it", Checkpoint("pooler.bias", "layer.spooler.bias"), "here", may_lack=".pooler.")
    with pytest.raises(ValueError, match=r"it cannot be loaded: no config\. Give a folder"):
        load_model("it", Checkpoint(), "broken", may_lack=".pooler.")


def test_a_folder_is_meant_where_the_name_says_so_or_there_is_one(tmp_path, monkeypatch):
    monkeypatch.setattr("hyperclade.environment.find_spec", lambda module: module)
    monkeypatch.setattr("hyperclade.encoders.hub._answers", lambda endpoint: True)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "some").mkdir()
    assert source_of("it", "some") == "some" and source_of("it", "some/") == "some"
    assert source_of("it", "owner/model") == "owner/model"
    for name in ("absent/", "./absent", "~/absent", str(tmp_path / "absent")):
        with pytest.raises(ValueError, match="it: no such folder"):
            source_of("it", name)


@pytest.mark.parametrize("pooler_is_trained", [True, False])
def test_pooled_features_of_every_kind_of_output(pooler_is_trained):
    class Output:
        last_hidden_state = torch.arange(12.0).reshape(1, 3, 4)

    mean = Output.last_hidden_state.mean(dim=1)
    assert torch.equal(pooled_features(Output, pooler_is_trained=pooler_is_trained), mean)
    Output.pooler_output = torch.ones(1, 4, 1, 1)
    expected = torch.ones(1, 4) if pooler_is_trained else Output.last_hidden_state[:, 0]
    assert torch.equal(pooled_features(Output, pooler_is_trained=pooler_is_trained), expected)
    Output.last_hidden_state = torch.arange(16.0).reshape(1, 4, 2, 2)
    if not pooler_is_trained:
        assert torch.equal(pooled_features(Output, pooler_is_trained=False)[0, 0], torch.tensor(1.5))
