from __future__ import annotations

from typing import Any

import pytest

from semlink.core.channel_settings import ChannelSettings
from semlink.core.errors import STATUS
from semlink.core.noise import NoiseKind
from semlink.core.settings import (
    PhotoSettings,
    ReceiverSettings,
    TransmissionSettings,
    settings_from_fields,
)
from semlink.transmitter.front import Front
from semlink.transmitter.rest import create_app
from semlink.transmitter.rest.errors import REASONS
from semlink.transmitter.rest.form import ReconstructionForm
from semlink.transmitter.settings import TransmitterServerSettings


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    return create_app(Front(TransmitterServerSettings())).openapi()


def test_every_field_of_the_form_is_described(schema: dict[str, Any]) -> None:
    operation = schema["paths"]["/v1/reconstructions"]["post"]
    content = operation["requestBody"]["content"]["multipart/form-data"]["schema"]
    form = schema["components"]["schemas"][content["$ref"].rsplit("/", 1)[1]]
    assert set(form["properties"]) == set(ReconstructionForm.model_fields)
    assert form["required"] == ["photo"]
    for name, field in form["properties"].items():
        assert field["description"], name
        assert "examples" in field or "$ref" in str(field) or name == "photo", name
    assert form["properties"]["steps"]["maximum"] == 1000
    assert form["properties"]["subcarriers"]["minimum"] == 12
    assert form["properties"]["erasure_rate"]["maximum"] == 1.0
    assert form["properties"]["bpp"]["anyOf"][0]["exclusiveMinimum"] == 0.0


def test_the_form_takes_exactly_the_settings_there_are(schema: dict[str, Any]) -> None:
    for name, field in ReconstructionForm.model_fields.items():
        if name not in ("photo", "timeout_s"):
            example = (field.examples or [10.0])[0]
            value = field.default if field.default is not None else example
            if name != "ebno_db":
                settings_from_fields({name: value})
    defaults = {
        name: field.default
        for name, field in ReconstructionForm.model_fields.items()
        if name not in ("photo", "timeout_s")
    }
    assert settings_from_fields(defaults) == settings_from_fields({})


def test_no_setting_is_missing_from_the_form() -> None:
    nested = {"channel", "receiver"}
    known = {"channel", *NoiseKind, *PhotoSettings.model_fields, *ReceiverSettings.model_fields}
    plain = set(ChannelSettings.model_fields) - {"model", "noise", "level"}
    assert set(ReconstructionForm.model_fields) == known | plain | {"photo", "timeout_s"}
    assert set(TransmissionSettings.model_fields) == {*PhotoSettings.model_fields, *nested}


def test_every_error_is_documented(schema: dict[str, Any]) -> None:
    responses = schema["paths"]["/v1/reconstructions"]["post"]["responses"]
    assert set(responses) == {"200"} | {str(STATUS[kind].http) for kind in REASONS}
    assert responses["200"]["content"] == {
        "image/png": {"schema": {"type": "string", "format": "binary"}}
    }
    for status in set(responses) - {"200"}:
        body = responses[status]["content"]["application/json"]["schema"]
        assert body == {"$ref": "#/components/schemas/ErrorBody"}
    assert "Retry-After" in responses["429"]["headers"]
    assert "Retry-After" in responses["503"]["headers"]
