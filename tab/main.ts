/// <reference lib="dom" />
// The page: what its buttons do, and what is shown of what the worker tells.
import { bytes } from "../lib/page/client/figures.js";
import { createCurves } from "./curves.ts";
import { byId, says } from "./elements.ts";
import { insertMask, showFilled, showMask, suitExample } from "./fill_view.ts";
import { keepModel, type KeptModel } from "./kept_models.ts";
import type { ModelFacts, ModelPlace, RunStart, TabEvent } from "./messages.ts";
import { addressPlace, chosenName, download, listKept, zipPlace } from "./models_view.ts";
import { chosenSettings, lockSettings, showSettings } from "./settings_form.ts";
import { storiesText } from "./stories.ts";
import { startWorker } from "./worker_client.ts";

const text = byId<HTMLTextAreaElement>("text");
const button = (id: string) => byId<HTMLButtonElement>(id);
const curves = createCurves();

/** What the tab is at. */
let work: "training" | "other" | undefined;
let facts: ModelFacts | undefined;
let isSaved = true;
/** How the run under way begins. */
let begins: RunStart = "new";
/** The sentence that is shown with its masks filled. */
let filled: string | undefined;

const worker = startWorker(byId("worker").textContent!, {
  event: heard,
  died() {
    hideFilled();
    showModel(undefined);
    isSaved = true;
    says.problem("The worker that trains has failed; another one was started, without the model");
  },
});
byId("worker").remove();

const phases: Readonly<Record<string, string>> = {
  preparing: "Reading the text …",
  compiling: "Compiling the model …",
  training: "Training …",
};

function heard(event: TabEvent): void {
  switch (event.kind) {
    case "model":
      if (begins !== "on") curves.begin();
      isSaved = false;
      return showModel(event.facts);
    case "notice":
      return void (byId("notice").textContent = event.text);
    case "phase":
      if (phases[event.phase] && work === "training") says.status(phases[event.phase]!);
      return;
    case "lines":
      curves.add(event);
      // what is filled in follows what is learned
      if (event.samples.length > 0 && filled !== undefined) fillIn(filled).catch(() => {});
  }
}

/** What is there to be used, and which buttons do something. */
function showModel(now: ModelFacts | undefined): void {
  facts = now;
  byId("model").textContent = now
    ? `The model: ${now.description}; ${bytes(now.deviceBytes)} of memory; computed by ${now.device}.`
    : "There is no model yet.";
  if (now) {
    suitExample(now.vocabulary);
    showMask(now.mask);
  }
  showButtons();
}

function showButtons(): void {
  const isTraining = work === "training";
  for (const id of ["train", "zip", "load-address", "stories", "open"]) button(id).disabled = work !== undefined;
  for (const id of ["further", "on", "download", "keep"]) button(id).disabled = work !== undefined || !facts;
  for (const load of byId("kept").querySelectorAll("button")) load.disabled = work !== undefined;
  button("stop").disabled = !isTraining;
  button("fill").disabled = !facts;
  button("on").hidden = isTraining || !facts?.unfinished;
  button("further").hidden = isTraining || !facts || facts.unfinished !== undefined;
  byId("progress").hidden = !isTraining && !facts?.step;
  text.readOnly = isTraining;
  lockSettings(isTraining);
}

/** Does something that the rest waits for; what goes wrong is said. */
async function doing(what: NonNullable<typeof work>, task: () => Promise<string>): Promise<void> {
  if (work) return;
  work = what;
  says.problem();
  showButtons();
  try {
    says.status(await task());
  } catch (error) {
    says.status("");
    says.problem((error as Error).message);
  } finally {
    work = undefined;
    showButtons();
  }
}

function mayReplace(): boolean {
  return isSaved || confirm("The model in this tab has not been saved. Replace it?");
}

function train(start: RunStart): Promise<void> {
  if (start === "new" && !mayReplace()) return Promise.resolve();
  return doing("training", async () => {
    says.status("Preparing …");
    byId("notice").textContent = "";
    begins = start;
    const settings = start === "on"
      ? { ...facts!.unfinished!.settings, device: chosenSettings().device }
      : chosenSettings();
    try {
      showModel(await worker.ask({ kind: "train", start, text: text.value, settings }));
    } catch (error) {
      // what is left may be a run that goes on, or nothing
      showModel(await worker.ask({ kind: "facts" }));
      throw error;
    }
    return facts?.unfinished ? `Stopped after step ${facts.step.toLocaleString("en")}.` : "Finished.";
  });
}

async function loaded(from: ModelPlace): Promise<string> {
  showModel(await worker.ask({ kind: "load", from, device: chosenSettings().device }));
  isSaved = true;
  if (facts?.unfinished) showSettings(facts.unfinished.settings);
  curves.begin();
  hideFilled();
  return `Loaded${facts?.unfinished ? `, as it was stopped after step ${facts.step.toLocaleString("en")}` : ""}.`;
}

