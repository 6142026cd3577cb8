// Keys, drag and drop, and uploads. Everything else is in the page's templates.
(() => {
  "use strict";
  const act = (...values) => window.trame && window.trame.trigger("act", values);
  const state = () => window.trame.state.state;
  const set = (key, value) => window.trame && window.trame.state.set(key, value);
  const layouts = ["Four views", "Axial", "Sagittal", "Coronal", "3D"];
  const keys = {
    f: () => act("tool", "foreground"),
    b: () => act("tool", "background"),
    x: () => act("tool", "box"),
    w: () => act("tool", "window"),
    s: () => act("next_segment"),
    n: () => act("suggest"),
    p: () => act("preview", !state().preview_on),
    c: () => act("crosshair", !state().crosshair_on),
    enter: () => act("place_here"),
    arrowleft: () => act("nudge", -1, 0, 0),
    arrowright: () => act("nudge", 1, 0, 0),
    arrowup: () => act("nudge", 0, -1, 0),
    arrowdown: () => act("nudge", 0, 1, 0),
    pageup: () => act("nudge", 0, 0, 1),
    pagedown: () => act("nudge", 0, 0, -1),
    delete: () => act("remove_last_point"),
    "?": () => set("help_open", true),
  };
  layouts.forEach((name, index) => (keys[String(index + 1)] = () => act("layout", name)));

  addEventListener("keydown", (event) => {
    const at = event.target;
    const typing = at.closest && at.closest("input, textarea, select, [role=dialog], [role=listbox]");
    if (!window.trame || (typing && at.type !== "range" && at.type !== "checkbox")) return;
    const key = event.key.toLowerCase();
    if (event.ctrlKey || event.metaKey) {
      if (key === "z" || key === "y") {
        act(key === "y" || event.shiftKey ? "redo" : "undo");
        event.preventDefault();
      }
      return;
    }
    const onControl = at.closest && at.closest("button, a, input");
    const own = key === "enter" || (at.type === "range" && /^(arrow|page)/.test(key));
    if (event.altKey || !keys[key] || (own && onControl)) return;
    keys[key]();
    event.preventDefault();
  });

  const mayReplace = () =>
    !state().segments.some((segment) => segment.ml !== "empty") ||
    confirm("The segments of this volume are discarded if you have not downloaded them. Open another one?");

  function send(files, folder) {
    if (!files.length || !window.trame || !mayReplace()) return;
    const form = new FormData();
    if (folder) form.append("title", folder);
    for (const file of files) form.append("file", file, file.name);
    const request = new XMLHttpRequest();
    request.open("POST", "upload");
    request.upload.onprogress = (event) => set("upload_share", Math.round((100 * event.loaded) / event.total));
    request.onloadend = () => {
      set("upload_share", -1);
      let answer = {};
      try {
        answer = JSON.parse(request.responseText);
      } catch {
        answer = { error: "The upload did not arrive; check the connection and send it again." };
      }
      set("error", answer.error || "");
    };
    request.send(form);
  }

  function choose(folder) {
    const input = document.createElement("input");
    input.type = "file";
    if (folder) input.webkitdirectory = true;
    else input.accept = ".nii,.gz,.nrrd,.mha,.dcm";
    input.multiple = true;
    input.onchange = () => {
      const files = Array.from(input.files);
      send(files, files.length && files[0].webkitRelativePath.split("/")[0]);
    };
    input.click();
  }

  async function filesOf(entry) {
    if (entry.isFile) return [await new Promise((found, failed) => entry.file(found, failed))];
    const reader = entry.createReader();
    const all = [];
    for (;;) {
      const some = await new Promise((found, failed) => reader.readEntries(found, failed));
      if (!some.length) return all;
      for (const inner of some) all.push(...(await filesOf(inner)));
    }
  }

  let depth = 0;
  addEventListener("dragenter", () => {
    depth += 1;
    set("drop_active", true);
  });
  addEventListener("dragleave", () => {
    depth -= 1;
    if (depth <= 0) set("drop_active", false);
  });
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", async (event) => {
    event.preventDefault();
    depth = 0;
    set("drop_active", false);
    const entries = Array.from(event.dataTransfer.items, (item) => item.webkitGetAsEntry && item.webkitGetAsEntry());
    const plain = Array.from(event.dataTransfer.files);
    const found = entries.filter(Boolean);
    const folder = found.length === 1 && found[0].isDirectory ? found[0].name : "";
    send(found.length ? (await Promise.all(found.map(filesOf))).flat() : plain, folder);
  });
  addEventListener("contextmenu", (event) => {
    if (event.target.closest(".views")) event.preventDefault();
  });

  // The client sends the mouse's events one by one, each when the one before was answered. An action that is asked for
  // while a button is held, or before its release has arrived, waits: else an undo overtakes the drag it is to undo.
  function keepOrder() {
    const trigger = window.trame.trigger;
    const waiting = [];
    let isHeld = false;
    let expected = 0;
    let patience = 0;
    const isBehind = () => isHeld || (state().releases < expected && Date.now() < patience);
    const look = () => {
      if (isBehind()) return setTimeout(look, 20);
      waiting.splice(0).forEach((go) => go());
    };
    addEventListener(
      "pointerdown",
      (event) => {
        if (!event.target.closest(".layout-grid-item") || event.target.closest("button, input")) return;
        if (!isBehind()) expected = state().releases;
        isHeld = true;
      },
      true,
    );
    const released = (event) => {
      if (!isHeld || event.buttons) return; // a move without buttons: the release was outside the window
      isHeld = false;
      expected += 1;
      patience = Date.now() + 5000; // where the view has missed the release
    };
    for (const name of ["pointerup", "pointercancel", "pointermove", "blur"]) addEventListener(name, released, true);
    window.trame.trigger = (...asked) => {
      if (!isBehind() && !waiting.length) return trigger(...asked);
      if (!waiting.length) setTimeout(look, 20);
      return new Promise((done, failed) => waiting.push(() => trigger(...asked).then(done, failed)));
    };
  }

  // The first frames can come before the page has a place for them: ask again until every view shows something.
  function drawn() {
    const images = Array.from(document.querySelectorAll(".layout-grid-item img"));
    return images.length > 0 && images.every((image) => image.naturalWidth > 1);
  }
  function start() {
    if (!window.trame || !window.trame.client || !window.trame.client.isConnected()) return setTimeout(start, 100);
    const light = matchMedia("(prefers-color-scheme: light)").matches;
    const theme = localStorage.getItem("fast3dsam.theme") || (light ? "light" : "dark");
    if (theme !== state().theme) act("theme", theme);
    keepOrder();
    window.trame.client.getConnection().onConnectionClose(() => (document.getElementById("lost").hidden = false));
    let tries = 20;
    const draw = () => {
      if (drawn() || (tries -= 1) < 0) return;
      act("draw");
      setTimeout(draw, 500);
    };
    setTimeout(draw, 500);
  }
  function toggleTheme() {
    const theme = state().theme === "dark" ? "light" : "dark";
    localStorage.setItem("fast3dsam.theme", theme);
    act("theme", theme);
  }
  addEventListener("load", start);
  addEventListener("pagehide", () => navigator.sendBeacon("left"));
  window.fast3dsam = { choose, send, toggleTheme };
})();
