"""A 2D convolutional autoencoder, trained on the training images of the fold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from encoders.autoencoder.base import Autoencoder
from encoders.autoencoder.recipe import COMPACT, DISC, DISC_SMALL, KNEE, AutoencoderRecipe
from encoders.base import Encoder


@dataclass(frozen=True, kw_only=True)
class Cae2d(Autoencoder, Encoder):
    """A 2D convolutional autoencoder; every slice is a token of `latent` features.

    The encoder has convolutions of stride 2 and a dense layer to the latent; the decoder goes back by 4x4 transposed
    convolutions of stride 2. Fields that are 0 or empty take the value of the preset:

    - `compact`: 64x64 pixels of intensity, 3x3 convolutions 16, 32, 64, 64 with GroupNorm and SiLU, 32 features,
      squared error, batches of 32, 2000 steps.
    - `knee`, the published architecture: 64x64 pixels of intensity, 5x5 convolutions 64, 128, 256, 256 (LeakyReLU .2),
      100 features between 0 and 1 (sigmoid), squared error, batches of 128.
    - `disc`, the published 3D architecture in 2D: a mask of 64x64 pixels of 1 mm, 3x3 convolutions 32 to 512 with
      BatchNorm and ReLU, 8 features, binary cross-entropy, batches of 16.
    - `disc_small`, the same for two cores: 32x32 pixels of 2 mm, 16 to 128 channels, 4 features, batches of 8.

    Training takes at most `steps` steps, whatever the number of images, with AdamW. The learning rate rises over the
    first 100 steps and then falls to 0 along a cosine. The loss on held-out patients is taken 20 times; training stops
    when it has not fallen for `patience` steps, and the network with the lowest loss is kept. If `validation` is less
    than one patient, nobody is held out: all steps run, the last network is kept, and the learning curve has no
    validation loss. The network learns differences from the mean training image.

    Args:
        preset: `compact`, `knee`, `disc` or `disc_small`; it gives the value of every field that is 0 or empty.
        size: Side of the square input, in pixels; each convolution must be able to halve it.
        channels: Channels of each convolution.
        kernel: Side of the convolutions; odd.
        latent: Number of features of a token.
        input: `intensity`, `mask` (of the structure that the crop is around) or `both`.
        loss: `mse`, or `bce` for inputs between 0 and 1.
        placing: `resize` stretches each crop to `size`; `pad` crops or pads it at `spacing_mm`, which preserves
            lengths.
        spacing_mm: Size of a pixel along H and W, for `pad`.
        variational: Whether features are the means of normal distributions, which training draws from.
        beta: Weight of their divergence from a standard normal distribution; 1 with `bce` gives the evidence bound.
        steps: Largest number of training steps.
        batch_size: Slices in each training step.
        learning_rate: The highest learning rate.
        validation: Share of the training patients held out to stop early.
        patience: Training stops after so many steps without a fall of the held-out loss.
        augmentation: How much training inputs change at random in each step: 1 turns them by up to 10 degrees, scales
            them by 10 % and shifts them by 5 % of their side, never mirrored; 0 not at all. None takes the preset's: 1
            for intensities, 0 for `disc` and `disc_small`, whose few features are meant for shape and not for place.
        precision: Precision of encoding; training is in fp32.
        rescale: Whether the 1st to 99th percentile of each crop's intensity is first stretched to [0, 1].

    References:
        A. Creswell, K. Arulkumaran, A. A. Bharath, On denoising autoencoders trained to minimise binary
        cross-entropy, 2017, arXiv:1708.08487 (the code behind the published knee autoencoder).
        D. P. Kingma, M. Welling, Auto-encoding variational Bayes, 2014, arXiv:1312.6114.
        Y. Wu, K. He, Group normalization, 2018, arXiv:1803.08494.
        I. Loshchilov, F. Hutter, Decoupled weight decay regularization, 2019, arXiv:1711.05101.
        I. Loshchilov, F. Hutter, SGDR: Stochastic gradient descent with warm restarts, 2017, arXiv:1608.03983 (the
        fall of the learning rate, without restarts).
    """

    words = "a 2D convolutional autoencoder, slice by slice"
    cites = ("loshchilov2019", "loshchilov2017")
    packages = ("torch", "opencv-python-headless")

    presets: ClassVar[Mapping[str, AutoencoderRecipe]] = {
        "compact": COMPACT,
        "knee": replace(KNEE, shape=(64, 64), spacing_mm=(2.2, 2.2), latent=100, batch_size=128),
        "disc": replace(DISC, shape=(64, 64), spacing_mm=(1.0, 1.0)),
        "disc_small": replace(DISC_SMALL, shape=(32, 32), spacing_mm=(2.0, 2.0)),
    }

    size: int = 0

    @property
    def shape(self) -> tuple[int, ...]:
        """The square input, `(H, W)`."""
        return (self.size, self.size) if self.size else ()
