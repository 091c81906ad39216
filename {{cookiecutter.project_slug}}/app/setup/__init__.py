"""Start-up shared by all processes, and the smaller composition of `app rollback`."""
