"""Which leaves of the configuration tree may vary, and over what ranges."""
