"""The process that speaks: it reads lines as JSON from stdin and writes each as a length and PCM16 samples to stdout.

It runs by path in a new interpreter and imports only the standard library, so it starts in a tenth of a second.
`espeak.py` explains why speaking needs a separate process.
"""

import ctypes
import json
import os
import struct
import sys
from pathlib import Path

RETRIEVAL, DO_NOT_EXIT = 1, 0x8000
RATE, VOLUME, PITCH, RANGE = 1, 2, 3, 4
UTF8 = 1
BUFFER_MS = 500
SAMPLE_RATE_HZ = 22050


class Espeak:
    """The library, opened; `say` returns the bytes of one line."""

    def __init__(self, library: Path) -> None:
        self._library = ctypes.CDLL(str(library))
        # The library cuts a data path after 160 characters, so it gets one relative to its own folder.
        os.chdir(library.parent)
        rate = self._library.espeak_Initialize(RETRIEVAL, BUFFER_MS, b".", DO_NOT_EXIT)
        if rate != SAMPLE_RATE_HZ:
            raise OSError(f"espeak-ng answered {rate} to espeak_Initialize, expected a sample rate of {SAMPLE_RATE_HZ}")
        # Without this, the noise in rough and breathy voices starts from the clock.
        self._library.espeak_ng_SetRandSeed(ctypes.c_long(1))
        self._spoken = bytearray()
        # Kept as an attribute: ctypes frees an unreferenced callback, and the library would then call freed memory.
        self._callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)(self._collect)
        self._library.espeak_SetSynthCallback(self._callback)

    def say(self, text: str, voice: str, rate: int, volume: int, pitch: int, range: int) -> bytes:
        """Returns one line as PCM16; the names are the library's: words per minute, then percentages."""
        self._spoken.clear()
        self._demand(self._library.espeak_SetVoiceByName(voice.encode()), f"no voice {voice!r}")
        for parameter, value in ((RATE, rate), (VOLUME, volume), (PITCH, pitch), (RANGE, range)):
            self._demand(self._library.espeak_SetParameter(parameter, value, 0), f"parameter {parameter} refused {value}")
        encoded = text.encode()
        size = ctypes.c_size_t(len(encoded) + 1)
        self._demand(self._library.espeak_Synth(encoded, size, 0, 1, 0, UTF8, None, None), f"cannot say {text!r}")
        self._demand(self._library.espeak_Synchronize(), "cannot finish speaking")
        return bytes(self._spoken)

    def _collect(self, samples: int | None, count: int, _events: int | None) -> int:
        if samples and count > 0:
            self._spoken += ctypes.string_at(samples, 2 * count)
        return 0

    @staticmethod
    def _demand(code: int, complaint: str) -> None:
        if code != 0:
            raise OSError(f"{complaint} (espeak-ng code {code})")


def main() -> None:
    """Speaks every line of the input in order."""
    lines = json.load(sys.stdin)
    espeak = Espeak(Path(sys.argv[1]))
    for line in lines:
        samples = espeak.say(**line)
        sys.stdout.buffer.write(struct.pack("<i", len(samples)) + samples)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    try:
        main()
    except OSError as error:
        sys.exit(str(error))
