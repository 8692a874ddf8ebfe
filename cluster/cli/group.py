"""What an unknown command gets: one sentence with the nearest command, wherever that stands, such as `ser corpus audit`."""

from collections.abc import Iterator, Mapping
from typing import Any

from typer.core import TyperGroup

from ser_core.errors import SettingError, nearest


class Group(TyperGroup):
    """A group of commands that knows the commands of all other groups."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Returns the command that the first argument names. Raises SettingError if there is none."""
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            root = ctx.find_root().command.commands
            raise SettingError(f"no such command: {' '.join(['ser', *_above(self, root), args[0]])}{_near(args[0], root)}")
        return super().resolve_command(ctx, args)


def _above(group: Group, commands: Mapping[str, Any]) -> list[str]:
    return [name for name, command in commands.items() if command is group]


def _paths(commands: Mapping[str, Any], above: str = "ser") -> Iterator[tuple[str, str]]:
    """Yields every command's own name and how you type it."""
    for name, command in commands.items():
        yield name, f"{above} {name}"
        yield from _paths(getattr(command, "commands", {}), f"{above} {name}")


def _near(word: str, commands: Mapping[str, Any]) -> str:
    """Returns a question with the command of that or the nearest name, or where all commands are listed."""
    paths = dict(reversed([*_paths(commands)]))  # of two commands with one name, the first counts
    found = nearest(word, paths)
    close = next((name for name in paths if found == f" (did you mean {name}?)"), "")
    return f"; did you mean `{paths[close]}`?" if close else "; `ser --help` lists all commands"
