"""What coders marked as naming a code, looked for in other notes."""
