"""What the features of an autoencoder mean: correlations and pictures, from what `bench.models.latents` wrote."""
