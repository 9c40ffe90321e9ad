"""What a person does in a browser without scripts: opens a link, and presses the button of each page."""

from html.parser import HTMLParser
from urllib.parse import urlencode, urljoin
from urllib.request import HTTPCookieProcessor, build_opener


def complete(link):
    """Goes on where a link leads, and completes the inquiry; says where that ends."""
    browser = build_opener(HTTPCookieProcessor())
    return press(browser, press(browser, browser.open(link))).url


def press(browser, page):
    """Sends the form of a page, and follows where that leads."""
    form = Form()
    form.feed(page.read().decode())
    return browser.open(urljoin(page.url, form.action), urlencode(form.fields).encode())


class Form(HTMLParser):
    """The one form of a page."""

    def __init__(self):
        super().__init__()
        self.action, self.fields = None, {}

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if tag == "form":
            self.action = attributes["action"]
        elif tag == "input":
            self.fields[attributes["name"]] = attributes["value"]
