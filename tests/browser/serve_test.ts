// The form of the command serve in a browser, without scripts.
import { assert, assertEquals, assertMatch } from "@std/assert";
import { withServer } from "../serve/serve_model.ts";
import { openBrowser, withoutBrowser } from "../helpers/browser.ts";

Deno.test({
  name:
    "the form of serve fills, embeds and scores without a script, on any screen and in both themes, and asks nobody else",
  ignore: withoutBrowser,
  // the browser is a process that outlives the steps
  sanitizeOps: false,
  sanitizeResources: false,
  fn: () =>
    withServer({}, async (server) => {
      const browser = await openBrowser();
      try {
        for (const [width, colorScheme] of [[1280, "light"], [390, "dark"]] as const) {
          const viewport = { width, height: 800 };
          const context = await browser.newContext({ javaScriptEnabled: false, viewport, colorScheme });
          const page = await context.newPage();
          const asked: string[] = [];
          const complaints: string[] = [];
          page.on("request", (request) => void asked.push(request.url()));
          page.on("console", (message) => void complaints.push(message.text()));
          await page.goto(server.address);
          const folder = Deno.env.get("CLOZE_SCREENSHOTS");
          for (
            const [task, wanted] of [["fill", /Mask 1/], ["embed", /A vector of 16/], [
              "score",
              /pseudo-perplexity/,
            ]] as const
          ) {
            await page.fill("#text", "the red [MASK] & the <b>cat</b>");
            await page.check(`input[value=${task}]`);
            await page.click("button");
            assertMatch(await page.innerText("section"), wanted);
            assertEquals(await page.inputValue("#text"), "the red [MASK] & the <b>cat</b>");
            assert(await page.isChecked(`input[value=${task}]`));
            if (folder) await page.screenshot({ path: `${folder}/${task}-${width}.png`, fullPage: true });
            assert((await page.locator("main").boundingBox())!.width <= width);
          }
          assertEquals(asked.filter((url) => !url.startsWith(server.address) && !url.startsWith("data:")), []);
          assertEquals(complaints, []);
          await context.close();
        }
      } finally {
        await browser.close();
      }
    }),
});
