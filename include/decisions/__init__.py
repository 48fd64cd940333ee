"""How it is decided: pure functions of frames and numbers. No I/O, no clock, no globals."""
