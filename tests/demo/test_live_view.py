"""What the demo says at its end leads to what there is to see."""

from pathlib import Path

import pytest
from rich.console import Console

from demo import __main__ as demo
from demo.live_view import farewell
from deploy.local.stack import Ports, Stack, StackError


@pytest.mark.parametrize("detached", [True, False])
def test_the_end_of_the_demo_leads_to_the_page_of_all_models(detached: bool, tmp_path: Path) -> None:
    """Its address comes first, before a single run and before MLflow."""
    console = Console(width=150, record=True)
    console.print(farewell(Stack(tmp_path, Ports(airflow=18080)), detached))
    page = console.export_text()
    places = [page.find(text) for text in ("http://127.0.0.1:18080/plugin/models,", "Dags → flight_delays.retrain", "MLflow")]
    assert -1 not in places
    assert places == sorted(places)


@pytest.mark.parametrize("weeks", ["0", "41", "all"])
def test_the_demo_says_how_to_go_on_when_no_week_can_be_played(weeks: str) -> None:
    """The stack alone, without example data, is another command."""
    with pytest.raises(StackError, match=rf"WEEKS='{weeks}' .*1 to 40 is accepted.*deploy\.local up"):
        demo._weeks(weeks)
