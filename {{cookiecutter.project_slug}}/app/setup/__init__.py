"""What every process opens first, and what `app rollback` gets instead of all services, so that it starts quickly."""
