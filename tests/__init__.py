"""Laws, contracts and references, in the folders of what they are about; a package, since some libraries install a `tests` too."""
