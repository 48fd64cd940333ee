"""What the demo says at its end leads to what there is to see."""

from pathlib import Path
from typing import cast

import pytest
from rich.console import Console

from demo import __main__ as demo
from demo.live_view import farewell
from demo.player import Player
from deploy.local.airflow_api import AirflowApi
from deploy.local.stack import Ports, Stack, StackError
from include.adapters.memory_store import MemoryStore
from include.models import find_model
from include.models.contract import candidate_names


@pytest.mark.parametrize("detached", [True, False])
def test_the_end_of_the_demo_leads_to_the_page_of_all_models(detached: bool, tmp_path: Path) -> None:
    """Its address comes first, before a single run and before MLflow."""
    console = Console(width=150, record=True)
    console.print(farewell(Stack(tmp_path, Ports(airflow=18080)), "airflow", detached))
    page = console.export_text()
    places = [page.find(text) for text in ("http://127.0.0.1:18080/plugin/models,", "Dags → flight_delays.retrain", "MLflow")]
    assert -1 not in places
    assert places == sorted(places)


@pytest.mark.parametrize("weeks", ["0", "41", "all"])
def test_the_demo_says_how_to_go_on_when_no_week_can_be_played(weeks: str) -> None:
    """The stack alone, without example data, is another command."""
    with pytest.raises(StackError, match=rf"WEEKS='{weeks}' .*1 to 40 is accepted.*deploy\.local up"):
        demo._weeks(weeks)


def test_searches_are_played_for_a_few_weeks_and_a_person_asks_for_the_word_model_once() -> None:
    """Whatever number of weeks is asked for; the candidate is one of the model's."""
    lake = MemoryStore("lake")
    for weeks, played in ((8, 4), (2, 2), (1, 1)):
        rows = Player(cast("AirflowApi", None), MemoryStore("landing"), lake, weeks).rows
        searches = [row for row in rows if row.model == "search_queries"]
        assert len(searches) == played
        assert [row.candidate for row in searches] == ["", "words", "", ""][:played]
        assert sum(row.model == "flight_delays" for row in rows) == weeks
    assert "words" in candidate_names(find_model("search_queries"))
