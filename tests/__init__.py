"""Laws, contracts and references, in the folders of what they are about. A package: some libraries install a `tests` too."""
