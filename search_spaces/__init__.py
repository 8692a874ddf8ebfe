"""Search spaces: which settings of the configuration vary, and over which ranges."""
