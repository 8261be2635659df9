"""SUV by body weight is what the definition gives; where the header lacks something, it is named."""

from datetime import timedelta

import numpy as np
import pydicom
import pytest
from numpy.testing import assert_allclose

from data.base import DataError
from data.reading import volumes
from tests.data.reading.dicoms import DOSE, HALF_LIFE, INJECTED, NOON, WEIGHT, enhanced, pet

STORED = np.random.default_rng(4).integers(0, 30000, (6, 5)).astype(np.uint16)
ACTIVITY = STORED * 2.5  # Bq/ml
# SUVbw = activity / (dose * 2 ** (-t / half-life)) * weight in g, with t = 57 minutes from injection to scan
EXPECTED = ACTIVITY / (DOSE * 0.5 ** (57 * 60 / HALF_LIFE)) * (WEIGHT * 1000)


def suv(tmp_path, **attributes):
    return volumes.read(pet(tmp_path / "a.dcm", STORED, 0.0, **attributes), suv=True).pixels[0]


def test_without_suv_the_pixels_are_activity(tmp_path):
    assert_allclose(volumes.read(pet(tmp_path / "a.dcm", STORED, 0.0)).pixels[0], ACTIVITY, rtol=1e-6)


def test_activity_is_divided_by_the_dose_that_is_left(tmp_path):
    assert_allclose(suv(tmp_path), EXPECTED, rtol=1e-6)
    corrected = ACTIVITY / DOSE * WEIGHT * 1000
    assert_allclose(suv(tmp_path, DecayCorrection="ADMIN"), corrected, rtol=1e-6)


@pytest.mark.parametrize("minutes", [57, 14 * 60])
def test_a_time_without_a_date_is_the_last_before_the_scan(tmp_path, minutes):
    """Fourteen hours before noon is the day before."""
    time = f"{NOON - timedelta(minutes=minutes):%H%M%S}.250000"
    drug = {"RadiopharmaceuticalStartDateTime": None, "RadiopharmaceuticalStartTime": time}
    left = DOSE * 0.5 ** ((minutes * 60 - 0.25) / HALF_LIFE)
    assert_allclose(suv(tmp_path, drug=drug), ACTIVITY / left * WEIGHT * 1000, rtol=1e-6)


def test_a_series_written_later_is_dated_by_its_frames(tmp_path):
    """The decay from the scan's start to the reference time is the mean decay over the frame, by its integral."""
    start, duration = 180.0, 240.0
    rate = np.log(2) / HALF_LIFE
    t = np.linspace(start, start + duration, 200001)
    reference = -np.log(np.exp(-rate * t).mean()) / rate
    later = {"SeriesTime": f"{NOON + timedelta(hours=5):%H%M%S}", "FrameReferenceTime": f"{reference * 1000:.6f}"}
    values = suv(tmp_path, **later, ActualFrameDuration=int(duration * 1000))
    assert_allclose(values, EXPECTED, rtol=1e-6)
    with pytest.raises(DataError, match="FrameReferenceTime and ActualFrameDuration are absent: needed for SUV"):
        suv(tmp_path, SeriesTime=later["SeriesTime"])


def test_other_units_have_their_own_rule(tmp_path):
    assert_allclose(suv(tmp_path, Units="GML"), ACTIVITY, rtol=1e-6)
    with pytest.raises(DataError, match="SUV by lean mass"):
        suv(tmp_path, Units="GML", SUVType="LBM")
    path = pet(tmp_path / "p.dcm", STORED, 0.0, Units="CNTS")
    for element, expected in ((0x1009, EXPECTED * 3), (0x1000, ACTIVITY * 7e-4)):
        file = pydicom.dcmread(path)
        file.private_block(0x7053, "Philips PET Private Group", create=True).add_new(
            element & 0xFF, "DS", "3" if element == 0x1009 else "0.0007"
        )
        file.save_as(path)
        assert_allclose(volumes.read(path, suv=True).pixels[0], expected, rtol=1e-6)