function load(place: () => ModelPlace | Promise<ModelPlace>, before = () => {}): Promise<void> {
  if (!mayReplace()) return Promise.resolve();
  return doing("other", async () => {
    says.status("Loading …");
    const said = await loaded(await place());
    before();
    return said;
  });
}

function loadKept({ name, files, text: own }: KeptModel): void {
  load(() => ({ name, files }), () => own !== undefined && setText(own));
}

function save(how: "download" | "keep"): Promise<void> {
  return doing("other", async () => {
    const name = chosenName();
    const files = await worker.ask({ kind: "save", name });
    if (how === "download") await download(name, files);
    else {
      await keepModel({ name, saved: Date.now(), files, text: facts?.unfinished ? text.value : undefined });
      await listKept(loadKept);
    }
    isSaved = true;
    return how === "download" ? `Downloaded as ${name}.zip.` : `Kept in this browser as ${name}.`;
  });
}

async function fillIn(sentence: string): Promise<void> {
  const result = await worker.ask({ kind: "fill", text: sentence });
  if (facts) showFilled(sentence, result, facts.mask);
  filled = sentence;
}

function hideFilled(): void {
  filled = undefined;
  byId("filled").replaceChildren();
}

/** Fills the sentence in, and says so. */
async function answer(): Promise<void> {
  says.problem();
  try {
    await fillIn(byId<HTMLInputElement>("sentence").value);
    byId("filled-spoken").textContent = `Filled in: ${byId("filled").querySelector("p")!.textContent}`;
  } catch (error) {
    hideFilled();
    says.problem((error as Error).message);
  }
}

function setText(value: string): void {
  text.value = value;
  byId("text-size").textContent = `(${value.length.toLocaleString("en")} characters)`;
}

/** Bytes of a file that a box for text still shows. */
const LARGEST_TEXT = 20_000_000;

/** A file's text, or what is wrong with it. */
async function openText(file: File): Promise<string> {
  if (file.size > LARGEST_TEXT) {
    throw new Error(`Cannot open ${file.name}: it has more than 20 MB, which only the command line reads`);
  }
  const bytes = await file.arrayBuffer();
  try {
    setText(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw new Error(`Cannot read ${file.name}: it is no text in UTF-8`);
  }
  return `Opened ${file.name}.`;
}

/** The file that was chosen, once. */
function whenChosen(id: string, take: (file: File) => void): void {
  const input = byId<HTMLInputElement>(id);
  input.addEventListener("change", () => {
    const file = input.files?.[0];
    input.value = "";
    if (file) take(file);
  });
}

function listenToButtons(): void {
  const on = (id: string, act: () => void) => byId(id).addEventListener("click", act);
  on("train", () => train("new"));
  on("on", () => train("on"));
  on("further", () => train("further"));
  on("stop", () => {
    says.status("Stopping after the step under way …");
    worker.ask({ kind: "stop" });
  });
  on("stories", async () => setText(await storiesText()));
  on("download", () => save("download"));
  on("keep", () => save("keep"));
  on("insert", () => insertMask(facts?.mask ?? "[MASK]"));
  whenChosen("open", (file) => doing("other", () => openText(file)));
  whenChosen("zip", (file) => load(() => zipPlace(file)));
  const submitted = (id: string, act: () => void) =>
    byId(id).addEventListener("submit", (event) => {
      event.preventDefault();
      act();
    });
  submitted("fill-form", () => facts && answer());
  submitted("address-form", () => load(() => addressPlace(byId<HTMLInputElement>("address").value)));
  submitted("settings", () => {});
  // what went wrong is read, and may go
  on("problem", () => says.problem());
  document.addEventListener("keydown", ({ key }) => key === "Escape" && says.problem());
  text.addEventListener("input", () => setText(text.value));
}

function followTheme(): void {
  const theme = byId<HTMLSelectElement>("theme");
  try {
    theme.value = localStorage.getItem("theme") ?? "";
    theme.addEventListener("change", () => localStorage.setItem("theme", theme.value));
  } catch {
    // what may not be kept is chosen anew
  }
  theme.addEventListener("change", () => curves.draw());
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => curves.draw());
  curves.draw();
}

/** What the package needs that browsers had not until lately; empty: this one has it. */
function whyTooOld(): string {
  const needed = ["fromBase64" in Uint8Array, "fromAsync" in Array, "parse" in URL, "Iterator" in globalThis];
  if (!needed.includes(false)) return "";
  return "This browser is too old for this page: Chrome or Edge 140, Firefox 133, or Safari 18.4 will do";
}

addEventListener("beforeunload", (event) => {
  if (work === "training" || !isSaved) event.preventDefault();
});
followTheme();
listenToButtons();
showButtons();
says.problem(whyTooOld());
storiesText().then(setText);
listKept(loadKept);
