// Lists the files, stores and deletes them. What is a sound or a video gets a player, which asks for parts of it.

const chosen = document.getElementById("files");
const list = document.getElementById("list");
const state = document.getElementById("state");

const address = (name) => `files/${encodeURIComponent(name)}`;

async function ask(url, options) {
  const response = await fetch(url, options);
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
  return response;
}

function entry({ name, length, type }) {
  const item = document.createElement("li");
  const link = item.appendChild(document.createElement("a"));
  link.href = address(name);
  link.textContent = name;
  item.append(` ${length.toLocaleString()} bytes `);
  const button = item.appendChild(document.createElement("button"));
  button.textContent = "Delete";
  button.onclick = () => attempt("Deleted.", () => ask(address(name), { method: "DELETE" }));
  const kind = type.split("/")[0];
  if (kind === "audio" || kind === "video") {
    const player = item.appendChild(document.createElement(kind));
    player.controls = true;
    player.preload = "metadata";
    player.src = address(name);
  }
  return item;
}

async function attempt(done, action) {
  chosen.disabled = true;
  try {
    await action();
    list.replaceChildren(...(await (await ask("files")).json()).map(entry));
    state.textContent = done;
  } catch (error) {
    state.textContent = error.message;
  }
  chosen.disabled = false;
}

chosen.onchange = () =>
  attempt("Stored.", async () => {
    for (const file of chosen.files) await ask(address(file.name), { method: "PUT", body: file });
    chosen.value = "";
  });

attempt("", async () => {});