def test_an_enhanced_file_says_to_which_time_it_is_corrected(tmp_path):
    drug = {
        "RadiopharmaceuticalStartDateTime": f"{INJECTED:%Y%m%d%H%M%S}",
        "RadionuclideTotalDose": DOSE,
        "RadionuclideHalfLife": HALF_LIFE,
    }
    units = {"CodeValue": "Bq/ml", "CodingSchemeDesignator": "UCUM", "CodeMeaning": "becquerels/milliliter"}
    mapping = {"RealWorldValueSlope": 2.5, "RealWorldValueIntercept": 0.0, "MeasurementUnitsCodeSequence": units}
    frames = [{"PlanePositionSequence": {"ImagePositionPatient": [0, 0, 3.0 * k]}} for k in range(2)]
    shared = {
        "PlaneOrientationSequence": {"ImageOrientationPatient": [1, 0, 0, 0, 1, 0]},
        "PixelMeasuresSequence": {"PixelSpacing": [4.0, 4.0], "SliceThickness": 3.0},
        "RealWorldValueMappingSequence": mapping,
    }
    path = enhanced(
        tmp_path / "a.dcm",
        np.stack([STORED, STORED]),
        frames,
        shared=shared,
        storage=pydicom.uid.EnhancedPETImageStorage,
        Modality="PT",
        PatientWeight=WEIGHT,
        DecayCorrected="YES",
        AttenuationCorrected="YES",
        DecayCorrectionDateTime=f"{NOON:%Y%m%d%H%M%S}",
        RadiopharmaceuticalInformationSequence=[drug],
    )
    assert_allclose(volumes.read(path, suv=True).pixels[1], EXPECTED, rtol=1e-6)


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"PatientWeight": None}, "PatientWeight is absent"),
        ({"PatientWeight": 0}, "PatientWeight 0 kg is not within"),
        ({"RadiopharmaceuticalInformationSequence": None}, "RadiopharmaceuticalInformationSequence is absent"),
        ({"drug": {"RadionuclideTotalDose": None}}, "RadionuclideTotalDose is absent"),
        ({"drug": {"RadionuclideTotalDose": 370}}, "RadionuclideTotalDose 370 Bq is not within"),
        ({"drug": {"RadionuclideHalfLife": None}}, "RadionuclideHalfLife is absent"),
        ({"drug": {"RadiopharmaceuticalStartDateTime": None}}, "RadiopharmaceuticalStartTime are absent"),
        ({"drug": {"RadiopharmaceuticalStartDateTime": "20240306120000"}}, "h after the injection, which is before it"),
        ({"drug": {"RadiopharmaceuticalStartDateTime": "20240101120000"}}, "more than 20 half-lives"),
        ({"CorrectedImage": ["DECY"]}, "is not corrected for attenuation"),
        ({"CorrectedImage": ["ATTN"]}, "is not corrected for decay"),
        ({"DecayCorrection": "NONE"}, "DecayCorrection is neither START nor ADMIN"),
        ({"Units": "CNTS"}, "CNTS without Philips's factor"),
        ({"Units": "CM2ML"}, "Units are not BQML, GML or CNTS"),
        ({"Modality": "CT"}, "has no SUV, since its modality is not PT"),
    ],
    ids=lambda value: "-".join(value.get("drug", value)) if isinstance(value, dict) else "",
)
def test_what_is_lacking_is_named(tmp_path, attributes, message):
    with pytest.raises(DataError, match=rf"a\.dcm: .*{message}") as error:
        suv(tmp_path, **attributes)
    assert "\n" not in str(error.value)


def test_other_files_have_no_suv(tmp_path):
    volumes.write(tmp_path / "a.nii.gz", volumes.read(pet(tmp_path / "a.dcm", STORED, 0.0)))
    with pytest.raises(DataError, match="they need the DICOM files of a PET series"):
        volumes.read(tmp_path / "a.nii.gz", suv=True)


def test_two_times_of_injection_must_agree(tmp_path):
    """One of them may be rounded; the day is that of the date and time."""
    for seconds, sound in ((0, True), (45, True), (-30 * 60, False), (7200, False)):
        drug = {"RadiopharmaceuticalStartTime": f"{INJECTED + timedelta(seconds=seconds):%H%M%S}"}
        if sound:
            assert_allclose(suv(tmp_path, drug=drug), EXPECTED, rtol=1e-6)
            continue
        with pytest.raises(DataError, match=rf"lie {abs(seconds) / 60:.3g} minutes apart: remove the wrong one"):
            suv(tmp_path, drug=drug)


def test_times_of_two_zones_are_refused(tmp_path):
    drug = {"RadiopharmaceuticalStartDateTime": f"{INJECTED:%Y%m%d%H%M%S}+0100"}
    assert_allclose(suv(tmp_path, drug=drug), EXPECTED, rtol=1e-6)
    assert_allclose(suv(tmp_path, drug=drug, TimezoneOffsetFromUTC="+0100"), EXPECTED, rtol=1e-6)
    with pytest.raises(DataError, match="is in another time zone than TimezoneOffsetFromUTC"):
        suv(tmp_path, drug=drug, TimezoneOffsetFromUTC="-0500")


def test_slices_of_one_examination_have_one_factor(tmp_path):
    for k in range(3):
        pet(tmp_path / "s" / f"{k}", STORED, 3.0 * k, InstanceNumber=k, PatientWeight=WEIGHT + (k == 1) / 10)
    assert_allclose(volumes.read(tmp_path / "s", suv=True).pixels[0], EXPECTED, rtol=1e-6)
    pet(tmp_path / "s" / "1", STORED, 3.0, InstanceNumber=1, PatientWeight=WEIGHT + 10)
    with pytest.raises(DataError, match=r"s: its slices differ in weight, dose or times, so that their factors to SUV"):
        volumes.read(tmp_path / "s", suv=True)
    assert_allclose(volumes.read(tmp_path / "s").pixels[1], ACTIVITY, rtol=1e-6)
