"""Starts or joins the cluster that trains."""
