"""The embedded stack: SeaweedFS, MLflow and Airflow as processes on this machine."""
