"""Object storage by its address (s3://, gs://, file:// ...): models read, workspaces kept."""
