"""Shows studies in MLflow: study > trial > fold."""
