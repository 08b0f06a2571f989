"""Limits and trusted documents as settings of an installation (A61, A62)."""

import json
from pathlib import Path
from typing import Any

import pytest

from saifu.server import build_app, documents_of
from saifu.settings import Settings, SettingsError
from saifu.store import Store
from tests.client import Api
from tests.conftest import ADMIN_KEY

MODE = "query Mode { viewer { mode } }"


def with_documents(settings: Settings, tmp_path: Path, texts: dict[str, str], **more: Any) -> Settings:
    manifest = tmp_path / "documents.json"
    manifest.write_text(json.dumps(texts))
    return settings.model_copy(update={"trusted_documents": manifest, **more})


async def answer(settings: Settings, store: Store, sent: dict[str, Any]) -> dict[str, Any]:
    async with Api.in_process(build_app(settings, store=store), ADMIN_KEY) as api:
        response = await api.http.post(
            "/graphql", json=sent, headers={"authorization": f"Bearer {ADMIN_KEY}"}
        )
        body: dict[str, Any] = response.json()
        return body


async def test_a_trusted_document_runs_by_its_id(
    settings: Settings, installed: Store, tmp_path: Path
) -> None:
    trusting = with_documents(settings, tmp_path, {"mode-1": MODE})
    assert (await answer(trusting, installed, {"documentId": "mode-1"}))["data"] == {
        "viewer": {"mode": "TEST"}
    }
    assert (await answer(trusting, installed, {"query": "{ viewer { mode } }"}))["data"]


async def test_where_only_trusted_documents_run_every_other_is_refused(
    settings: Settings, installed: Store, tmp_path: Path
) -> None:
    trusting = with_documents(settings, tmp_path, {"mode-1": MODE}, trusted_only=True)
    assert (await answer(trusting, installed, {"documentId": "mode-1"}))["data"]
    for sent, code in (
        ({"query": "{ viewer { mode } }"}, "FORBIDDEN"),
        ({"documentId": "mode-2"}, "PERSISTED_QUERY_NOT_FOUND"),
    ):
        body = await answer(trusting, installed, sent)
        assert "data" not in body
        assert body["errors"][0]["extensions"]["code"] == code


async def test_a_limit_is_the_one_that_was_set(settings: Settings, installed: Store) -> None:
    document = {"query": "{ customers(first: 50) { nodes { wallets { balance { amount } } } } }"}
    assert "errors" not in await answer(settings, installed, document)
    body = await answer(settings.model_copy(update={"max_cost": 100}), installed, document)
    assert body["errors"][0]["extensions"]["code"] == "QUERY_TOO_COSTLY"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "cannot be used"),
        ("[]", "cannot be used"),
        ('{"one": "{ nothing }"}', "one"),
        ('{"two": "{ viewer { mode }"}', "two"),
    ],
)
def test_a_manifest_that_cannot_be_used_stops_the_start_by_name(
    settings: Settings, tmp_path: Path, content: str, why: str
) -> None:
    manifest = tmp_path / "documents.json"
    manifest.write_text(content)
    with pytest.raises(SettingsError, match="SAIFU_TRUSTED_DOCUMENTS") as refused:
        documents_of(settings.model_copy(update={"trusted_documents": manifest}))
    assert why in str(refused.value)


def test_a_manifest_that_is_not_there_stops_the_start(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="SAIFU_TRUSTED_DOCUMENTS"):
        documents_of(settings.model_copy(update={"trusted_documents": tmp_path / "nowhere.json"}))
    with pytest.raises(SettingsError, match="SAIFU_TRUSTED_ONLY needs"):
        documents_of(settings.model_copy(update={"trusted_only": True}))
