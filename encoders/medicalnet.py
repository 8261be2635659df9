"""3D ResNets pretrained on medical volumes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from data.base import Float32, Image
from encoders.networks.pixels import demand_scaled, resize_volume, standardize
from encoders.networks.projection import Projected
from encoders.networks.torch_base import Precision, TorchEncoder
from encoders.networks.weights import WeightsError, file_digest, load_weights, read_weights

if TYPE_CHECKING:
    from torch import nn

FILES = {10: "_23dataset", 18: "_23dataset", 34: "_23dataset", 50: "_23dataset", 101: "", 152: "", 200: ""}


@dataclass(frozen=True, kw_only=True)
class Medicalnet(Projected, TorchEncoder):
    """MedicalNet's 3D ResNet; a volume is one token of 512 (depth 10, 18 and 34) or 2048 features.

    MedicalNet was trained on volumes of mean 0 and standard deviation 1, so each crop is standardised.

    Args:
        depth: 10, 18, 34, 50, 101, 152 or 200 layers.
        weights: `"pretrained"` (from the hub), a file in MedicalNet's format, or `"random"`.
        size: Voxels (D, H, W) that each volume is resized to.
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
    standardize: bool = True
    precision: Precision = "fp32"
    batch: ClassVar[Mapping[str, int]] = {"cpu": 4, "cuda": 32}

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
        return network

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
