// What a person does with the page, one thing at a time: links, the keyboard, a phone, axe.

import { strict as assert } from "node:assert";
import { deflateSync } from "node:zlib";
import { axe } from "./axe.mjs";
import { openPage, settled, usable } from "./browser.mjs";
import { compare, seen } from "./walk.mjs";

const text = (page, selector) => page.locator(selector).first().innerText();
const client = (page, name) => page.locator(".row", { has: page.locator(".name", { hasText: name }) }).first();

async function chooseList(page, list, name) {
  await page.click(`[data-list="${list}"]`);
  await settled(page);
  await client(page, name).click();
  await settled(page);
}

/** Give a client its first subscription, by clicks. */
async function subscribe(page, payer = "practice") {
  await page.click("#practice-subscribe");
  await page.check(`[name="payer"][value="${payer}"]`);
  await page.check('[name="sign_in"][value="practice_and_client"]');
  await page.check('[name="service:payroll"]');
  await settled(page);
  await page.click("dialog .main");
  await page.click("dialog [data-do]");
  await settled(page);
}

export const tests = {
  "a client is subscribed, checked before it happens, and follows the link in its email": async ({ page, library }) => {
    await chooseList(page, "imported", "Amber & Ash");
    await page.click("#practice-subscribe");
    await page.check('[name="payer"][value="practice"]');
    await page.check('[name="sign_in"][value="practice_and_client"]');
    await page.check('[name="service:accounting"]');
    await page.check('[name="service:payroll"]');
    await settled(page);
    assert.equal(await text(page, "dialog .cost"), "In all £19.50 a month.");
    await page.click("dialog .main");
    await page.waitForSelector("dialog [data-do]");
    const step = await text(page, "dialog");
    for (const said of ["Awaiting Client Activation", "£19.50 to the practice", "Who pays is settled by this, and cannot be chosen again."]) assert.ok(step.includes(said), said);
    await page.click("dialog [data-do]");
    await settled(page);
    await page.click("#tab-notices");
    await page.click(".mailbox button:has-text('invites')");
    await page.frameLocator("iframe.paper").locator('a[href^="https://portal.example.com"]').first().click();
    await page.waitForSelector('dialog [data-do="activate"]');
    await page.click("dialog [data-do]");
    await settled(page);
    assert.equal(await text(page, '[data-field="label"]'), "My company and client both have access");
    assert.deepEqual(await compare(page, library), []);
  },

  "a refusal leads by its way out to the command that helps": async ({ page }) => {
    await chooseList(page, "active", "Harbour Lane");
    await page.click('[data-refused="practice-choose_payer"] [data-way="practice-stop_managing"]');
    await page.waitForSelector('dialog [data-do="stop_managing"]');
    assert.ok((await text(page, "dialog")).includes("From now on the client pays, and never the practice again."));
    await page.keyboard.press("Escape");
    assert.equal(await page.isVisible("dialog"), false);
  },

  "a malformed form says what is wrong beside the field, and keeps what was typed": async ({ page }) => {
    await page.click('[data-new="add_client"]');
    await page.fill("#field-business_name", "Aspen");
    await page.fill("#field-email", "not an address");
    await page.click("dialog .main");
    await settled(page);
    assert.ok((await text(page, "#field-email-problem")).length > 5);
    assert.equal(await page.inputValue("#field-business_name"), "Aspen");
    assert.equal(await page.evaluate(() => document.activeElement.id), "field-email");
    await page.click("dialog .close");
  },

  "the link of the page reproduces everything in a second page": async ({ page, second, library }) => {
    await chooseList(page, "imported", "Ana-Lucía");
    await subscribe(page, "client");
    await page.click('[data-days="7"]');
    await settled(page);
    const other = await second(page.url());
    const [one, two] = [await seen(page), await seen(other)];
    assert.deepEqual(two.card, one.card);
    assert.deepEqual([two.now, two.client, two.link], [one.now, one.client, one.link]);
    assert.deepEqual(await compare(other, library), []);
    await other.context().close();
  },

  "a link that nobody made is said to be unreadable, and the page begins": async ({ second }) => {
    // Deep nesting would use up the stack of the runtime, which would end.
    const deep = deflateSync(Buffer.from("[".repeat(200_000))).toString("base64url");
    for (const link of ["eJwrzs9NVShJrSgBABmTBBc", deep]) {
      const other = await second(`#s=${link}&client=nobody`);
      assert.ok((await text(other, "#said")).includes("another version"));
      assert.ok((await other.$$(".row")).length > 5);
      await other.context().close();
    }
  },

  "the clock moves to a deadline, and a reminder, an expiry and undo follow": async ({ page, library }) => {
    await chooseList(page, "imported", "Bartholomew");
    await subscribe(page);
    const before = (await page.$$("[data-notice]")).length;
    await page.click('[data-key="to-deadline"]');
    await settled(page);
    assert.equal(await text(page, ".tag.expired"), "Expired");
    assert.ok((await page.$$("[data-notice]")).length > before, "a reminder is among the notices");
    assert.deepEqual(await compare(page, library), []);
    await page.click("#undo");
    await settled(page);
    assert.equal(await text(page, ".tag.pending"), "Pending");
    await page.fill("#now", "2027-03-01T12:00");
    await page.locator("#now").blur();
    await settled(page);
    assert.deepEqual(await compare(page, library), []);
  },

  "with the keyboard alone, a client is found, and a command is given": async ({ page, library }) => {
    await page.focus("#search");
    await page.keyboard.type("copper");
    await settled(page);
    assert.equal(await page.evaluate(() => document.activeElement.id), "search", "typing keeps the focus");
    await page.click('[data-list="inactive"]');
    await settled(page);
    await tabTo(page, ".row");
    await page.keyboard.press("Enter");
    await settled(page);
    assert.equal(await text(page, '[data-field="name"]'), "Copper Kettle Repairs");
    await tabTo(page, "#tab-practice");
    await page.keyboard.press("ArrowRight");
    assert.equal(await page.isVisible("#panel-client"), true);
    await page.keyboard.press("ArrowLeft");
    await tabTo(page, "#practice-resend_activation");
    await page.keyboard.press("Enter");
    await page.waitForSelector("dialog [data-do]");
    assert.equal(await page.evaluate(() => document.activeElement.dataset.do), "resend_activation");
    await page.keyboard.press("Enter");
    await settled(page);
    assert.deepEqual(await compare(page, library), []);
  },

  "a phone shows everything in one column, without scrolling sideways": async ({ second }) => {
    const phone = await second("", { viewport: { width: 320, height: 640 }, isMobile: true, hasTouch: true });
    await phone.locator(".row").first().tap();
    await settled(phone);
    for (const tab of ["notices", "invoices", "signin", "history"]) {
      await phone.tap(`#tab-${tab}`);
      const [wide, seenWide] = await phone.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
      assert.ok(wide <= seenWide, `${tab}: ${wide} px in ${seenWide}`);
    }
    await axe(phone, "a phone");
    await phone.tap('[data-new="add_client"]');
    await phone.waitForSelector("dialog form");
    assert.ok(await phone.evaluate(() => document.querySelector("dialog").scrollWidth <= innerWidth));
    await phone.context().close();
  },

  "axe finds nothing, light and dark, in each tab and each step of a dialog": async ({ second }) => {
    for (const colorScheme of ["light", "dark"]) {
      const it = await second("", { colorScheme, reducedMotion: "reduce" });
      await chooseList(it, "inactive", "Bluebell");
      for (const tab of ["history", "notices", "invoices", "signin"]) {
        await it.click(`#tab-${tab}`);
        await axe(it, `${colorScheme}, ${tab}`);
      }
      for (const actor of ["client", "platform"]) {
        await it.click(`#tab-${actor}`);
        await axe(it, `${colorScheme}, ${actor}`);
      }
      await it.click("#platform-add_service");
      await it.waitForSelector("dialog form");
      await axe(it, `${colorScheme}, a form`);
      await it.selectOption("#field-service", "payroll");
      await it.click("dialog .main");
      await it.waitForSelector("dialog [data-refusal]");
      await axe(it, `${colorScheme}, a refusal`);
      await it.click("dialog .close");
      await it.click("#platform-withdraw_access");
      await it.waitForSelector("dialog [data-do]");
      await axe(it, `${colorScheme}, the check`);
      await it.click("dialog .close");
      await it.click("#python");
      await it.waitForSelector("dialog .code");
      await axe(it, `${colorScheme}, the Python`);
      await it.context().close();
    }
  },

  "before the runtime is there, the page is painted, and says how far it has come": async ({ browser, base }) => {
    const context = await browser.newContext();
    const it = await context.newPage();
    await it.route("**/*.wasm", () => {}); // never comes
    await it.goto(`${base}playground/`);
    await it.waitForFunction(() => document.getElementById("progress").value > 0);
    assert.ok((await text(it, "#doing")).includes("MB"));
    await context.close();
  },

  "where it cannot run, words say so": async ({ browser, base }) => {
    const without = await browser.newContext({ javaScriptEnabled: false });
    const plain = await without.newPage();
    await plain.goto(`${base}playground/`);
    assert.ok((await text(plain, "#card")).includes("needs JavaScript and WebAssembly"));
    await without.close();
    const old = await browser.newContext();
    await old.addInitScript("delete globalThis.WebAssembly;");
    const page = await old.newPage();
    await page.goto(`${base}playground/`);
    await page.waitForSelector("text=this browser has no WebAssembly");
    await old.close();
  },
};

/** Press Tab until an element that matches has the focus. */
async function tabTo(page, selector) {
  for (let pressed = 0; pressed < 150; pressed += 1) {
    await page.keyboard.press("Tab");
    if (await page.evaluate((wanted) => document.activeElement.matches(wanted), selector)) return;
  }
  throw new Error(`Tab does not lead to ${selector}`);
}

/** Return how to open a further page, by its whole address or what follows that of the playground. */
export const opener = (browser, base, troubles) => async (where = "", options = {}) => {
  const path = where.startsWith(base) ? where.slice(base.length) : `playground/${where}`;
  const page = await openPage(browser, base, path, troubles, options);
  await usable(page);
  await settled(page);
  return page;
};
