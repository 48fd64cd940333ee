"""What happens, in plain Python that knows no Airflow."""
