"""The directions in which slices are shown."""

# The LPS directions of D, H and W, as a radiologist views the slices: nose or head up, nose to the left.
ORIENTATIONS = {
    "sagittal": ((1, 0, 0), (0, 0, -1), (0, 1, 0)),
    "axial": ((0, 0, 1), (0, 1, 0), (1, 0, 0)),
    "coronal": ((0, 1, 0), (0, 0, -1), (1, 0, 0)),
}
