"""The size of a model at inference: what it predicts besides the scored tasks does not count."""

from types import SimpleNamespace

from cluster.selection.inference_size import inference_parameters

SIZES = {"parameters": 100, "emotion.parameters": 7, "dimensions.parameters": 5, "gender.parameters": 3}


def record(sizes=SIZES, **weights):
    return SimpleNamespace(sizes=sizes, config={"tasks": {name: {"weight": weight} for name, weight in weights.items()}})


def test_heads_of_tasks_that_the_objective_does_not_score_do_not_count():
    trained = record(emotion=1, dimensions=0.5, gender=0.2)
    assert inference_parameters(trained, ["uar"]) == 100 - 5 - 3
    assert inference_parameters(trained, ["mean(ccc)"]) == inference_parameters(trained, ["mae.valence"]) == 100 - 7 - 3
    assert inference_parameters(trained, ["headline"]) == inference_parameters(trained, ["uar", "ccc.valence"]) == 100 - 3
    assert inference_parameters(trained, ["gender.uar"]) == 100 - 7 - 5


def test_the_whole_model_counts_if_nothing_else_is_known():
    assert inference_parameters(record({"parameters": 100}, emotion=1, gender=1), ["uar"]) == 100
    assert inference_parameters(record(gender=1), ["uar"]) == 100
    assert inference_parameters(record(gender=1), ["headline"]) == 100
