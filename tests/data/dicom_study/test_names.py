"""No name or path of a patient is shown."""

import shutil

import pydicom
import pytest

from data.base import DataError
from tests.data.dicom_study.studies import change, message, raw, read


def test_folders_files_and_descriptions_are_never_shown(study):
    """Folders and files name the patient by one name, the header by another, which has words of two letters."""
    secret = study / "MuellerHans_1961-03-04_study20230115"
    secret.mkdir()
    for folder in sorted(study.iterdir()):
        if folder != secret:
            folder.rename(secret / folder.name)
            for path in (secret / folder.name).iterdir():
                path.rename(path.with_name(f"Mueller_Hans_{path.name}"))
    change(study, PatientName="Li^Na", PatientID="ANON1", PatientBirthDate="19610304", ProtocolName="Zweistein")
    for name, weight in (("sagittal_t1", "T1"), ("sagittal_t2", "T2"), ("axial_t2", "T2")):
        change(secret / name, SeriesDescription=f"Li Na 04.03.1961 Dr Zweistein {weight}")
    shutil.copytree(secret / "sagittal_t1", secret / "Mueller_loc")
    change(
        secret / "Mueller_loc", SeriesInstanceUID="1.2.1961", SeriesDescription="Zweistein Locatelli", Modality="HANS"
    )
    broken = secret / "sagittal_t2"
    (broken / "Mueller_Hans_2.dcm").write_bytes(b"no")
    (broken / "Mueller_Hans_3.dcm").write_bytes((broken / "Mueller_Hans_3.dcm").read_bytes()[:-600])
    shutil.copy(broken / "Mueller_Hans_4.dcm", broken / "Hans_again.dcm")
    raw(broken / "Mueller_Hans_5.dcm", 0x00200032, b"Hans\\0\\0 ")
    plugin = read(study)
    image = plugin.load("study_1", "sagittal_t2")
    assert len(image.faults) == 4
    shown = [*image.faults, plugin.samples().to_csv(), plugin.recognised().to_csv(), plugin.excluded().to_csv()]
    shown += [str(plugin.pixel("study_1", "sagittal_t1", (0, 0, 0))), message(read(study, max_bytes=1))]
    shown.append(message(read(study, sequences=())))
    for path in (secret / "sagittal_t1").iterdir():
        file = pydicom.dcmread(path)
        file.decompress()
        file.PixelData = bytes(len(file.PixelData))
        file.save_as(path)
    with pytest.raises(DataError, match="is empty: all pixels") as dark:
        read(study).load("study_1", "sagittal_t1")
    shown.append(str(dark.value))
    change(secret / "axial_t2", PatientID="Hans")
    shown.append(message(read(study)))
    shutil.rmtree(broken)
    change(study, Modality="HANS", PatientID="1")
    shown.append(message(read(study)))
    for text in shown:
        for name in ("Mueller", "Hans", "1961", "Zweistein", "Locatelli", "Li Na", "2023", ".dcm", str(study), "1.2."):
            assert name.casefold() not in text.casefold(), text


def test_nothing_names_the_patient_unless_asked_for(study):
    folder = study / "sagittal_t1"
    change(study, PatientName="Doe^Jane", PatientID="4711")
    folder.rename(study / "DOE_4711_T1")
    (study / "DOE_4711_T1" / "2.dcm").write_bytes(b"no")
    (study / "Jane.txt").write_text("no")
    change(study / "sagittal_t2", SeriesDescription="T2 Jane Doe")
    plugin = read(study)
    image = plugin.load("study_1", "sagittal_t1")
    shown = [*image.faults, plugin.samples().to_csv(), plugin.recognised().to_csv(), plugin.excluded().to_csv()]
    shown.append(str(plugin.pixel("study_1", "sagittal_t1", tuple(image.position([2, 5, 5])))))
    assert len(image.faults) == 1 and ": can't be read" in image.faults[0]
    for text in shown:
        assert not any(name in text.casefold() for name in ("doe", "jane", "4711")), text
    named = read(study, keep_names=True)
    assert set(named.samples()["study"]) == {study.name}
    assert named.load(study.name, "sagittal_t1").faults[0].startswith(str(study / "DOE_4711_T1" / "2.dcm"))
