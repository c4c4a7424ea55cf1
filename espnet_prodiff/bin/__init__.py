"""Command-line entry points: parse, call, exit."""

from espnet_prodiff.common.postponed import without_type_checks

without_type_checks()
