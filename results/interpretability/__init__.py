"""What features of an autoencoder mean and what cells used: figures and tables from the arrays of `bench.models`."""
