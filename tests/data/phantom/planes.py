"""The plane of a DICOM file's slice."""

import numpy as np


def plane(file):
    """A slice's own affine `(4, 4)`, from `(0, h, w, 1)` to LPS mm, as the standard defines it (PS3.3 C.7.6.2.1.1)."""
    right, down = np.reshape(file.ImageOrientationPatient, (2, 3)).astype(float)
    columns = [np.cross(right, down), down * file.PixelSpacing[0], right * file.PixelSpacing[1]]
    return np.vstack([np.column_stack([*columns, file.ImagePositionPatient]).astype(float), [0, 0, 0, 1]])
