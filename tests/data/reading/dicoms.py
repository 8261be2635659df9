"""Writes DICOM files to the standard, with pydicom, for the tests of reading."""

from datetime import datetime, timedelta

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    CTImageStorage,
    EnhancedMRImageStorage,
    ExplicitVRLittleEndian,
    MRImageStorage,
    PositronEmissionTomographyImageStorage,
    SegmentationStorage,
    generate_uid,
)

AXIAL = (1, 0, 0, 0, 1, 0)
SAGITTAL = (0, 1, 0, 0, 0, -1)
SERIES = "1.2.826.0.1.4"
FRAME = "1.2.826.0.1.5"


def item(**attributes):
    """A data set; a dictionary or a list of dictionaries becomes a sequence."""
    found = Dataset()
    for name, value in attributes.items():
        if isinstance(value, dict):
            value = [value]
        if isinstance(value, list) and value and isinstance(value[0], dict):
            value = Sequence([item(**one) for one in value])
        setattr(found, name, value)
    return found


def write(path, pixels, *, storage=MRImageStorage, syntax=ExplicitVRLittleEndian, **attributes):
    """A file with whole numbers as pixels; attributes override the usual ones, and None leaves one out."""
    pixels = np.asarray(pixels)
    usual = {
        "SOPClassUID": storage,
        "SOPInstanceUID": generate_uid(),
        "Modality": "MR",
        "PatientID": "P1",
        "StudyInstanceUID": "1.2.826.0.1.3",
        "SeriesInstanceUID": SERIES,
        "FrameOfReferenceUID": FRAME,
        "SeriesNumber": 4,
        "InstanceNumber": 1,
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "Rows": pixels.shape[-2],
        "Columns": pixels.shape[-1],
        "BitsAllocated": pixels.itemsize * 8,
        "BitsStored": pixels.itemsize * 8,
        "HighBit": pixels.itemsize * 8 - 1,
        "PixelRepresentation": int(pixels.dtype.kind == "i"),
        "PixelData": pixels.tobytes(),
    }
    file = item(**{name: value for name, value in (usual | attributes).items() if value is not None})
    file.file_meta = FileMetaDataset()
    file.file_meta.TransferSyntaxUID = syntax
    file.file_meta.MediaStorageSOPClassUID = storage
    file.file_meta.MediaStorageSOPInstanceUID = file.SOPInstanceUID
    if not syntax.is_encapsulated and "PixelData" in file:
        file["PixelData"].VR = "OB" if pixels.itemsize == 1 else "OW"
    path.parent.mkdir(parents=True, exist_ok=True)
    file.save_as(path, enforce_file_format=True)
    return path


def slice_at(path, pixels, z, *, pixel=(0.8, 0.8), directions=AXIAL, position=None, **attributes):
    """A classic file of one slice; `z` is its place along the normal."""
    place = {
        "ImagePositionPatient": list(position or (-10.0, -20.0, z)),
        "ImageOrientationPatient": list(directions),
        "PixelSpacing": list(pixel),
        "SliceThickness": 3.0,
    }
    return write(path, pixels, **(place | attributes))


def enhanced(path, pixels, frames, *, shared=None, storage=EnhancedMRImageStorage, **attributes):
    """A multi-frame file.

    Args:
        path: The file.
        pixels: `(F, rows, columns)`.
        frames: For each frame the functional groups of its own, by the name of their sequence.
        shared: The groups that all frames share; by default orientation and spacing.
        storage: The class of the file.
        attributes: As in `write`.
    """
    groups = shared or {
        "PlaneOrientationSequence": {"ImageOrientationPatient": list(AXIAL)},
        "PixelMeasuresSequence": {"PixelSpacing": [0.8, 0.8], "SliceThickness": 3.0, "SpacingBetweenSlices": 4.0},
    }
    return write(
        path,
        pixels,
        storage=storage,
        NumberOfFrames=len(pixels),
        SharedFunctionalGroupsSequence=groups,
        PerFrameFunctionalGroupsSequence=frames,
        **attributes,
    )


def at(z, **groups):
    """The functional groups of a frame at a place; its slope is given as `slope`."""
    found = {"PlanePositionSequence": {"ImagePositionPatient": [-10.0, -20.0, z]}}
    if (slope := groups.pop("slope", None)) is not None:
        found["PixelValueTransformationSequence"] = {
            "RescaleSlope": slope,
            "RescaleIntercept": groups.pop("intercept", 0),
            "RescaleType": "US",
        }
    return found | groups


def ct(path, pixels, z, **attributes):
    """A slice of CT, with HU = pixel - 1024."""
    usual = {"storage": CTImageStorage, "Modality": "CT", "RescaleSlope": 1, "RescaleIntercept": -1024}
    return slice_at(path, pixels, z, **(usual | attributes))


NOON = datetime(2024, 3, 5, 12, 0, 0)
INJECTED = NOON - timedelta(minutes=57)
DOSE, HALF_LIFE, WEIGHT = 3.7e8, 6586.2, 71.5


def pet(path, pixels, z, *, drug=None, **attributes):
    """A slice of PET in Bq/ml, corrected for decay to the start of its series, with fluorine-18."""
    injected = {
        "RadiopharmaceuticalStartDateTime": f"{INJECTED:%Y%m%d%H%M%S}",
        "RadionuclideTotalDose": DOSE,
        "RadionuclideHalfLife": HALF_LIFE,
    }
    injected = {name: value for name, value in (injected | (drug or {})).items() if value is not None}
    usual = {
        "storage": PositronEmissionTomographyImageStorage,
        "Modality": "PT",
        "Units": "BQML",
        "CorrectedImage": ["DECY", "ATTN", "SCAT"],
        "DecayCorrection": "START",
        "SeriesDate": f"{NOON:%Y%m%d}",
        "SeriesTime": f"{NOON:%H%M%S}",
        "AcquisitionDate": f"{NOON:%Y%m%d}",
        "AcquisitionTime": f"{NOON + timedelta(minutes=3):%H%M%S}",
        "PatientWeight": WEIGHT,
        "RadiopharmaceuticalInformationSequence": [injected],
        "RescaleSlope": 2.5,
        "RescaleIntercept": 0,
    }
    return slice_at(path, pixels, z, **(usual | attributes))


def segmentation(path, frames, *, segments, kind="BINARY", shape, **attributes):
    """A segmentation.

    Args:
        path: The file.
        frames: For each frame its segment, its z, and its mask `(rows, columns)`.
        segments: The label of each segment by its number.
        kind: Its type.
        shape: `(rows, columns)`.
        attributes: As in `write`; others are added to it.
    """
    masks = np.stack([mask for _, _, mask in frames])
    bits = {"BitsAllocated": 1, "BitsStored": 1, "HighBit": 0, "PixelRepresentation": 0}
    if kind == "BINARY":
        packed = np.packbits(masks.astype(bool).ravel(), bitorder="little").tobytes()
        bits["PixelData"] = packed + b"\0" * (len(packed) % 2)
    else:
        bits = {}
    groups = [at(z, SegmentIdentificationSequence={"ReferencedSegmentNumber": number}) for number, z, _ in frames]
    enhanced(
        path,
        masks.astype(np.uint8),
        groups,
        storage=SegmentationStorage,
        Modality="SEG",
        SegmentationType=kind,
        Rows=shape[0],
        Columns=shape[1],
        SegmentSequence=[{"SegmentNumber": number, "SegmentLabel": label} for number, label in segments.items()],
        **(bits | attributes),
    )
    return path
