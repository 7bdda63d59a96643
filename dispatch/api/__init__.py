"""The API under /api/v1: HTTP and JSON in and out. It calls the verbs that the pages call, and no rule lives in it."""
