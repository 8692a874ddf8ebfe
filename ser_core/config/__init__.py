"""The configuration: one tree of options, composed from overrides, checked key by key, and hashed to name each fold."""
