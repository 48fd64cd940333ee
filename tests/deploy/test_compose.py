"""Who knows what in docker-compose.yaml, and who reaches whom."""

from pathlib import Path

import yaml

from deploy.local.environment import PROJECT

COMPOSE = yaml.safe_load((PROJECT / "docker-compose.yaml").read_text())
SERVICES = COMPOSE["services"]


def test_a_service_has_the_keys_of_its_role_and_no_others() -> None:
    """A volume for each role, read-only, mounted where the file is that the service reads; prepare alone writes all."""
    for name, service in SERVICES.items():
        mounted = {volume for volume in service.get("volumes", []) if volume.startswith("keys-")}
        file = service.get("environment", {}).get("AWS_SHARED_CREDENTIALS_FILE", "")
        role = Path(file).stem
        if name == "prepare":
            assert {volume.split(":")[0] for volume in mounted} == {"keys-mlflow", "keys-pages", "keys-pipeline"}
        else:
            assert mounted == ({f"keys-{role}:/opt/airflow/keys/{role}:ro"} if file else set()), name
    assert [
        Path(SERVICES[name]["environment"]["AWS_SHARED_CREDENTIALS_FILE"]).stem for name in ("mlflow", "api-server", "worker")
    ] == [
        "mlflow",
        "pages",
        "pipeline",
    ]


def test_only_the_s3_port_of_the_object_store_is_reachable() -> None:
    """SeaweedFS's other ports ask for no key: its network is its own, and one service hands on one port."""
    on_it = {name for name, service in SERVICES.items() if "store" in service.get("networks", [])}
    assert on_it == {"seaweedfs", "s3"}
    assert SERVICES["seaweedfs"]["networks"] == ["store"]
    assert "ports" not in SERVICES["seaweedfs"]
    assert COMPOSE["networks"]["store"] == {"internal": True}
