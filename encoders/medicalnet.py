"""3D ResNets pretrained on medical volumes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from data.base import Float32, Image
from encoders.networks.depth import STRIDE, DepthNetwork, depth_features
from encoders.networks.pixels import demand_scaled, resize_volume, standardize
from encoders.networks.projection import Projected
from encoders.networks.torch_base import FrozenNetwork, Precision, TorchEncoder
from encoders.networks.weights import WeightsError, file_digest, load_weights, read_weights

if TYPE_CHECKING:
    from torch import nn

FILES = {10: "_23dataset", 18: "_23dataset", 34: "_23dataset", 50: "_23dataset", 101: "", 152: "", 200: ""}


@dataclass(frozen=True, kw_only=True)
class Medicalnet(Projected, TorchEncoder):
    """MedicalNet's 3D ResNet; tokens of 512 (depth 10, 18 and 34) or 2048 features.

    MedicalNet was trained on volumes of mean 0 and standard deviation 1, so each crop is standardised.

    With `tokens="volume"` a crop is one token: the mean over the last map, which has a position every 32 voxels. With
    `tokens="depth"` the last two stages are dilated instead of strided, as published, so that the last map has a
    position every 8 voxels along each axis. A crop of any number of slices then has D / 8 tokens, in the order of its
    slices: each is the mean over height and width at one position and stands for an equal part of the crop's depth.
    Three slices resized to a depth of 24 have a token each; the default of 16 gives 2 tokens. A token also sees beyond
    its own part, since the network looks farther than 8 voxels. Fusions that weigh slices weigh these tokens.

    Args:
        depth: 10, 18, 34, 50, 101, 152 or 200 layers.
        weights: `"pretrained"` (from the hub), a file in MedicalNet's format, or `"random"`.
        size: Voxels (D, H, W) that each volume is resized to; D is a multiple of 8 for `tokens="depth"`.
        tokens: `"volume"`, one token for each crop, or `"depth"`, one for each 8 voxels of the resized depth.
        standardize: False where an image step has already brought the volume to mean 0 and standard deviation 1.
        project: Number of features to project to, such as 512; 0 keeps all.
        project_by: `"pca"`, fitted on the training tokens, or `"random"`, Gaussian directions.
        precision: `"fp32"`, or `"bf16"`, which changes features by up to 10 %.

    References:
        S. Chen, K. Ma, Y. Zheng, Med3D: Transfer Learning for 3D Medical Image Analysis, 2019, arXiv:1904.00625.
    """

    words = "MedicalNet's 3D ResNet"
    cites = ("chen2019", "cardoso2022")
    packages = ("torch", "monai", "opencv-python-headless")
    licence = "MIT"

    depth: int = 18
    weights: str = "pretrained"
    size: tuple[int, int, int] = (16, 112, 112)
    tokens: Literal["volume", "depth"] = "volume"
    standardize: bool = True
    precision: Precision = "fp32"
    batch: ClassVar[Mapping[str, int]] = {"cpu": 4, "cuda": 32}
    # Few positions of a dilated map fill a core badly; more volumes at once take half the time.
    depth_batch: ClassVar[Mapping[str, int]] = {"cpu": 16, "cuda": 32}

    def __post_init__(self) -> None:
        if self.tokens not in ("volume", "depth"):
            raise ValueError(f"tokens ({self.tokens}) must be volume or depth")
        if self.tokens == "depth" and self.size[0] % STRIDE:
            raise ValueError(
                f"size ({'x'.join(map(str, self.size))}) must have a depth that is a multiple of {STRIDE} for "
                f"tokens=depth: use {(self.size[0] // STRIDE + 1) * STRIDE}"
            )

    def prepare(self, image: Image) -> Float32:
        """The input of one image, `(1, 1, D, H, W)`."""
        volume = resize_volume(image.pixels, self.size)
        return (standardize(volume) if self.standardize else demand_scaled(volume))[None, None]

    def build(self, *, seed: int) -> nn.Module:
        """MONAI's ResNet without its classifier.

        Raises:
            ValueError: There is no such depth.
            WeightsError: The hub can't be reached, or the file doesn't fit.
        """
        from monai.networks import nets

        if self.depth not in FILES:
            raise ValueError(f"MedicalNet has no depth {self.depth}: use one of {', '.join(map(str, FILES))}")
        slim = self.depth in (18, 34)
        # The first convolution of MedicalNet has stride 2; with MONAI's default of 1 filters would see half as much.
        network: nn.Module = getattr(nets, f"resnet{self.depth}")(
            spatial_dims=3,
            n_input_channels=1,
            conv1_t_stride=2,
            feed_forward=False,
            shortcut_type="A" if slim else "B",
            bias_downsample=slim,
        )
        if self.weights != "random":
            path = self._fetch() if self.weights == "pretrained" else self.weights
            load_weights(network, read_weights(path), source=path)
        return depth_features(network) if self.tokens == "depth" else network

    def frozen_network(self, network: nn.Module, *, device: str) -> FrozenNetwork:
        """The network with this encoder's preparation of volumes."""
        if self.tokens == "volume":
            return super().frozen_network(network, device=device)
        batch = self.depth_batch[device.split(":")[0]]
        return DepthNetwork(network, self.prepare, device=device, precision=self.precision, batch=batch)

    def weights_digest(self) -> str:
        """The digest of the file, or the name of the weights on the hub."""
        if self.weights == "random":
            return ""
        return "/".join(self._on_hub()) if self.weights == "pretrained" else file_digest(self.weights)

    def _on_hub(self) -> tuple[str, str]:
        return f"TencentMedicalNet/MedicalNet-Resnet{self.depth}", f"resnet_{self.depth}{FILES[self.depth]}.pth"

    def _fetch(self) -> str:
        from huggingface_hub import hf_hub_download

        repository, file = self._on_hub()
        try:
            return hf_hub_download(repo_id=repository, filename=file)
        except OSError as error:
            raise WeightsError(
                f"the weights of MedicalNet {self.depth} could not be fetched ({type(error).__name__}): bring the "
                f"file {file} of {repository} from the Hugging Face hub and set weights=FILE"
            ) from error
