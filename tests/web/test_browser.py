"""A sound of five minutes, 53 MB, in which a browser goes to where nothing has been loaded yet."""

from __future__ import annotations

import io
import math
import re
import struct
import wave
from typing import Any

import pytest
from gridfs import GridFS
from playwright.async_api import Browser, expect
from pymongo.synchronous.database import Database

from tests.examples.browser import browser as chromium
from tests.web.sites import Site, serving

RATE = 44_100
BYTES_A_SECOND = 4 * RATE
SECONDS = 300
LOW, HIGH = 441, 1764
"""The pitch in hertz before the middle, and from there on."""

PAGE = b"""<!doctype html>
<title>A player</title>
<link rel="icon" href="data:,">
<audio id="sound" src="sound.wav" preload="metadata"></audio>
<button id="play">Play the end</button>
<output id="pitch"></output>
<script>
  const sound = document.getElementById("sound");
  document.getElementById("play").onclick = async () => {
    const context = new AudioContext({ sampleRate: 44100 });
    const analyser = context.createAnalyser();
    analyser.fftSize = 8192;
    context.createMediaElementSource(sound).connect(analyser).connect(context.destination);
    sound.currentTime = 200;
    await sound.play();
    setInterval(() => {
      const loudness = new Float32Array(analyser.frequencyBinCount);
      analyser.getFloatFrequencyData(loudness);
      const loudest = loudness.indexOf(Math.max(...loudness));
      document.getElementById("pitch").value = Math.round((loudest * 44100) / 8192);
    }, 50);
  };
</script>
"""


def sound() -> bytes:
    """A WAV file with the low pitch and then the high one."""

    def second(pitch: int) -> bytes:
        samples = (round(8000 * math.sin(2 * math.pi * pitch * number / RATE)) for number in range(RATE))
        return b"".join(struct.pack("<hh", sample, sample) for sample in samples)

    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(2)
        writer.setsampwidth(2)
        writer.setframerate(RATE)
        writer.writeframes(second(LOW) * (SECONDS // 2) + second(HIGH) * (SECONDS // 2))
    return file.getvalue()


async def seek(browser: Browser, site: Site) -> None:
    async with await browser.new_context() as context:
        page = await context.new_page()
        await page.goto(site.url("player.html"))
        duration = await page.wait_for_function("sound.readyState >= sound.HAVE_METADATA && sound.duration")
        assert await duration.json_value() == SECONDS
        await page.get_by_role("button").click()
        await page.wait_for_function("sound.currentTime > 200.5", timeout=30_000)
        # It plays what is there, and not what is at the beginning.
        pitch = page.locator("#pitch")
        await expect(pitch).to_have_text(re.compile("^17[56]"), timeout=30_000)
    starts = [int(match[1]) for _, asked in site.asked if (match := re.match(r"bytes=(\d+)-", asked))]
    # A little before the position itself.
    assert any(190 * BYTES_A_SECOND < start <= 201 * BYTES_A_SECOND for start in starts), site.asked


async def test_a_browser_seeks(uri: str, database: Database[Any], files: GridFS, caplog: pytest.LogCaptureFixture):
    files.put(sound(), filename="sound.wav")
    files.put(PAGE, filename="player.html", metadata={"contentType": "text/html; charset=utf-8"})
    async with chromium() as browser:
        for framework in ("tornado", "aiohttp"):
            async with serving(framework, uri, database.name) as site:
                await seek(browser, site)
    # A browser breaks off what it has no more use for. That is nothing to complain of.
    assert [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")] == []
