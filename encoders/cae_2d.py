"""A 2D convolutional autoencoder, trained on the training images of the fold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from encoders.autoencoder.base import Autoencoder
from encoders.autoencoder.recipe import DISC, DISC_SMALL, KNEE, Recipe
from encoders.base import Encoder


@dataclass(frozen=True, kw_only=True)
class Cae2d(Autoencoder, Encoder):
    """A 2D convolutional autoencoder; every slice is a token of `latent` features.

    Convolutions of stride 2, a dense layer to the latent, and back by 4x4 transposed convolutions of stride 2; Adam.
    Fields that are 0 or empty take what the preset has:

    - `knee`, the published one: 64x64 pixels of intensity, 5x5 convolutions 64, 128, 256, 256 (LeakyReLU .2), 100
      features between 0 and 1 (sigmoid), squared error, batches of 128, 100 epochs.
    - `disc`: the published 3D one in 2D: a mask of 64x64 pixels of 1 mm, 3x3 convolutions 32 to 512 with BatchNorm and
      ReLU, 8 features, binary cross-entropy, batches of 16, 100 epochs, along which the learning rate falls to 0.
    - `disc_small`: the same for two cores: 32x32 pixels of 2 mm, 16 to 128 channels, 4 features, batches of 8,
      40 epochs.

    For intensities on two cores: `channels=(16, 32, 64, 64), size=32, epochs=30, batch_size=32, learning_rate=.002`.

    Training stops when the loss on held-out patients has not fallen for `patience` epochs, and the best epoch is
    kept. Where `validation` of the patients is less than one, nobody is held out, all epochs run, the last is kept,
    and the curve has no validation loss.

    Args:
        preset: `knee`, `disc` or `disc_small`.
        size: Side of the square that goes in, in pixels; a multiple of 2 for each convolution.
        channels: Of the convolutions, one each.
        kernel: Side of the convolutions; odd.
        latent: Features of a token.
        input: `intensity`, `mask` (of the structure that the crop is around) or `both`.
        loss: `mse`, or `bce`, for inputs between 0 and 1.
        placing: `resize` stretches each crop to `size`; `pad` crops or pads it at `spacing_mm`, so that lengths count.
        spacing_mm: Of a pixel along H and W, for `pad`.
        variational: Whether features are the means of normal distributions, drawn from while training.
        beta: Weight of their divergence from a standard normal distribution; 1 with `bce` is the evidence bound.
        epochs: At most.
        batch_size: Slices a training step.
        learning_rate: Of Adam.
        validation: Share of the training patients held out to stop early.
        patience: Epochs without a fall before training stops.
        show_epochs: Epochs after which the same slices are reconstructed and kept.
        precision: Of encoding; training is in fp32.
        rescale: Whether the 1st to 99th percentile of each crop's intensity is first stretched to [0, 1].

    References:
        A. Creswell, K. Arulkumaran, A. A. Bharath, On denoising autoencoders trained to minimise binary
        cross-entropy, 2017, arXiv:1708.08487 (the code that the published knee autoencoder builds on).
        D. P. Kingma, M. Welling, Auto-encoding variational Bayes, 2014, arXiv:1312.6114.
        I. Loshchilov, F. Hutter, SGDR: Stochastic gradient descent with warm restarts, 2017, arXiv:1608.03983 (the
        fall of the learning rate, without restarts).
    """

    words = "a 2D convolutional autoencoder, slice by slice"
    cites = ("creswell2017", "kingma2015")
    packages = ("torch", "opencv-python-headless")

    presets: ClassVar[Mapping[str, Recipe]] = {
        "knee": replace(KNEE, shape=(64, 64), spacing_mm=(2.2, 2.2), latent=100, batch_size=128, epochs=100),
        "disc": replace(DISC, shape=(64, 64), spacing_mm=(1.0, 1.0)),
        "disc_small": replace(DISC_SMALL, shape=(32, 32), spacing_mm=(2.0, 2.0)),
    }

    size: int = 0

    @property
    def shape(self) -> tuple[int, ...]:
        """A square."""
        return (self.size, self.size) if self.size else ()
