"""Calls of the API, as a program makes them."""

import json
from collections.abc import Collection
from typing import Any

from django.test import Client
from django.utils import timezone

from dispatch import tokens
from dispatch.models import Scope
from skills.models import Worker


def secret_of(person: Worker, *scopes: str, days: int = 9) -> str:
    """Of a new token; with no scopes named, with all of them."""
    return tokens.make(person, name="test", scopes=scopes or Scope.values, days=days, by=None, now=timezone.now())[1]


class Caller:
    """With a token of this person, or none. Every answer is a status and what the JSON says."""

    def __init__(self, person: Worker | None, *scopes: str, secret: str = "") -> None:
        self.client = Client()
        self.secret = secret or (secret_of(person, *scopes) if person else "")

    def get(self, path: str, **query: str | int | Collection[str]) -> tuple[int, Any]:
        return self._told(self.client.get(f"/api/v1{path}", query, headers=self._headers()))

    def post(self, path: str, **body: object) -> tuple[int, Any]:
        return self.send(path, body)

    def send(self, path: str, body: object) -> tuple[int, Any]:
        sent = json.dumps(body)
        response = self.client.post(f"/api/v1{path}", sent, content_type="application/json", headers=self._headers())
        return self._told(response)

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.secret}"} if self.secret else {}

    @staticmethod
    def _told(response: Any) -> tuple[int, Any]:
        is_problem = response.status_code >= 400
        wanted = "application/problem+json" if is_problem else "application/json; charset=utf-8"
        assert response.headers["Content-Type"] == wanted
        told = response.json()
        assert not is_problem or (told["status"] == response.status_code and told["detail"])
        return response.status_code, told
