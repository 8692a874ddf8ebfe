"""Another text than the model was trained on, as `text:asr`: a recogniser's, say, from a column of the corpus's table.

Any corpus may have such columns through corpus.columns_file, a table of its own (corpus=table) has them itself.
"""

from collections.abc import Collection

from ser_core.conditions.condition import Condition
from ser_core.errors import SettingError


class OtherText(Condition):
    """The text of another column."""

    @property
    def reads_text(self) -> str:
        return self.entry.partition(":")[2]

    def check(self, channels: Collection[str]) -> None:
        if not self.reads_text:
            raise SettingError("conditions: text names its column, as text:asr")
        self.needs("text", channels)
