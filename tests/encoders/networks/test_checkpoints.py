"""A file of weights is read by what it holds, and what is none is named with the way out; nothing in it runs."""

import argparse
import gzip
import os
import pickle
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from encoders.networks.timm_network import create
from encoders.networks.weights import WeightsError, load_weights, read_weights


class AttributeDict(dict):
    """Arguments as Lightning keeps them: a mapping of a class that only the writer has."""


class Opens:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def network(seed=0):
    torch.manual_seed(seed)
    return torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2))


STATE = network(1).state_dict()
OTHER = network(2).state_dict()


def under(prefix, state=STATE):
    return {f"{prefix}{name}": tensor for name, tensor in state.items()}


LOADED = {
    "Lightning": {"state_dict": under("model."), "pytorch-lightning_version": "2.0"},
    "Lightning with arguments": {"state_dict": under("net."), "hyper_parameters": AttributeDict(rate=1e-3)},
    "MAE": {"model": STATE, "args": argparse.Namespace(rate=1e-3), "epoch": 5},
    "a NumPy scalar": {"model": STATE, "best": np.float64(0.9), "draws": np.arange(3)},
    "a path": {"model": STATE, "file": Path("/data")},
    "compiled": under("_orig_mod."),
    "parallel and compiled": under("module._orig_mod."),
    "a backbone": under("backbone."),
    "a head of several layers": STATE | {"fc.0.weight": torch.zeros(3, 3), "fc.2.bias": torch.zeros(3)},
    "a decoder of pretraining": STATE | {"decoder_blocks.0.bias": torch.zeros(3), "mask_token": torch.zeros(1)},
    "MoCo": {
        "state_dict": under("module.encoder_q.") | under("module.encoder_k.", OTHER) | {"module.queue": torch.zeros(2)}
    },
    "DINO": {
        "teacher": under("module.backbone.") | {"module.head.mlp.0.bias": torch.zeros(2)},
        "student": under("module.backbone.", OTHER),
    },
    "model_state_dict": {"model_state_dict": STATE, "optimizer": {"state": {0: {"exp_avg": torch.zeros(2)}}}},
    "half precision": {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in STATE.items()},
}


@pytest.mark.parametrize("kind", LOADED)
def test_every_wrapping_gives_the_same_network(kind, tmp_path):
    torch.save(LOADED[kind], tmp_path / "file.any")
    target = network()
    load_weights(target, read_weights(tmp_path / "file.any"), source="file.any")
    accuracy = 1e-3 if kind == "half precision" else 0
    for name, tensor in target.state_dict().items():
        torch.testing.assert_close(tensor, STATE[name], rtol=accuracy, atol=accuracy)


@pytest.mark.parametrize("suffix", [".bin", ".pth", ".ckpt"])
def test_the_suffix_means_nothing(suffix, tmp_path):
    save_file(STATE, tmp_path / f"file{suffix}")
    torch.save(STATE, tmp_path / "file.safetensors")
    for name in (f"file{suffix}", "file.safetensors"):
        assert all(tensor.equal(STATE[name]) for name, tensor in read_weights(tmp_path / name).items())


def test_a_file_of_two_networks_names_them(tmp_path):
    torch.save({"net": STATE, "ema": OTHER}, tmp_path / "file.pth")
    with pytest.raises(WeightsError, match=r"holds 2 such networks, .* 'net\.' and 'ema\.': save the one"):
        load_weights(network(), read_weights(tmp_path / "file.pth"), source="file.pth")


def test_a_deeper_network_of_the_same_kind_is_refused():
    deeper = under("backbone.") | {"backbone.1.extra": torch.zeros(2)}
    with pytest.raises(WeightsError, match=r"6 of 6 tensors match after 'backbone\.'; .* 1.extra \(2,\): not in the"):
        load_weights(network(), deeper, source="x")


def _write(path, content):
    path.write_bytes(content)


def _zip(path):
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("weights.npy", "0")


def _tar(path):
    with tarfile.open(path, "w") as file:
        file.add(__file__, "a.py")


