"""What a study is going to test, before anything is tested: the utterances of all test parts with their labels."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from cluster.trial import plan_once
from ser_core.config.compose import compose


def planned_tests(overrides: Sequence[str]) -> pd.DataFrame:
    """Returns the columns of TestPart.predictions that name and label an utterance, for all folds of a configuration."""
    import torch

    planned = plan_once(compose(list(overrides)))
    dataset, corpus = planned.dataset, planned.dataset.corpus
    rows = np.unique(np.concatenate([fold.test for fold in planned.folds.folds]))
    columns = [corpus.table.iloc[rows][["utterance", "speaker"]].reset_index(drop=True)]
    for name, task in planned.config.tasks.active().items():
        if name in ("emotion", "dimensions"):
            targets = dataset.targets[name][torch.as_tensor(rows)]
            answers = torch.zeros(len(rows), max(len(corpus.classes), targets.shape[-1]))
            columns.append(task.columns(corpus, answers[:, : len(corpus.classes)] if name == "emotion" else answers, targets))
    return pd.concat(columns, axis=1)
