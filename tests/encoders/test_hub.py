"""Names of hub models where the hub does not answer: the copy kept here, or one clear line within seconds."""

import socket
import time

import pytest
import torch

pytest.importorskip("transformers")
from hyperclade.encoders import load_backbone, load_encoder, load_patches, load_pyramid
from small_segmentation import save_vit


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """The folder of copies, and a hub at a port where nobody listens."""
    from huggingface_hub import constants

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{port}")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    return tmp_path / "hub"


@pytest.mark.parametrize("load", [load_backbone, load_encoder, load_patches, load_pyramid])
def test_a_name_without_a_copy_is_one_line_at_once(hub, load):
    began = time.monotonic()
    with pytest.raises(ValueError, match=r"'owner/none': no such folder, no copy .* does not answer\. Give"):
        load("owner/none")
    assert time.monotonic() - began < 2


def test_a_name_server_that_hangs_is_not_waited_for(hub, monkeypatch):
    def hang(*_, **__):
        time.sleep(3)
        raise OSError("no such name")

    monkeypatch.setattr(socket, "create_connection", hang)
    began = time.monotonic()
    with pytest.raises(ValueError, match="does not answer"):
        load_backbone("owner/none")
    assert time.monotonic() - began < 2


def test_a_model_that_was_loaded_before_comes_from_its_copy(hub, tmp_path):
    copy = hub / "models--owner--tiny"
    (copy / "refs").mkdir(parents=True)
    (copy / "refs" / "main").write_text("0" * 40)
    save_vit(copy / "snapshots" / ("0" * 40))
    save_vit(tmp_path / "tiny")
    found, wanted = load_backbone("owner/tiny").eval(), load_backbone(tmp_path / "tiny").eval()
    assert found.blueprint["name"] == "owner/tiny"
    images = torch.rand(2, 3, 40, 40)
    with torch.no_grad():
        assert torch.equal(found(images), wanted(images))


def test_offline_by_choice_is_said(hub, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ValueError, match="HF_HUB_OFFLINE is set"):
        load_backbone("owner/none")
