"""What a study has done so far: a small summary that its driver writes, for `ser status`, `ser studies` and the live view."""
