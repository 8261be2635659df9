"""Convolutional autoencoders in 2D and 3D: what the plug-ins `cae_2d` and `cae_3d` share."""
