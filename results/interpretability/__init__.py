"""What the features of an autoencoder mean: correlations and pictures, from the arrays of `bench.models.latents`."""
