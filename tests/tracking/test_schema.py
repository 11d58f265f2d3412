"""A database whose tables are laid out in an unknown way is refused before there is a launch."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest

from lblhep.errors import TrackingError
from lblhep.launch import launch
from lblhep.recipe import Recipe
from lblhep.tracking import schema
from lblhep.tracking.address import without_credentials
from lblhep.tracking.store import broken, connect, database


def set_revision(recipe: Recipe, revision: str) -> None:
    with closing(sqlite3.connect(database(recipe.workspace))) as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", [revision])
        connection.commit()


def assert_refused(recipe: Recipe, message: str) -> None:
    with pytest.raises(TrackingError, match=message):
        launch(recipe, serial=True)
    launches = recipe.workspace / "mlruns" / "launches"
    assert list(launches.iterdir()) == [], "nothing is left of the launch"


def test_the_installed_mlflow_is_known(toy):
    schema.check_schema(connect(toy("scan").workspace))


def test_an_mlflow_with_other_tables(toy, monkeypatch: pytest.MonkeyPatch):
    recipe = toy("scan")
    monkeypatch.setattr(schema, "KNOWN_LAYOUTS", {"0123456789ab": "3.99"})
    assert_refused(recipe, r"mlflow.db: MLflow 3\.\S+ .*revision \w{12}.*MLflow 3\.99.*`mlflow server")
    assert [e.name for e in connect(recipe.workspace).search_experiments()] == ["Default"]


def test_no_password_of_a_database(toy, monkeypatch: pytest.MonkeyPatch):
    from sqlalchemy import make_url

    client = connect(toy("scan").workspace)
    store = schema.database_of(client)
    assert store is not None
    url = make_url("postgresql://anna:pw1@host/db?password=pw2")
    engine = SimpleNamespace(url=url, connect=store.engine.connect)
    monkeypatch.setattr(schema, "database_of", lambda _: SimpleNamespace(engine=engine))
    monkeypatch.setattr(schema, "KNOWN_LAYOUTS", {})
    with pytest.raises(TrackingError, match=r"^postgresql://\*\*\*@host/db\?\*\*\*: MLflow") as refused:
        schema.check_schema(client)
    assert not any(secret in str(refused.value) for secret in ("anna", "pw1", "pw2"))


@pytest.mark.parametrize("uri", ["postgresql://mlflow:db@host/db", "mysql://version:e@host/db"])
def test_credentials_that_are_words_of_the_message(uri: str):
    """The remedy depends on the words of MLflow, not on what is left of them."""
    said = "Detected out-of-date database schema (found version f5a4f2784254, but expected dc11669786a5)"
    shown = without_credentials(uri, uri)
    assert f"`mlflow db upgrade {shown}`, after a backup" in str(broken(shown, said, uri))


def test_a_database_of_a_newer_mlflow(toy):
    recipe = toy("scan")
    set_revision(recipe, "ffffffffffff")
    assert_refused(recipe, r"revision ffffffffffff, is newer than MLflow 3\.\S+; .*install that one")


def test_a_database_of_an_older_mlflow(toy):
    recipe = toy("scan")
    set_revision(recipe, "f5a4f2784254")
    path = database(recipe.workspace)
    assert_refused(
        recipe, rf"its schema is out of date.*`mlflow db upgrade sqlite:///{path}`, after a backup"
    )


def test_a_server_has_no_tables_to_know(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from mlflow import MlflowClient

    monkeypatch.setattr(schema, "KNOWN_LAYOUTS", {})
    schema.check_schema(MlflowClient("http://127.0.0.1:9"))
