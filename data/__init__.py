"""Where scans and labels come from: one dataset a file, and the types that every stage shares."""
