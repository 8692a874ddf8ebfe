"""Every study that `ser ablate` knows; adding one touches its file and this table."""

from ablations import cross_regularisation, fusion, modality, tasks, text, weighting
from ablations.study import Study

STUDIES: dict[str, Study] = {
    study.name: study
    for study in (fusion.STUDY, tasks.STUDY, modality.STUDY, text.STUDY, weighting.STUDY, cross_regularisation.STUDY)
}
