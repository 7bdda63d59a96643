import os
import socket
from typing import Any

import uvicorn
from django.core.management.base import BaseCommand

from backoffice import family


class Command(BaseCommand):
    help = "Serves pages and live streams on HOST and PORT, or on the listening socket that `run` hands down."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        handed_down = os.environ.pop(family.LISTEN_VARIABLE, None)
        listener = socket.socket(fileno=int(handed_down)) if handed_down else family.listen()
        config = uvicorn.Config(
            "backoffice.asgi:application",
            log_config=None,  # its lines go where all go
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=3,  # streams never end by themselves
        )
        uvicorn.Server(config).run(sockets=[listener])
