"""The study of channels: two are compared alone, three or more are also left out one by one."""

import pytest

from ablations.studies.modality import STUDY
from ablations.study import combine
from ser_core.channels import CHANNELS
from ser_core.config.compose import compose


@pytest.mark.parametrize(
    ("base", "names"),
    [
        ([], ["speech + text", "speech only", "text only"]),
        (
            ["model.features=./stored"],
            [
                *("speech + text + features", "speech only", "text only", "features only"),
                *("without speech", "without text", "without features"),
            ],
        ),
    ],
)
def test_each_variant_reads_what_its_name_says(base: list[str], names: list[str]) -> None:
    config = compose(base)
    variants = STUDY.variants(config, None)  # type: ignore[arg-type]
    assert [variant.name for variant in variants] == names
    for variant in variants:
        read = compose(combine(base, variant)).model.channels
        only, without = variant.name.removesuffix(" only"), variant.name.removeprefix("without ")
        expected = [only] if only in CHANNELS else [name for name in config.model.channels if name != without]
        assert list(read) == expected
        assert variant.name == names[0] or STUDY.masks[variant.name] in (f"{only}_only", f"without_{without}")
