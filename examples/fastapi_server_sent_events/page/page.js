// The browser reconnects by itself, and tells the server the id of the last event it has seen.

const state = document.getElementById("state");
const changes = document.getElementById("changes");
const source = new EventSource("changes");

function show(text) {
  const item = document.createElement("li");
  item.appendChild(document.createElement("pre")).textContent = text;
  changes.prepend(item);
}

source.addEventListener("watching", (event) => (state.textContent = `Watching ${event.data}`));
source.addEventListener("unavailable", (event) => (state.textContent = event.data));
source.addEventListener("lost", (event) => show(event.data));
source.addEventListener("change", (event) => show(event.data));
source.onerror = () =>
  // The browser gives up when the answer is an error.
  (state.textContent = source.readyState === EventSource.CLOSED ? "The server has too many pages open" : "Connecting again");

document.getElementById("insert").onclick = () =>
  fetch("things", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ title: "Emma", year: 1815, inserted: new Date() }),
  });
