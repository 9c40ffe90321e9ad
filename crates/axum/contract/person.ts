// What a person does in a browser without scripts: opens a link, and presses the button of each page.

/** Goes on where a link leads, and completes the inquiry; says where that ends. */
export async function complete(link: string): Promise<string> {
  const browser = new Browser();
  return (await browser.press(await browser.press(await browser.open(link)))).url;
}

class Browser {
  private readonly cookies = new Map<string, string>();

  /** Opens an address, and follows where it leads. */
  async open(url: string, body?: URLSearchParams): Promise<Response> {
    const headers = { Cookie: [...this.cookies].map((cookie) => cookie.join("=")).join("; ") };
    const answer = await fetch(url, { method: body ? "POST" : "GET", body, headers, redirect: "manual" });
    for (const cookie of answer.headers.getSetCookie()) {
      const [name, value] = (cookie.split(";")[0] ?? "").split("=");
      this.cookies.set(name ?? "", value ?? "");
    }
    const location = answer.headers.get("Location");
    return location === null ? answer : this.open(new URL(location, url).href);
  }

  /** Sends the one form of a page. */
  async press(page: Response): Promise<Response> {
    const html = await page.text();
    const action = /<form [^>]*action="([^"]*)"/.exec(html)?.[1] ?? "";
    const fields = [...html.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)">/g)];
    const body = new URLSearchParams(fields.map(([, name, value]) => [name ?? "", value ?? ""]));
    return this.open(new URL(action, page.url).href, body);
  }
}
