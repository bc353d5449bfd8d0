// What peers make of an export: `node check.mjs mermaid FILE` and `node check.mjs html FILE` print JSON.
import { readFileSync } from "node:fs";
import { JSDOM } from "jsdom";

const [mode, file] = process.argv.slice(2);
const text = readFileSync(file, "utf8");

async function mermaid() {
  const { window } = new JSDOM("<!doctype html><body></body>");
  Object.assign(globalThis, { window, document: window.document });
  const { default: parser } = await import("mermaid");
  await parser.parse(text); // raises what is wrong
  const diagram = await parser.mermaidAPI.getDiagramFromText(text);
  const messages = diagram.db.getMessages().filter((message) => message.from !== undefined && message.to !== undefined);
  const actors = [...diagram.db.getActors().values()].map((actor) => actor.description);
  return { type: diagram.type, actors, messages: messages.map(({ from, to, message }) => [from, to, message]) };
}

function html() {
  const errors = [];
  const page = new JSDOM(text, { runScripts: "dangerously", beforeParse: (window) => window.addEventListener("error", (event) => errors.push(event.message)) });
  const { document, Event } = page.window;
  const lines = () => [...document.querySelectorAll("summary, .leaf")].map((line) => line.textContent.replace(/\s+/g, " "));
  const first = lines();
  document.getElementById("errors").click();
  const failed = lines();
  const find = document.getElementById("find");
  find.value = "needle";
  find.dispatchEvent(new Event("change"));
  const matches = [...document.querySelectorAll(".match .name")].map((name) => name.textContent);
  return { title: document.title, errors, first, failed, matches, found: document.getElementById("found").textContent,
    elements: [...new Set([...document.querySelectorAll("main *")].map((one) => one.localName))].sort() };
}

console.log(JSON.stringify(mode === "mermaid" ? await mermaid() : html()));
