"""Reads DICOM: files, their frames, series, studies and segmentations."""
