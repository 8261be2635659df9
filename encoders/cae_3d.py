"""A 3D convolutional autoencoder, trained on the training volumes of the fold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from encoders.autoencoder.base import Autoencoder
from encoders.autoencoder.recipe import COMPACT, DISC, DISC_SMALL, KNEE, AutoencoderRecipe
from encoders.base import Encoder


@dataclass(frozen=True, kw_only=True)
class Cae3d(Autoencoder, Encoder):
    """A 3D convolutional autoencoder; a volume is one token of `latent` features.

    The encoder has convolutions of stride 2 and a dense layer to the latent; the decoder goes back by 4x4x4 transposed
    convolutions of stride 2. Fields that are 0 or empty take the value of the preset:

    - `compact`: 32x32x32 voxels of intensity, 3x3x3 convolutions 16, 32, 64 with GroupNorm and SiLU, 32 features,
      squared error, batches of 16, 1000 steps.
    - `knee`, the published architecture, for a GPU: 160x64x64 voxels of intensity, 5x5x5 convolutions 64, 128, 256, 256
      (LeakyReLU .2), 200 features between 0 and 1 (sigmoid), squared error, batches of 4.
    - `disc`, the published architecture, for a GPU: a mask of 64x64x64 voxels of 1 mm, 3x3x3 convolutions 32, 64, 128,
      256, 512 with BatchNorm and ReLU, 8 features, binary cross-entropy, batches of 16.
    - `disc_small`, for two cores: the same with 32x32x32 voxels of 2 mm, 16, 32, 64, 128 channels, 4 features,
      batches of 8.

    Training takes at most `steps` steps, whatever the number of images, with AdamW. The learning rate rises over the
    first 100 steps and then falls to 0 along a cosine. The loss on held-out patients is taken 20 times; training stops
    when it has not fallen for `patience` steps, and the network with the lowest loss is kept. If `validation` is less
    than one patient, nobody is held out: all steps run, the last network is kept, and the learning curve has no
    validation loss. The network learns differences from the mean training image.

    Args:
        preset: `compact`, `knee`, `disc` or `disc_small`; it gives the value of every field that is 0 or empty.
        size: Voxels (D, H, W) of the input; each convolution must be able to halve every side.
        channels: Channels of each convolution.
        kernel: Side of the convolutions; odd.
        latent: Number of features.
        input: `intensity`, `mask` (of the structure that the crop is around) or `both`.
        loss: `mse`, or `bce` for inputs between 0 and 1.
        placing: `resize` stretches each crop to `size`; `pad` crops or pads it at `spacing_mm`, which preserves
            lengths.
        spacing_mm: Size of a voxel along D, H and W, for `pad`.
        variational: Whether features are the means of normal distributions, which training draws from.
        beta: Weight of their divergence from a standard normal distribution; 1 with `bce` gives the evidence bound.
        steps: Largest number of training steps.
        batch_size: Volumes in each training step.
        learning_rate: The highest learning rate.
        validation: Share of the training patients held out to stop early.
        patience: Training stops after so many steps without a fall of the held-out loss.
        augmentation: How much training inputs change at random in each step: 1 turns them by up to 10 degrees, scales
            them by 10 % and shifts them by 5 % of their side, never mirrored; 0 not at all. None takes the preset's: 1
            for intensities, 0 for `disc` and `disc_small`, whose few features are meant for shape and not for place.
        precision: Precision of encoding; training is in fp32.
        rescale: Whether the 1st to 99th percentile of each crop's intensity is first stretched to [0, 1].

    References:
        D. P. Kingma, M. Welling, Auto-encoding variational Bayes, 2014, arXiv:1312.6114.
        Y. Wu, K. He, Group normalization, 2018, arXiv:1803.08494.
        I. Loshchilov, F. Hutter, Decoupled weight decay regularization, 2019, arXiv:1711.05101.
        I. Loshchilov, F. Hutter, SGDR: Stochastic gradient descent with warm restarts, 2017, arXiv:1608.03983 (the
        fall of the learning rate, without restarts).
    """

    words = "a 3D convolutional autoencoder"
    cites = ("loshchilov2019", "loshchilov2017")
    packages = ("torch",)

    presets: ClassVar[Mapping[str, AutoencoderRecipe]] = {
        "compact": replace(
            COMPACT, shape=(32, 32, 32), channels=(16, 32, 64), spacing_mm=(1.0, 1.0, 1.0), batch_size=16, steps=1000
        ),
        "knee": KNEE,
        "disc": DISC,
        "disc_small": DISC_SMALL,
    }

    size: tuple[int, ...] = ()

    @property
    def shape(self) -> tuple[int, ...]:
        """The input's `(D, H, W)`."""
        return self.size
