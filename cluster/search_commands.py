"""What the commands about searches do: print a space."""

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from search_spaces.space import chosen_space
from search_spaces.spaces import SPACES


def print_space(console: Console, name: str) -> None:
    """`ser space`: what varies, over what, under which condition, and what stays fixed."""
    space = chosen_space(name, SPACES)
    table = Table("key", "range", "asked when", title=space.question, title_justify="left")
    for row in space.rows():
        table.add_row(escape(row.name), escape(row.range), escape(row.condition))
    console.print(table)
    console.print(f"fixed: {' '.join(space.fixed) or 'nothing'}", highlight=False, soft_wrap=True, markup=False)
    console.print(f"search it with: ser search {space.name} --trials 20", highlight=False, soft_wrap=True)
