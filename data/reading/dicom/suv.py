"""The factor from a PET image's units to standardised uptake values (SUV) by body weight, from its header."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from math import exp, log
from typing import Any

from data.base import DataError
from data.reading.dicom.files import FrameTags

_WEIGHTS = (0.2, 700.0)  # kg
_DOSES = (1e4, 1e12)  # Bq: a smaller dose was written in MBq
_HALF_LIVES = (10.0, 1e8)  # s
_MOST_HALF_LIVES = 20  # between injection and scan
_PHILIPS = "Philips PET Private Group"
_NEEDED = "needed for SUV"
_DAY = timedelta(days=1)
_SAME_START = 60.0  # s: one of the two times may be rounded to a minute
_OFFSET = re.compile(r"[+-]\d{4}$")


def factor(tags: FrameTags) -> float:
    """What the pixels of a frame, in the units of its header, are multiplied by to be SUV by body weight, g/ml.

    Activity (`BQML`) is divided by the dose that is left at the time to which the image is corrected for decay, and
    multiplied by the weight: `1000 * weight / (dose * 2 ** (-time / half-life))`. That time is the start of the series,
    unless this lies behind the frame's acquisition, as after postprocessing; then it is calculated back from the
    frame's reference time. Images corrected to the injection (`ADMIN`) need no decay. `GML` is SUV already, and
    Philips's `CNTS` have a factor of their own.

    Args:
        tags: The attributes of a frame of PET.

    Raises:
        DataError: The modality is not PET, the image is not corrected for attenuation and decay, or an attribute is
            absent or not possible. The message has no file.

    References:
        QIBA, Vendor-neutral pseudo-code for SUV calculation, qibawiki.rsna.org, 2011; P. E. Kinahan and J. W. Fletcher,
        PET/CT standardized uptake values (SUVs) in clinical practice and assessing response to therapy, Seminars in
        Ultrasound, CT and MRI 31, 2010, doi:10.1053/j.sult.2010.10.001.
    """
    modality = tags.text("Modality")
    if modality != "PT":
        raise DataError(f"has no SUV, since its modality is {'not PT' if modality else 'absent, not PT'}")
    units = tags.text("Units").upper() or _units_of_frames(tags)
    if units == "GML":
        if tags.text("SUVType").upper() not in ("", "BW"):
            raise DataError("is SUV by lean mass or surface (SUVType), not by body weight: use another series")
        return 1.0
    if units == "CNTS":
        return _philips(tags)
    if units != "BQML":
        raise DataError(f"Units are not BQML, GML or CNTS, so that it has no SUV: {_NEEDED}")
    return _by_weight(tags)


def _by_weight(tags: FrameTags) -> float:
    _check_corrections(tags)
    weight = _within(tags, "PatientWeight", _WEIGHTS, "kg")
    doses = tags.items("RadiopharmaceuticalInformationSequence")
    if not doses:
        raise DataError(f"RadiopharmaceuticalInformationSequence is absent: {_NEEDED}")
    if len(doses) > 1:
        raise DataError("has several radiopharmaceuticals, so that its dose is unknown")
    injected = FrameTags(doses[0], -1)
    dose = _within(injected, "RadionuclideTotalDose", _DOSES, "Bq")
    if tags.text("DecayCorrection").upper() == "ADMIN":
        return 1000 * weight / dose
    half_life = _within(injected, "RadionuclideHalfLife", _HALF_LIVES, "s")
    elapsed = _elapsed(tags, injected, half_life)
    if not 0 <= elapsed <= _MOST_HALF_LIVES * half_life:
        raise DataError(
            f"is corrected to {elapsed / 3600:.3g} h after the injection, which is before it or more than "
            f"{_MOST_HALF_LIVES} half-lives after it: correct its dates and times"
        )
    return 1000 * weight / (dose * 2 ** (-elapsed / half_life))


def _check_corrections(tags: FrameTags) -> None:
    corrected = tags.text("CorrectedImage").upper().split("\\")
    for word, tag in (("ATTN", "AttenuationCorrected"), ("DECY", "DecayCorrected")):
        if word not in corrected and tags.text(tag).upper() != "YES":
            what = "attenuation" if word == "ATTN" else "decay"
            raise DataError(f"is not corrected for {what} (CorrectedImage lacks {word}): {_NEEDED}")
    if tags.text("DecayCorrection").upper() not in ("", "START", "ADMIN"):
        raise DataError("DecayCorrection is neither START nor ADMIN, so that its time is unknown: " + _NEEDED)


def _elapsed(tags: FrameTags, injected: FrameTags, half_life: float) -> float:
    """Seconds from the injection to the time to which the image is corrected for decay."""
    corrected_to = _corrected_to(tags, half_life)
    if injected.text("RadiopharmaceuticalStartDateTime"):
        text = injected.text("RadiopharmaceuticalStartDateTime")
        start = _moment(text, "RadiopharmaceuticalStartDateTime")
        _check_agrees(start, injected.text("RadiopharmaceuticalStartTime"))
        zones = _offset(text), _offset(tags.text("TimezoneOffsetFromUTC"))
        if None not in zones and zones[0] != zones[1]:
            raise DataError(
                "RadiopharmaceuticalStartDateTime is in another time zone than TimezoneOffsetFromUTC, so that the time "
                f"since the injection is unknown: {_NEEDED}"
            )
        return (corrected_to - start).total_seconds()
    time = injected.text("RadiopharmaceuticalStartTime")
    if not time:
        raise DataError(f"RadiopharmaceuticalStartDateTime and RadiopharmaceuticalStartTime are absent: {_NEEDED}")
    start = _moment(f"{corrected_to:%Y%m%d}{time}", "RadiopharmaceuticalStartTime")
    if start > corrected_to:
        start -= _DAY  # injected before midnight
    return (corrected_to - start).total_seconds()


def _check_agrees(start: datetime, time: str) -> None:
    """Refuses a start of the injection that its date and time, and its time alone, give differently."""
    if not time:
        return
    other = _moment(f"{start:%Y%m%d}{time}", "RadiopharmaceuticalStartTime")
    apart = abs((start - other).total_seconds())
    if min(apart, _DAY.total_seconds() - apart) > _SAME_START:
        raise DataError(
            f"RadiopharmaceuticalStartDateTime and RadiopharmaceuticalStartTime lie {apart / 60:.3g} minutes apart: "
            "remove the wrong one"
        )


def _offset(text: str) -> str | None:
    """The offset from UTC at the end of a moment, such as `+0100`; None without one."""
    found = _OFFSET.search(text)
    return found[0] if found else None


def _corrected_to(tags: FrameTags, half_life: float) -> datetime:
    """The time to which the image is corrected for decay."""
    if at := tags.text("DecayCorrectionDateTime"):
        return _moment(at, "DecayCorrectionDateTime")
    acquired = _date_and_time(tags, "Acquisition")
    started = _date_and_time(tags, "Series")
    if started is not None and (acquired is None or started <= acquired):
        return started
    if acquired is None:
        raise DataError(f"SeriesDate, SeriesTime and AcquisitionDate, AcquisitionTime are absent: {_NEEDED}")
    reference, duration = tags.number("FrameReferenceTime"), tags.number("ActualFrameDuration")
    if not reference or not duration or reference < 0 or duration < 0:
        raise DataError(
            "the series starts after its images were acquired, and FrameReferenceTime and ActualFrameDuration are "
            f"absent: {_NEEDED}"
        )
    # The reference time (ms after the start of the scan) is that of the mean count rate within the frame.
    rate = log(2) / half_life
    decay = rate * duration / 1000
    mean = log(decay / (1 - exp(-decay))) / rate
    return acquired + timedelta(seconds=mean - reference / 1000)


def _date_and_time(tags: FrameTags, what: str) -> datetime | None:
    if together := tags.text(f"{what}DateTime") if what == "Acquisition" else "":
        return _moment(together, f"{what}DateTime")
    date, time = tags.text(f"{what}Date"), tags.text(f"{what}Time")
    return _moment(date + time, f"{what}Date and {what}Time") if date and time else None


def _moment(text: str, name: str) -> datetime:
    """The moment in DICOM's notation `YYYYMMDDHHMMSS.FFFFFF`, with an offset from UTC left out."""
    digits, _, fraction = text.split("+")[0].split("-")[0].replace(":", "").partition(".")
    try:
        moment = datetime.strptime(digits.ljust(14, "0"), "%Y%m%d%H%M%S")
        return moment + timedelta(seconds=float(f"0.{fraction or 0}"))
    except ValueError as error:
        raise DataError(f"{name} is no date and time: {_NEEDED}") from error