def _flipped(path):
    torch.save(STATE, path)
    data = bytearray(path.read_bytes())
    at = data.find(STATE["0.weight"].numpy().tobytes())
    data[at] ^= 1
    path.write_bytes(bytes(data))


def _cut(path, write):
    write(STATE, path)
    path.write_bytes(path.read_bytes()[:-200])


FOREIGN = {
    "is empty: fetch": lambda path: _write(path, b""),
    "is a pointer of Git LFS, .* git lfs pull": lambda path: _write(
        path, b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 99\n"
    ),
    "is a web page, .* fetch": lambda path: _write(path, b"\n<!DOCTYPE html><html>Sign in</html>"),
    "is JSON text, .* an index": lambda path: _write(path, b'{"weight_map": {}}'),
    "is text, which begins 'Not Found'": lambda path: _write(path, b"Not Found\n"),
    "is a gzip archive: unpack": lambda path: _write(path, gzip.compress(b"0")),
    "is a tar archive: unpack": _tar,
    "is a zip archive of weights.npy": _zip,
    "is an HDF5 file": lambda path: _write(path, b"\x89HDF\r\n\x1a\n"),
    "is a NumPy array": lambda path: _write(path, b"\x93NUMPY\x01\x00"),
    "is a pickle that torch did not write: save": lambda path: _write(path, pickle.dumps({"a": 1})),
    "is neither a .safetensors file nor": lambda path: _write(path, bytes(range(129, 256))),
    "is an object of class torch.nn.*Sequential, not tensors": lambda path: torch.save(network(), path),
    "holds epoch, and no tensors": lambda path: torch.save({"epoch": 3}, path),
    "is one tensor without a name": lambda path: torch.save(torch.zeros(3), path),
    "is a TorchScript program": lambda path: torch.jit.save(_scripted(), path),
    "wrong checksum": _flipped,
    r"is damaged or cut short \(File is not a zip": lambda path: _cut(path, torch.save),
    r"is damaged or cut short \(.*: fetch": lambda path: _cut(path, save_file),
}


@pytest.mark.filterwarnings("ignore:.*torch.jit")
@pytest.mark.parametrize("why", FOREIGN)
def test_what_is_no_weights_is_named_in_one_line(why, tmp_path):
    path = tmp_path / "w.pth"
    FOREIGN[why](path)
    with pytest.raises(WeightsError, match=f"w.pth' .*{why}") as found:
        read_weights(path)
    line = str(found.value)
    assert "\n" not in line and "\x1b" not in line and "weights_only" not in line and len(line) < 400


def test_nothing_in_a_file_runs(tmp_path):
    made = tmp_path / "made"
    torch.save({"model": STATE, "args": Opens(made)}, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="holds other things than tensors"):
        read_weights(tmp_path / "w.pth")
    torch.save({"model": STATE, "args": Opens(made)}, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    with pytest.raises(WeightsError, match="holds other things than tensors"):
        read_weights(tmp_path / "old.pth")
    assert not made.exists()


def _positions(size):
    import timm

    return timm.create_model("test_vit", pretrained=False, img_size=size, num_classes=0)


def test_positions_of_another_size_are_resampled_as_timm_does(tmp_path):
    from timm.layers import resample_abs_pos_embed

    source = _positions(160).state_dict()
    torch.save(
        {"model": under("module.backbone.", source) | {"module.head.weight": torch.zeros(3, 64)}}, tmp_path / "w"
    )
    built = create("test_vit", str(tmp_path / "w"), 96).state_dict()
    wanted = resample_abs_pos_embed(source["pos_embed"], (6, 6), num_prefix_tokens=1)
    torch.testing.assert_close(built.pop("pos_embed"), wanted)
    assert all(tensor.equal(source[name]) for name, tensor in built.items())


def test_patches_of_another_size_are_another_network(tmp_path):
    state = _positions(160).state_dict()
    state["patch_embed.proj.weight"] = torch.zeros(64, 3, 8, 8)
    torch.save(state, tmp_path / "w")
    with pytest.raises(WeightsError, match=r"patch_embed.proj.weight \(64, 3, 16, 16\): \(64, 3, 8, 8\)"):
        create("test_vit", str(tmp_path / "w"), 160)


def _scripted():
    return torch.jit.script(network())
