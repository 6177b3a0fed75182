// The page's only script: sends what people write, press and drop; shows what the stream says.

const page = document.body.dataset;
const $ = (selector, root = document) => root.querySelector(selector);
const make = (tag, fields) => Object.assign(document.createElement(tag), fields);
const timeline = $("#timeline"), composer = $("#composer"), box = $("#text"), notice = $("#notice");
const dialog = $("#dialog"), sure = $("#sure");
const atKey = (key) => $(`[data-key="${CSS.escape(key)}"]`, timeline);
// crypto.randomUUID needs https, which a Gofer in a home network may not have.
const newId = () => [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(36)).join("-");

function say(text) {
  notice.textContent = text;
  notice.hidden = !text;
}
async function post(path, body) {
  const headers = { "Content-Type": "application/json", "X-Gofer": "1" };
  const response = await fetch(path, { method: "POST", headers, body: JSON.stringify(body) }).catch(() => null);
  if (response?.status === 401) throw new Error(page.signedOut);
  const answer = (await response?.json().catch(() => null)) ?? { error: page.unsent, next_step: "" };
  if (!response?.ok) throw new Error(`${answer.error} ${answer.next_step}`.trim());
  return answer;
}

// -- files: chips with their progress, in the message box and in dialogs
class Tray {
  constructor(root) {
    this.list = $(".chips", root);
    this.items = [];
    const input = $("input[type=file]", root);
    input.addEventListener("change", () => (this.add(input.files), (input.value = "")));
    root.addEventListener("paste", (event) => this.add(event.clipboardData.files));
  }
  get files() {
    if (this.items.some((item) => !item.file)) throw new Error(page.still);
    return this.items.map((item) => item.file);
  }
  add(files) {
    [...files].forEach((file) => this.upload(file));
  }
  upload(source) {
    const item = { file: null };
    const chip = make("li", { className: "chip" });
    const bar = make("progress", { max: 1, value: 0, ariaLabel: source.name });
    const state = make("span", { className: "small", role: "status" });
    const away = make("button", { type: "button", textContent: "×", ariaLabel: `${page.remove} ${source.name}` });
    const request = new XMLHttpRequest(); // fetch cannot tell how far an upload is
    const end = (file, text) => {
      item.file = file;
      chip.classList.toggle("failed", !file);
      state.textContent = text ?? page.failed;
      bar.remove();
    };
    away.onclick = () => {
      request.abort();
      chip.remove();
      this.items = this.items.filter((other) => other !== item);
    };
    chip.append(make("span", { textContent: source.name }), bar, state, away);
    this.list.append(chip);
    this.items.push(item);
    if (source.size > Number(page.limit)) return end(null, page.tooLarge);
    request.open("POST", `/api/uploads?path=${encodeURIComponent(source.webkitRelativePath || source.name)}`);
    request.setRequestHeader("X-Gofer", "1");
    request.setRequestHeader("Content-Type", source.type || "application/octet-stream");
    request.responseType = "json";
    request.upload.onprogress = (event) => (bar.value = event.loaded / Math.max(event.total, 1));
    request.onerror = () => end(null);
    request.onload = () => (request.status === 201 ? end(request.response, "") : end(null, request.response?.error));
    request.send(source);
  }
}

// -- the message box
const draft = `draft:${page.thread}`, tray = new Tray(composer);
let eventId = newId(); // kept until the message has arrived, so that sending twice acts once

function keep() {
  localStorage.setItem(draft, box.value);
  box.style.height = "0";
  box.style.height = `${Math.min(box.scrollHeight + 2, innerHeight * 0.4)}px`;
}

async function send(event) {
  event.preventDefault();
  const text = box.value.trim();
  const button = $("button[type=submit]", composer);
  if (button.disabled) return;
  if (!text && !tray.items.length) return box.focus(), say(page.nothing);
  button.disabled = true;
  try {
    const said = { thread_id: page.threadId, text, files: tray.files, event_id: eventId };
    const answer = await post("/api/messages", said);
    eventId = newId();
    if (box.value.trim() === text) box.value = "";
    keep();
    tray.items = [];
    tray.list.replaceChildren();
    say(answer.text);
    if (!page.thread) location.assign(`/t/${encodeURIComponent(answer.thread)}`);
  } catch (error) {
    say(error.message);
  }
  button.disabled = false;
}

composer.addEventListener("submit", send);
box.addEventListener("input", keep);
box.addEventListener("keydown", (key) => key.key === "Enter" && !key.shiftKey && !key.isComposing && send(key));
box.value = localStorage.getItem(draft) || "";
keep();

// -- buttons, their forms, and files dropped
/** Presses a button. `stays`: nothing on the page will change by it; `undone`: what was undone, in a sentence. */
async function press(token, taskId, more = {}) {
  const answer = await post("/api/press", { token, task_id: taskId, event_id: newId(), ...more });
  say(answer.text);
  if (answer.dialog) {
    dialog.innerHTML = answer.dialog; // drawn by our templates, which escape every text
    localise(dialog);
    if ($("form", dialog)) connect($("form", dialog), taskId);
    dialog.showModal();
  }
  return { stays: Boolean(answer.dialog || answer.text), undone: answer.undone ? answer.text : "" };
}

