"""What people often have instead of readable audio, by its first bytes, and how to fix it."""

import re

SIGNS: dict[bytes, tuple[str, str]] = {
    rb"version https://git-lfs": ("a Git LFS pointer, not the file", "run: git lfs pull"),
    rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype html|html|head|\?xml|!--)": ("a web page, not a sound", "download the file again"),
    rb"PK(?:\x03\x04|\x05\x06)": ("a zip archive", "unpack it"),
    rb"\x1f\x8b|BZh|\xfd7zXZ|7z\xbc\xaf|Rar!|\x28\xb5\x2f\xfd": ("a compressed archive", "unpack it"),
    rb"....ftyp": ("MPEG-4 (m4a, mp4, 3gp)", ""),
    rb"\x1a\x45\xdf\xa3": ("Matroska or WebM", ""),
    rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11": ("Windows Media (wma, asf)", ""),
    rb"#!AMR": ("AMR", ""),
    rb"\xff[\xf0\xf1\xf8\xf9]|ADIF": ("AAC", ""),
    rb"wvpk": ("WavPack", ""),
    rb"MAC ": ("Monkey's Audio", ""),
    rb"TTA": ("True Audio", ""),
    rb"ajkg": ("Shorten", ""),
    rb"#!SILK|\x02#!SILK": ("SILK", ""),
    rb"DSD |FRM8": ("DSD", ""),
    rb"FLV\x01|\x00\x00\x01[\xba\xb3]|RIFF....AVI ": ("a video", ""),
    rb"\x89PNG|\xff\xd8\xff|GIF8|%PDF": ("a picture or a PDF, not a sound", "correct the path"),
    rb"\x93NUMPY": ("a NumPy array, not a sound", "write it as WAV"),
}
"""Pattern of the first bytes: what the file is, and the remedy; an empty remedy means to convert it."""


def name_of(head: bytes) -> str:
    """Names the kind of a file that no decoder reads, with the remedy; "" if it is unknown.

    >>> name_of(b"version https://git-lfs.github.com/spec/v1")
    'a Git LFS pointer, not the file; run: git lfs pull'
    """
    for sign, (name, remedy) in SIGNS.items():
        if re.match(sign, head, re.IGNORECASE | re.DOTALL):
            return f"{name}; {remedy or 'convert it: ffmpeg -i FILE FILE.wav'}"
    return ""
