"""What every command line of this project shares: commands that are imported when they are called, and errors in one line."""

from collections.abc import Mapping
from importlib import import_module

import click

from include.errors import ProvingGroundError


class Commands(click.Group):
    """A group of commands in which an error of ours ends as one red line and exit code 1.

    `lazy` names commands with a sentence about each; `new-model` is `command` in the module `new_model` of `package`, which is
    imported only when it is called: the list of commands loads no library.
    """

    def __init__(
        self, name: str | None = None, *, package: str = "", lazy: Mapping[str, str] | None = None, **attributes: object
    ) -> None:
        super().__init__(name, **attributes)  # type: ignore[arg-type]  # click's own, passed through
        self.lazy = dict(lazy or {})
        self._package = package

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order in which they were given."""
        return [*self.lazy, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a name, imported now; None for a name that is not there."""
        if cmd_name not in self.lazy:
            return super().get_command(ctx, cmd_name)
        command = import_module(f"{self._package}.{cmd_name.replace('-', '_')}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list in `--help`, without importing what it lists."""
        if not self.lazy:
            return super().format_commands(ctx, formatter)
        with formatter.section("Commands"):
            formatter.write_dl(list(self.lazy.items()))

    def invoke(self, ctx: click.Context) -> object:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except ProvingGroundError as error:
            raise Refused(" ".join(str(error).split())) from error


class Refused(click.ClickException):
    """An error of ours, as it is shown."""

    def show(self, file: object = None) -> None:
        """One line on standard error, red where that is a terminal."""
        click.secho(self.format_message(), fg="red", err=True)
