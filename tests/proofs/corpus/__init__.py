"""The corpus proof: where Python source comes from, what must hold for each file, and who looks at it."""
