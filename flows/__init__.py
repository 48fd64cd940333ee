"""When and in which order things happen under Prefect: the same loop as in `dags/`, from the same steps."""
