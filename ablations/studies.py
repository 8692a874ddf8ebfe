"""Every study that `ser ablate` knows; adding one touches its file and this table."""

from ablations import fusion, modality, tasks, text
from ablations.study import Study

STUDIES: dict[str, Study] = {study.name: study for study in (fusion.STUDY, tasks.STUDY, modality.STUDY, text.STUDY)}