function connect(form, taskId) {
  const files = $("[data-tray]", form) && new Tray(form);
  const button = $("button[type=submit]", form);
  const trouble = $(".problem", form);
  const event_id = newId();
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const many = (field) => [...field.selectedOptions].map((option) => option.value);
    const value = (field) => (field.type === "checkbox" ? field.checked : field.multiple ? many(field) : field.value);
    const values = Object.fromEntries([...form.querySelectorAll("[name]")].map((field) => [field.name, value(field)]));
    button.disabled = true;
    try {
      await press(form.dataset.token, taskId, { sent: true, event_id, values, files: files?.files ?? [] });
      dialog.close();
    } catch (error) {
      trouble.textContent = error.message;
      trouble.hidden = false;
    }
    button.disabled = false;
  });
}

async function agreed(sentence, label) {
  $("p", sure).textContent = sentence;
  $("button", sure).textContent = label;
  sure.returnValue = "no";
  sure.showModal();
  await new Promise((closed) => sure.addEventListener("close", closed, { once: true }));
  return sure.returnValue === "yes";
}

async function pressed(control) {
  const card = control.closest("[data-task]");
  const { token, confirm } = control.dataset;
  if (confirm && !(await agreed(confirm, control.textContent))) return;
  const enable = (on) => card.querySelectorAll("[data-token]").forEach((other) => (other.disabled = !on));
  enable(false);
  try {
    // What was decided comes back as a new card; until then nothing on the old one can be pressed.
    const { stays, undone } = await press(token, card.dataset.task, control.value ? { picked: control.value } : {});
    if (stays) enable(true);
    if (undone) control.replaceWith(make("p", { className: "note", textContent: undone }));
  } catch (error) {
    enable(true);
    say(error.message);
  }
}

document.addEventListener("click", ({ target }) => {
  if (target.closest("[data-close]")) dialog.close();
  if (target.matches("button[data-token]")) pressed(target);
});
document.addEventListener("change", ({ target }) => target.matches("select[data-token]") && pressed(target));
for (const kind of ["dragover", "dragleave", "drop"])
  document.addEventListener(kind, (event) => {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    document.body.classList.toggle("drop", kind === "dragover");
    if (kind === "drop") tray.add(event.dataTransfer.files);
  });

// -- the stream
function localise(root) {
  for (const time of root.querySelectorAll("time")) {
    const at = new Date(time.dateTime);
    const day = at.toDateString() === new Date().toDateString() ? {} : { day: "numeric", month: "short" };
    time.textContent = at.toLocaleString([], { ...day, hour: "2-digit", minute: "2-digit" });
    time.title = at.toLocaleString();
  }
}

function place({ key, after, html, say: words, state }) {
  const old = atKey(key);
  const atEnd = innerHeight + scrollY > document.documentElement.scrollHeight - 160;
  if (!html) return old?.remove();
  const fresh = document.createRange().createContextualFragment(html).firstElementChild;
  localise(fresh);
  const opened = [...(old?.querySelectorAll("details") ?? [])].map((part) => part.open);
  fresh.querySelectorAll("details").forEach((part, index) => (part.open = Boolean(opened[index])));
  const focused = old?.contains(document.activeElement);
  old?.remove();
  atKey(after) ? atKey(after).after(fresh) : timeline.append(fresh);
  if (focused) fresh.focus({ preventScroll: true });
  if (words) $("#announce").textContent = words;
  if (atEnd) scrollTo({ top: document.documentElement.scrollHeight });
  $("[aria-current] .dot").className = `dot ${state}`;
}

function write(kind, { task_id: taskId, text }) {
  const live = $(`.live.${kind}`, timeline) ?? make("div", { className: `live ${kind}` });
  live.textContent = (live.textContent + text).slice(-4000);
  atKey(`status:${taskId}`)?.after(live);
}

let source, retry, last = page.place;
const hush = () => (source = void source?.close());

function listen() {
  clearTimeout(retry);
  if (!page.thread || document.hidden || source) return;
  source = new EventSource(`/t/${encodeURIComponent(page.thread)}/stream?after=${encodeURIComponent(last)}`);
  const on = (name, act) => source.addEventListener(name, (event) => act(JSON.parse(event.data), event));
  on("card", place);
  for (const kind of ["text", "output"]) on(kind, (piece) => write(kind, piece));
  on("quiet", ({ kind }) => $(`.live.${kind}`, timeline)?.remove());
  on("place", (_, event) => (last = event.lastEventId));
  source.onopen = () => notice.textContent === page.away && say("");
  source.onerror = async () => {
    say(page.away);
    if (source?.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
    hush();
    if (await fetch("/api/me").then((answer) => answer.status === 401, () => false)) say(page.signedOut);
    else retry = setTimeout(listen, 3000);
  };
}

// Browsers open six connections to a server: a page nobody looks at gives its own back.
document.addEventListener("visibilitychange", () => (document.hidden ? hush() : listen()));
addEventListener("pagehide", hush);
history.scrollRestoration = "manual";
if (innerWidth < 800) $(".past").open = false;
localise(document);
if (page.thread) scrollTo({ top: document.documentElement.scrollHeight });
listen();
