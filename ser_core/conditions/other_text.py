"""Text that the model was not trained on, such as `text:asr`: for example recogniser output, from a column of the corpus's table.

Any corpus can have such columns in corpus.columns_file; a table corpus (corpus=table) can have them in its own table.
"""

from collections.abc import Mapping

from ser_core.conditions.condition import Condition
from ser_core.errors import SettingError


class OtherText(Condition):
    """The text of another column."""

    @property
    def reads_text(self) -> str:
        return self.entry.partition(":")[2]

    def check(self, channels: Mapping[str, str]) -> None:
        if not self.reads_text:
            raise SettingError("conditions: text needs the name of its column, for example text:asr")
        if "text" not in channels.values():
            self.needs("text", channels)
