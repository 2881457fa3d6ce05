"""Each bound of what is read at its value and one past it, so that none can move unseen."""

from __future__ import annotations

import itertools

import pytest
from opentelemetry.proto.common.v1 import common_pb2

from cortex_otel.identity import IdentityResolver
from cortex_otel.process.data import ResourceData
from cortex_otel.process.redact import Redactor
from cortex_otel.receive import lenient_json, lenient_protobuf, plain
from cortex_otel.receive.answers import _MAX_MESSAGE_LENGTH
from cortex_otel.receive.json_values import value_of
from cortex_otel.receive.otlp_json import JsonReader
from cortex_otel.receive.protobuf import ProtobufReader
from cortex_otel.receive.records import Losses
from cortex_otel.receive.senders import Senders


def in_lists(levels):
    value = {"intValue": 1}
    for _ in range(levels):
        value = {"arrayValue": {"values": [value]}}
    return value


def in_mappings(levels):
    value = {"intValue": 1}
    for _ in range(levels):
        value = {"kvlistValue": {"values": [{"key": "k", "value": value}]}}
    return value


@pytest.mark.parametrize("nested", [in_lists, in_mappings])
@pytest.mark.parametrize(("levels", "kept"), [(99, 1), (100, None)])
def test_a_value_is_nested_a_hundred_times(nested, levels, kept):
    losses = Losses()
    found = value_of(nested(levels), losses)
    for _ in range(levels):
        found = found[0] if isinstance(found, list) else found["k"]
    assert found == kept
    assert losses.left_out.total() == (kept is None)


def test_json_is_pruned_below_its_depth():
    assert lenient_json._pruned("[" * 320 + "]" * 320) == "[" * 320 + "]" * 320
    assert lenient_json._pruned("[" * 321 + "]" * 321) == "[" * 320 + "null" + "]" * 320
    deep = lenient_json._ABSURD
    assert lenient_json._pruned("[" * deep + "]" * deep) == "[" * 320 + "null" + "]" * 320
    with pytest.raises(ValueError, match="nested too deeply"):
        lenient_json._pruned("[" * (deep + 1))


def test_protobuf_is_walked_to_its_depth():
    def nested(levels):  # of messages: an array and a value in turn
        raw = b""
        for number in itertools.islice(itertools.cycle((1, 5)), levels):
            raw = lenient_protobuf._field(number, raw)
        return raw

    def walked(raw):
        descriptor = common_pb2.AnyValue.DESCRIPTOR
        return lenient_protobuf._walked(descriptor, raw, 0, is_thorough=True)

    assert walked(nested(80)) == nested(80)
    assert len(walked(nested(82))) < len(nested(82))


def test_a_varint_has_ten_bytes():
    assert lenient_protobuf._varint(b"\x80" * 9 + b"\x01", 0) == (1 << 63, 10)
    with pytest.raises(lenient_protobuf._BrokenError):
        lenient_protobuf._varint(b"\x80" * 10 + b"\x01", 0)


def scope(name):
    return {"scope": {"name": name}}


def test_json_resources_and_scopes_are_remembered_up_to_a_number():
    reader = JsonReader()
    for number in range(256):
        reader._scope(scope(f"s{number}"))
    assert len(reader._scopes) == 256
    reader._scope(scope("one more"))
    assert len(reader._scopes) == 1
    frame = len('{"name":""}')
    for length in (16_384, 16_385):  # one that is larger takes all the room
        reader._scope(scope("first"))
        reader._scope(scope("x" * (length - frame)))
        assert len(reader._scopes) == (3 if length == 16_384 else 1)


def test_protobuf_attributes_are_remembered_up_to_a_number():
    reader = ProtobufReader()

    def attribute(key):
        return common_pb2.KeyValue(
            key=key, value=common_pb2.AnyValue(bool_value=True)
        ).SerializeToString()

    frame = len(attribute("k")) - 1
    for length in (192, 193):
        reader._attribute(attribute("k" * (length - frame - (length - frame > 127))))
    assert [len(raw) for raw in reader._attributes] == [192]
    for number in range(8191):
        reader._attribute(attribute(f"k{number}"))
    assert len(reader._attributes) == 8192
    reader._attribute(attribute("one more"))
    assert len(reader._attributes) == 1


def test_senders_are_remembered_up_to_a_number():
    resolver = IdentityResolver()
    redactor = Redactor(hash_text=resolver.hash_text, hash_user=resolver.hash_user)
    senders = Senders(redactor, resolver.hash_text, {}, lambda _: None)
    resources = [ResourceData({"service.name": f"s{number}"}) for number in range(33)]
    first = senders.of(resources[0])
    for resource in resources[1:32]:
        senders.of(resource)
    assert senders.of(resources[0]) is first
    senders.of(resources[32])
    assert senders.of(resources[0]) is first  # it was used of late
    assert len(senders._senders) == 32
    assert id(resources[1]) not in senders._senders


def test_the_name_of_a_service_is_cut():
    resolver = IdentityResolver()
    redactor = Redactor(hash_text=resolver.hash_text, hash_user=resolver.hash_user)
    senders = Senders(redactor, resolver.hash_text, {}, lambda _: None)
    for length in (64, 65):
        name = ("tool_" * 20)[:length]
        sender = senders.of(ResourceData({"service.name": name}))
        assert sender.converter.service == name[:64]


def test_texts_of_plain_events():
    assert plain._text("x" * 5, 5) == "x" * 5
    with pytest.raises(plain._WrongError):
        plain._text("x" * 6, 5)
    assert plain._time_ns(plain.FIRST_TIME_MS) == plain.FIRST_TIME_MS * 10**6
    assert plain._time_ns(plain.LAST_TIME_MS - 1) == (plain.LAST_TIME_MS - 1) * 10**6
    for time in (plain.FIRST_TIME_MS - 1, plain.LAST_TIME_MS):
        with pytest.raises(plain._WrongError):
            plain._time_ns(time)
    assert (plain.MAX_EVENTS, plain.MAX_TEXT_LENGTH, plain.MAX_LABEL_LENGTH) == (100, 10_000, 128)
    assert _MAX_MESSAGE_LENGTH == 512


def test_senders_of_plain_events_are_remembered_up_to_a_number(monkeypatch):
    monkeypatch.setattr(plain, "_senders", {})
    for number in range(256):
        plain._told({"service.name": f"s{number}"})
    assert len(plain._senders) == 256
    plain._told({"service.name": "one more"})
    assert len(plain._senders) == 1
