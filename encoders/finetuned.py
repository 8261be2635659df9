"""A 2D network from timm, trained end to end on the labelled training crops of the fold."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from data.base import Float32, Image
from data.describing.networks import papers
from data.describing.plug_in import Description
from data.numerics.temperature import best_temperature
from data.text.names import nearest
from encoders.base import Encoder
from encoders.finetuning.crops import PreparedCrops
from encoders.finetuning.fitted import FACTS, NETWORK, FittedFinetuned
from encoders.finetuning.network import build, weights_digest
from encoders.finetuning.training import Trainer, TrainingSettings
from encoders.networks.pixels import network_inputs, resize_slices
from encoders.networks.stopping import held_out_by_label
from encoders.networks.torch_base import TorchEncoder, seeded
from encoders.networks.weighting import class_weights
from encoders.networks.weights import load_weights, read_weights

LARGEST_TEMPERATURE = 20.0  # the best temperature of a few rows that are all classified correctly would be 0


@dataclass(frozen=True, kw_only=True)
class Finetuned(Encoder):
    """A timm network trained with labels; every slice is a token of F features, those before its classifier.

    Each slice of a crop goes through the network as three equal channels. The features are averaged over the slices,
    and a linear layer gives the classes. AdamW trains with cross-entropy along one cycle of the learning rate, until
    the loss on held-out patients has not fallen for `patience` epochs; the best epoch is kept. A temperature, fitted on
    the same patients, calibrates the probabilities, which head `own` reads. Every crop counts once for it.

    Augmentation turns, shifts and scales crops, changes contrast and brightness, and adds noise. It never mirrors,
    since left and right are different findings.

    The presets are `convnext` (`convnext_tiny`), `densenet121`, `efficientnetv2` (`tf_efficientnetv2_s`), and
    `efficientnet_lite0` (`tf_efficientnet_lite0`), whose pretrained weights come from a package and need no hub. On a
    CPU, the same seed and number of threads give the same bits.

    Args:
        preset: Short name of a network; "" takes `network`.
        network: A name in `timm.list_models()`, with or without the tag of its weights, where `preset` is empty.
        weights: Where training starts: `"pretrained"` (timm's own, fetched from the hub), a file, or `"random"`.
        size: Side of the square that each slice is resized to, in pixels.
        epochs: Largest number of epochs, and the length of the learning rate's cycle.
        batch_size: Crops in each training step.
        learning_rate: Highest learning rate of the cycle.
        decay: Weight decay of AdamW.
        class_weights: Whether every class has the same weight in the loss, however many crops it has. Probabilities are
            then those of equally frequent classes.
        dropout: Share of the averaged features that is dropped in training.
        augmentation: Strength of the augmentation; 1 is up to 10 degrees, 5 % shift, 10 % scale and 20 % contrast.
        validation: Share of the training patients held out to stop early and to fit the temperature. With 0 all epochs
            run, the last is kept and the temperature is 1.
        patience: Training stops after so many epochs without a fall of the held-out loss.
        precision: Precision of training: `"auto"` is bfloat16 where a GPU's autocast allows, and float32 on a CPU;
            `"fp32"` is always float32. Tokens are computed in float32.
        rescale: Whether the 1st to 99th percentile of each crop is first stretched to [0, 1].

    References:
        R. Wightman, PyTorch Image Models, 2019, doi:10.5281/zenodo.4414861.
        Z. Liu et al., A ConvNet for the 2020s, CVPR 2022, arXiv:2201.03545.
        G. Huang et al., Densely connected convolutional networks, CVPR 2017, arXiv:1608.06993.
        M. Tan, Q. Le, EfficientNetV2: Smaller models and faster training, ICML 2021, arXiv:2104.00298.
        L. Smith, N. Topin, Super-convergence: Very fast training of neural networks using large learning rates, 2017,
        arXiv:1708.07120.
        I. Loshchilov, F. Hutter, Decoupled weight decay regularization, ICLR 2019, arXiv:1711.05101.
        C. Guo et al., On calibration of modern neural networks, ICML 2017, arXiv:1706.04599.
    """

    words = "a 2D network trained end to end on the crops with the labels of the training patients, slice by slice"
    cites = ("wightman2019", "smith2017", "loshchilov2019", "guo2017")
    packages = ("torch", "timm", "opencv-python-headless", "scipy")
    licence = "that of the network's card on its hub"

    learns: ClassVar[Literal["nothing", "images", "labels"]] = "labels"
    classifies: ClassVar[bool] = True
    presets: ClassVar[Mapping[str, str]] = {
        "convnext": "convnext_tiny",
        "densenet121": "densenet121",
        "efficientnetv2": "tf_efficientnetv2_s",
        "efficientnet_lite0": "tf_efficientnet_lite0",
    }

    preset: str = "convnext"
    network: str = ""
    weights: str = "pretrained"
    size: int = 224
    epochs: int = 15
    batch_size: int = 32
    learning_rate: float = 3e-4
    decay: float = 0.05
    class_weights: bool = False
    dropout: float = 0.2
    augmentation: float = 1.0
    validation: float = 0.2
    patience: int = 5
    precision: Literal["auto", "fp32"] = "auto"
    rescale: bool = False

    def __post_init__(self) -> None:
        if bool(self.preset) == bool(self.network):
            raise ValueError(
                f"preset ('{self.preset}') or network ('{self.network}') must be given, and not both: "
                "for any network of timm set preset='' and network=NAME"
            )
        if self.preset and self.preset not in self.presets:
            raise ValueError(
                f"no preset '{self.preset}'{nearest(self.preset, self.presets)} "
                "For any other network of timm set preset='' and network=NAME"
            )
        least = {"size": 1, "epochs": 1, "batch_size": 2, "patience": 1}
        for name, value in least.items():
            if getattr(self, name) < value:
                raise ValueError(f"{name} ({getattr(self, name)}) must be {value} or more")
        for name in ("dropout", "validation"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} ({getattr(self, name)}) must be from 0 to below 1")
        if self.learning_rate <= 0:
            raise ValueError(f"learning_rate ({self.learning_rate}) must be above 0")
        for name in ("decay", "augmentation"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} ({getattr(self, name)}) must be 0 or more")
        if self.precision not in ("auto", "fp32"):
            raise ValueError(f"precision ({self.precision}) must be auto or fp32")

    @property
    def model(self) -> str:
        """The name of the network in timm."""
        return self.presets[self.preset] if self.preset else self.network

    def weights_digest(self) -> str:
        """The digest of the file, or the name of the weights on the hub."""
        return weights_digest(self.model, self.weights)

    def prepare(self, image: Image) -> Float32:
        """The inputs of one image, one for each slice: `(D, 1, size, size)`."""
        return network_inputs(resize_slices(image.pixels, self.size, self.size), rescale=self.rescale)[:, None]

    def fit(
        self,
        images: Sequence[Image],
        y: NDArray[np.int64] | None,
        *,
        groups: NDArray[np.str_],
        seed: int,
        device: str,
    ) -> FittedFinetuned:
        """Trains on all crops except those of the held-out patients.

        Raises:
            ValueError: There are no labels, a single class or too few patients, timm has no such network, or the
                network can't take this size.
            WeightsError: The hub can't be reached, or the file doesn't fit.
        """
        if y is None:
            raise ValueError("finetuned learns from labels, but y is None: give the class of each image")
        held = self.held_out(y, groups, seed)
        classes = int(y.max()) + 1
        network = self._on(device, self.weights, classes, seed)
        weights, _ = class_weights(y[~held], classes, weighted=self.class_weights)
        settings = TrainingSettings(**{field.name: getattr(self, field.name) for field in fields(TrainingSettings)})
        trainer = Trainer(settings, network, PreparedCrops(images, self.prepare, device), y, weights, device)
        curve = trainer.train(np.flatnonzero(~held), np.flatnonzero(held), seed)
        rows = np.flatnonzero(held)
        found = 1.0
        if len(rows):
            logits = trainer.logits(rows).astype(np.float64)
            found = best_temperature(logits, y[rows], largest=LARGEST_TEMPERATURE)
        return self._fitted(network, found, curve, device)

    def held_out(self, y: NDArray[np.int64], groups: NDArray[np.str_], seed: int) -> NDArray[np.bool_]:
        """`(n,)` bool: the crops of the held-out patients, who are spread evenly over the patients' mean labels.

        Raises:
            ValueError: There is a single class or patient, or a class keeps no training patients.
        """
        present = np.unique(y)
        if len(present) == 1:
            raise ValueError(
                f"all {len(y)} crops have class {', '.join(map(str, present))}: training needs two classes"
            )
        held = held_out_by_label(y, groups, self.validation, seed)
        if self.validation and not held.any():
            raise ValueError(
                f"validation ({self.validation}) needs 2 patients or more, but there is {len(np.unique(groups))}: "
                "set validation=0"
            )
        missing = np.setdiff1d(present, y[~held])
        if len(missing):
            patients = len(np.unique(groups[y == missing[0]]))
            raise ValueError(
                f"class {missing[0]} has {patients} training patients, all held out by validation={self.validation}: "
                "merge classes, or set validation=0"
            )
        return held

    def load(self, folder: Path, *, device: str) -> FittedFinetuned:
        """What `FittedFinetuned.save` wrote; it needs no hub and no file of weights."""
        facts = json.loads((folder / FACTS).read_text())
        network = self._on(device, "random", facts["classes"], 0)
        load_weights(network, read_weights(folder / NETWORK), source=folder / NETWORK)
        curve = [{k: float("nan") if v is None else v for k, v in line.items()} for line in facts["curve"]]
        return self._fitted(network, facts["temperature"], curve, device)

    def _on(self, device: str, weights: str, classes: int, seed: int) -> Any:
        import torch

        with seeded(seed):
            network: Any = build(self.model, weights, self.size, classes)
        return network.to(device, memory_format=torch.channels_last)

    def _fitted(self, network: Any, found: float, curve: Any, device: str) -> FittedFinetuned:
        batch = TorchEncoder.batch[device.split(":")[0]]
        return FittedFinetuned(network, self.prepare, found, curve, device=device, batch=batch)

    def describe(self) -> Description:
        """The description, with the network's name and paper."""
        found, network = super().describe(), papers(self.model)
        return replace(
            found,
            words=f"{self.model}, {found.words}",
            cites=(*network, *found.cites),
            stops_early=self.validation > 0,
        )