def _units_of_frames(tags: FrameTags) -> str:
    """The units of an enhanced file, from its real-world values, in the words of `Units`."""
    codes: list[Any] = [
        code.get("CodeValue")
        for item in tags.items("RealWorldValueMappingSequence")
        for code in item.get("MeasurementUnitsCodeSequence") or ()
    ]
    found = {{"Bq/ml": "BQML", "g/ml": "GML", "g/ml{SUVbw}": "GML"}.get(str(code), "other") for code in codes}
    return found.pop() if len(found) == 1 else ""


def _philips(tags: FrameTags) -> float:
    """The factor of Philips's counts: to SUV, or to Bq/ml and by weight."""
    file = tags.file
    if (0x7053, 0x10) in file and str(file[0x7053, 0x10].value).strip() == _PHILIPS:
        for element in (0x1000, 0x1009):
            try:
                found = float(file[0x7053, element].value)
            except (KeyError, TypeError, ValueError):
                continue
            if 0 < found < 1e9:
                return found if element == 0x1000 else found * _by_weight(tags)
    raise DataError(f"Units are CNTS without Philips's factor (7053|1000 or 7053|1009): {_NEEDED}")


def _within(tags: FrameTags, tag: str, bounds: tuple[float, float], unit: str) -> float:
    """A number above 0 within bounds."""
    found = tags.number(tag)
    if found is None:
        raise DataError(f"{tag} is absent: {_NEEDED}")
    if not bounds[0] <= found <= bounds[1]:
        raise DataError(f"{tag} {found:g} {unit} is not within {bounds[0]:g} and {bounds[1]:g} {unit}: {_NEEDED}")
    return found
