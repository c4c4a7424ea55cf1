"""Any text as what a voice can read: typography, scripts, numbers, symbols."""
