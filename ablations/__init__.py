"""What is compared, and what may be concluded: variants, statistics, tables and figures, all pure functions of records."""
