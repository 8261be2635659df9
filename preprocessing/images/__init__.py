"""Pure Image -> Image steps: one a file."""
