// A Chromium that knows a few made-up hosts, and the pages that they serve.

import { mkdir, readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";

import { chromium } from "playwright-core";

const TYPES = { html: "text/html; charset=utf-8", css: "text/css", js: "text/javascript" };

/** The sizes and looks in which a page is kept. */
const LOOKS = [1280, 390].flatMap((width) => ["light", "dark"].map((colorScheme) => ({ width, colorScheme })));

/** Starts the server of `site/` and the browser, which finds it under every host that ends in `.example`. */
export async function launch() {
  const server = createServer(async (request, response) => {
    const name = request.url === "/" ? "index.html" : request.url.slice(1);
    try {
      const content = await readFile(new URL(`site/${name}`, import.meta.url));
      response.writeHead(200, { "Content-Type": TYPES[name.split(".").pop()] }).end(content);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM,
    // As root there is no sandbox; the rest keeps the browser from calling anyone but this machine.
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--no-proxy-server",
      `--host-resolver-rules=MAP *.example 127.0.0.1:${server.address().port}`,
    ],
  });
  const close = async () => {
    await browser.close();
    server.close();
  };
  return { browser, close };
}

/** Opens a page in a context of its own, with a list of all that it complains about: errors, and what its policy blocked. */
export async function open(browser, url) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, colorScheme: "light" });
  const page = await context.newPage();
  const complaints = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("requestfailed", (request) => complaints.push(`${request.url()}: ${request.failure().errorText}`));
  await page.exposeFunction("blocked", (violation) => complaints.push(violation));
  await page.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => {
      window.blocked(`${event.effectiveDirective} blocked ${event.blockedURI} at ${event.sourceFile}:${event.lineNumber}`);
    });
  });
  const response = await page.goto(url, { waitUntil: "networkidle" });
  return { page, response, complaints };
}

/** Keeps the page as pictures, and returns the looks in which it is wider than the window. */
export async function keep(page, name, { fullPage = true } = {}) {
  const folder = process.env.BROWSER_SCREENSHOTS;
  await mkdir(folder, { recursive: true });
  const tooWide = [];
  for (const { width, colorScheme } of LOOKS) {
    await page.setViewportSize({ width, height: width === 1280 ? 900 : 844 });
    await page.emulateMedia({ colorScheme });
    await page.screenshot({ path: join(folder, `${name}-${width}-${colorScheme}.png`), fullPage });
    if (await page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth)) tooWide.push({ width, colorScheme });
  }
  return tooWide;
}
