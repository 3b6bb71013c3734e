"""What every room may use: errors, files, YAML, compiled code, random numbers. It imports no other room."""
