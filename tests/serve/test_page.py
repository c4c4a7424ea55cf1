"""The page in a real browser: it types, clicks and hears."""

import base64
import io
import shutil

import numpy as np
import pytest
import soundfile
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

pytestmark = pytest.mark.skipif(
    not (shutil.which("chromium") and shutil.which("chromedriver")),
    reason="no chromium with its driver is installed",
)
FETCH = """
const done = arguments[0];
fetch(document.getElementById("download").href).then(r => r.arrayBuffer())
  .then(b => done(btoa(String.fromCharCode(...new Uint8Array(b)))));
"""


@pytest.fixture(scope="module")
def browser():
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for switch in ("headless=new", "no-sandbox", "disable-gpu", "window-size=900,900"):
        options.add_argument(f"--{switch}")
    service = webdriver.ChromeService(shutil.which("chromedriver"))
    driver = webdriver.Chrome(options=options, service=service)
    yield driver
    driver.quit()


def value(browser, script):
    return browser.execute_script(f"return {script}")


def test_a_text_is_typed_spoken_heard_shown_and_saved(browser, server, request):
    browser.get(server.url)
    wait = WebDriverWait(browser, 20)
    find = browser.find_element
    wait.until(lambda _: find(By.ID, "model").text.split() == ["slt", "twin"])
    wait.until(lambda _: value(browser, "document.body.dataset.ready") == "slt")
    text = find(By.ID, "text")
    text.clear()
    text.send_keys("The browser says this. It hears it, too.")
    browser.execute_script(
        "steps.value = 3; speed.value = 1.5;"
        "for (const one of [steps, speed]) one.dispatchEvent(new Event('input'))"
    )
    assert find(By.ID, "steps_shown").text == "3"
    find(By.ID, "speak").click()
    wait.until(lambda _: find(By.ID, "download").is_displayed())
    assert "first sound after" in find(By.ID, "state").text
    wait.until(lambda _: len(browser.find_elements(By.TAG_NAME, "canvas")) == 4)
    wait.until(lambda _: find(By.ID, "speak").is_enabled())
    peak = float(find(By.ID, "level").get_attribute("data-peak"))
    wav = base64.b64decode(browser.execute_async_script(FETCH))
    samples, fs = soundfile.read(io.BytesIO(wav))
    assert fs == 16000 and 1.5 < len(samples) / fs < 4
    assert 0.1 < peak <= 1 and 0.1 < np.abs(samples).max() <= 1
    captions = [one.text for one in browser.find_elements(By.TAG_NAME, "figcaption")]
    assert captions == ["noise", "after step 1", "after step 2", "after step 3"]
    if folder := request.config.getoption("basetemp"):
        browser.save_screenshot(f"{folder}/page.png")  # for a look at it


def test_what_cannot_be_spoken_is_said(browser, server):
    browser.get(server.url)
    find = browser.find_element
    wait = WebDriverWait(browser, 20)
    wait.until(lambda _: value(browser, "document.body.dataset.ready"))
    browser.execute_script("text.value = '\u6c34'")
    find(By.ID, "speak").click()
    wait.until(lambda _: "English (Latin letters)" in find(By.ID, "state").text)
    assert find(By.ID, "state").get_attribute("class") == "error"
