"""Fixtures of tests that write into a store of their own."""

from __future__ import annotations

from kits import load

load("exporters/store_kit.py")
fixtures = load("exporters/store_fixtures.py")

home, path = fixtures.home, fixtures.path
make_writer, writer = fixtures.make_writer, fixtures.writer
no_process_outlives_its_test = fixtures.no_process_outlives_its_test
