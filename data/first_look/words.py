"""Words in the names of columns, by the role that they speak for: English, then German, French, Spanish and Italian."""

from __future__ import annotations


def _words(*lines: str) -> frozenset[str]:
    return frozenset(" ".join(lines).split())


IMAGE = _words(
    "image img file filename path filepath scan dicom picture volume nifti",
    "bild bilddatei datei dateiname pfad fichier chemin imagen archivo ruta immagine percorso",
)
MASK = _words("mask seg segmentation roi contour", "maske masque máscara maschera")
PATIENT = _words(
    "patient pat subject subj participant pid mrn person pseudonym volunteer",
    "patienten patientin patientennummer proband probandin probanden teilnehmer",
    "patiente sujet volontaire ipp",
    "paciente sujeto participante voluntario nhc",
    "paziente soggetto partecipante volontario",
)
ID = _words(
    "id ids identifier case study code nr no number",
    "kennung fall fallnummer nummer studie",
    "identifiant cas étude numéro numero dossier",
    "identificador caso estudio número codigo código expediente",
    "identificativo studio codice",
)
"""Names of ids, which may be those of patients."""
SEQUENCE = _words("sequence seq modality contrast weighting series mod", "sequenz serie séquence secuencia sequenza")
PLACE = _words(
    "level side condition laterality disc disk ivd vertebra segment location region position lobe quadrant slice",
    "place eye knee hip tooth",
    "seite lateralität höhe etage auge knie hüfte zahn",
    "côté latéralité niveau étage oeil œil genou hanche dent",
    "lado lateralidad nivel ojo rodilla cadera diente",
    "lato lateralità livello occhio ginocchio anca dente",
)
OFTEN_PLACE = _words("lesion site läsion lésion lesión lesione")
"""Places only where most patients have several: a lesion is often the finding, a site a hospital."""

LABEL = _words(
    "label grade grading class diagnosis target outcome y score stenosis narrowing herniation bulging pfirrmann",
    "pfirrman modic malignant tumor tumour severity kl endplate spondylolisthesis listhesis fracture tear degeneration",
    "osteophyte event lesion läsion lésion lesión lesione",
    "grad schweregrad klasse diagnose befund diagnostic gravité classe diagnóstico grado diagnosi",
)
CLINICAL = _words(
    "age sex gender bmi height weight scanner manufacturer vendor field smoker hospital centre center strength tesla",
    "pain duration diabetes ethnicity site institution",
    "krankenhaus zentrum hôpital centre hospital clínica centro ospedale clinica",
    "alter geschlecht größe gewicht gerät hersteller raucher klinik âge sexe poids taille edad sexo peso talla età",
    "sesso",
)
OTHER = _words(
    "date time name comment comments remark remarks note notes uid reader rater observer radiologist annotator birth",
    "datum bemerkung kommentar geburtsdatum befunder leser untersucher fecha data",
    "lecteur observateur radiologue lector radiólogo lettore osservatore radiologo",
)
SIDES = (
    _words("l r left right links rechts li re gauche droite droit g d izquierda izquierdo derecha derecho i"),
    _words("sinistra sinistro destra destro s d sx dx left right bilateral both"),
    _words("od os og oi ou right left"),
)
"""Values of columns that name sides of the body, or eyes (OD and OS, OG or OI)."""
