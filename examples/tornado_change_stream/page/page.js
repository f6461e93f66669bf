// Shows the changes that the server sends, newest first. What it knows of a change is text, and is set as text.

const SHOWN_AT_MOST = 500; // older ones leave the page; they still count
const MAX_MESSAGE_BYTES = 64 * 1024; // the server's limit
const SILENCE_MS = 20_000; // the server says something every 5 seconds
const FIRST_RETRY_MS = 250;
const LAST_RETRY_MS = 5_000;
const TRY_LATER = 1013; // RFC 6455's code for a server that is full

const READY_MADE = [
  () => ({ title: "Middlemarch", author: { given: "George", family: "Eliot" }, year: 1871, tags: ["novel", "classic"] }),
  () => ({ city: "Zürich", temperature: 21.5, measured: { $date: new Date().toISOString() }, sky: "☀" }),
  () => ({ title: "Markup is only text", body: "<script>alert('never')</script> <b>not bold</b>" }),
];

const byId = (id) => document.getElementById(id);

let socket = null;
let position = null; // where this page is among the changes: the server's words, given back to it
let silence = 0;
let retryMs = FIRST_RETRY_MS;
let count = 0;
let paused = false;
let kept = []; // what came while the page was paused, oldest first
let waiting = false; // for the answer to an insert
let readyMade = 0;

// The connection

function connect() {
  const mine = new WebSocket(new URL("changes", location.href.replace(/^http/, "ws")));
  socket = mine;
  // A connection that breaks without a word is never closed: listen for the silence.
  const heard = () => {
    clearTimeout(silence);
    silence = setTimeout(() => lose("reconnecting", "Connecting again"), SILENCE_MS);
  };
  const lose = (state, text) => {
    if (socket !== mine) return;
    socket = null;
    clearTimeout(silence);
    mine.close();
    showState(state, text);
    if (waiting) answer("The connection broke before the answer came: it may have been inserted or not.", true);
    // Not all pages at the same moment.
    setTimeout(connect, retryMs * (0.5 + Math.random()));
    retryMs = Math.min(2 * retryMs, LAST_RETRY_MS);
  };
  mine.onopen = () => {
    mine.send(JSON.stringify({ type: "start", position }));
    heard();
  };
  mine.onmessage = (event) => {
    if (socket !== mine) return;
    heard();
    receive(JSON.parse(event.data));
  };
  mine.onclose = (event) => {
    if (event.code === TRY_LATER) lose("full", "The server has too many pages open");
    else lose("reconnecting", "Connecting again");
  };
  heard();
}

function receive(message) {
  switch (message.type) {
    case "watching":
      retryMs = FIRST_RETRY_MS;
      byId("namespace").textContent = message.namespace;
      document.title = `Changes in ${message.namespace}`;
      showState("live", "Live");
      break;
    case "change":
      count += 1;
      add(message);
      break;
    case "lost":
      add(message);
      break;
    case "unavailable":
      showState("unavailable", message.message);
      break;
    case "inserted":
      answer("Inserted.", false);
      return;
    case "refused":
      answer(message.message, true);
      return;
  }
  // Together with what was received, so that the one is never without the other.
  position = message.position;
}

function showState(state, text) {
  byId("state").dataset.state = state;
  byId("state").textContent = text;
  enableForm();
}

// The list

function add(message) {
  if (paused) {
    kept.push(message);
    if (kept.length > SHOWN_AT_MOST) kept.shift();
  } else {
    show([message]);
  }
  showCount();
}

function show(messages) {
  const list = byId("changes");
  for (const message of messages) list.prepend(message.type === "lost" ? gap(message) : change(message));
  while (list.childElementCount > SHOWN_AT_MOST) list.lastElementChild.remove();
  byId("nothing").hidden = list.childElementCount > 0;
}

function change(message) {
  const item = byId("change").content.cloneNode(true).firstElementChild;
  const part = (selector) => item.querySelector(selector);
  item.dataset.operation = message.operation;
  part(".operation").textContent = message.operation;
  part(".key").textContent = message.key;
  if (message.time) {
    part("time").dateTime = message.time;
    part("time").textContent = new Date(message.time).toLocaleTimeString([], { hourCycle: "h23" });
  }
  for (const kind of ["updated", "removed"]) {
    part(`.${kind}`).hidden = message[kind] === "";
    part(`.${kind} code`).textContent = message[kind];
  }
  part(".document").hidden = message.document === "";
  part(".document").textContent = message.document;
  return item;
}

function gap(message) {
  const item = byId("gap").content.cloneNode(true).firstElementChild;
  item.textContent = message.message;
  return item;
}

function showCount() {
  byId("count").textContent = count.toLocaleString();
  byId("unit").textContent = count === 1 ? "change" : "changes";
  byId("pause").textContent = paused ? `Resume (${kept.length} new)` : "Pause";
  byId("pause").setAttribute("aria-pressed", String(paused));
}

byId("pause").onclick = () => {
  paused = !paused;
  if (!paused) {
    show(kept);
    kept = [];
  }
  showCount();
};

// The form

function insert(text) {
  const message = JSON.stringify({ type: "insert", text });
  if (new TextEncoder().encode(message).length > MAX_MESSAGE_BYTES) {
    answer("This is too long: 64 kB are sent at most.", true);
    return;
  }
  socket.send(message);
  answer("…", false);
  waiting = true;
  enableForm();
}

function answer(text, isError) {
  waiting = false;
  byId("answer").textContent = text;
  byId("answer").classList.toggle("error", isError);
  byId("document").setAttribute("aria-invalid", String(isError));
  enableForm();
}

function enableForm() {
  const enabled = !waiting && socket !== null && socket.readyState === WebSocket.OPEN;
  for (const button of byId("insertion").querySelectorAll("button")) button.disabled = !enabled;
}

byId("insertion").onsubmit = (event) => {
  event.preventDefault();
  insert(byId("document").value);
};

byId("ready-made").onclick = () => {
  insert(JSON.stringify(READY_MADE[readyMade++ % READY_MADE.length]()));
};

enableForm();
connect();
