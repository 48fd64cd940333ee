"""`python -m deploy.local`: the embedded stack, started and ended by hand."""

import click

from deploy.local.stack import Stack
from include.command_line import Commands


@click.group(cls=Commands)
def cli() -> None:
    """The embedded stack: SeaweedFS, MLflow and Airflow on this machine.

    \b
    Example:
      python -m deploy.local up
    """


@cli.command()
def up() -> None:
    """Start the stack, and show where it is.

    \b
    Example:
      python -m deploy.local up
    """
    stack = Stack()
    stack.start()
    click.echo(f"Airflow  {stack.airflow_url}  (user admin, password {stack.passwords['admin']})")
    click.echo(f"Models   {stack.models_url}")
    click.echo(f"MLflow   {stack.mlflow_url}")
    click.echo(f"S3       {stack.s3_endpoint}")


@cli.command()
def down() -> None:
    """End every process of the stack; its data stay.

    \b
    Example:
      python -m deploy.local down
    """
    Stack().stop()


@cli.command()
def status() -> None:
    """Show which components run.

    \b
    Example:
      python -m deploy.local status
    """
    for name, state in Stack().status().items():
        click.echo(f"{name:14} {state}")


if __name__ == "__main__":
    cli(prog_name="python -m deploy.local")
