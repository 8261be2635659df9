"""Convolutional autoencoders in 2D and 3D, which the plug-ins `cae_2d` and `cae_3d` share."""
