"use strict";
// Keys, theme and the live stream. Everything else works without this file.
(() => {
  const find = (selector) => document.querySelector(selector);
  const page = document.documentElement, badge = find("#live"), theme = find("#theme"), dialog = find("#keys");
  const POLL_MS = 5000, TRIES = 3, POLLS = 12;
  let source = null, timer = 0, tag = "", failures = 0, polls = 0, paused = false, last = "", heard = 0, begun = false;

  function show(state, text) {
    if (badge.dataset.state === state && badge.lastElementChild.textContent === text) return;
    badge.dataset.state = state;
    badge.lastElementChild.textContent = text;
  }
  function take(news) {
    for (const [id, html] of Object.entries(news.fragments)) {
      const old = document.getElementById(id);
      if (old) Idiomorph.morph(old, html, { morphStyle: "outerHTML", ignoreActiveValue: true });
    }
    failures = 0;
    last = news.time;
    show("live", "live " + last);
  }
  const fail = () => { failures += 1; show("stale", "stale since " + (last || "the start")); };
  function watch() {
    source = new EventSource(location.href);
    heard = Date.now();
    source.onmessage = (event) => { heard = Date.now(); take(JSON.parse(event.data)); };
    source.onerror = () => {
      fail();
      if (source.readyState === EventSource.CLOSED || failures > TRIES) { stop(); timer = setTimeout(poll, POLL_MS); }
    };
    timer = setInterval(() => { if (Date.now() - heard > 3 * POLL_MS) fail(); }, POLL_MS);
  }
  async function poll() {
    try {
      const answer = await fetch(location.href, { headers: { Accept: "application/json", "If-None-Match": tag } });
      if (answer.status === 401) { location.reload(); return; }
      if (answer.ok) tag = answer.headers.get("ETag");
      if (answer.status === 304) take({ time: new Date().toISOString().slice(11, 19), fragments: {} });
      else if (answer.ok) take(await answer.json()); else fail();
      polls = failures ? 0 : polls + 1;
    } catch { fail(); }
    if (paused || document.hidden || source) return;
    if (polls >= POLLS) { polls = 0; look(); } else timer = setTimeout(poll, POLL_MS);
  }
  function stop() {
    source = source?.close();
    clearTimeout(timer);
  }
  function look() {
    stop();
    if (paused) show("paused", "paused " + last);
    else if (!document.hidden) watch();
  }
  function turn() {
    const dark = page.dataset.theme ? page.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    page.dataset.theme = dark ? "light" : "dark";
    document.cookie = "theme=" + page.dataset.theme + "; path=/; max-age=31536000; SameSite=Strict";
  }
  function step(by) {
    const rows = [...document.querySelectorAll("[data-row]")];
    const at = rows.indexOf(document.activeElement);
    if (rows.length) rows[at < 0 ? 0 : Math.max(0, Math.min(rows.length - 1, at + by))].focus();
  }
  const keys = {
    "/": () => find(".search input").focus(), "?": () => dialog.showModal(), j: () => step(1), k: () => step(-1),
    f: () => find("[data-filter]")?.focus(), t: turn, r: () => { if (badge) { paused = !paused; look(); } },
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select, dialog")) return;
    const act = begun ? () => find(`nav [data-key="${CSS.escape(event.key)}"]`)?.click() : keys[event.key];
    begun = !begun && event.key === "g";
    if (act) { event.preventDefault(); act(); }
  });
  theme.hidden = false;
  theme.addEventListener("click", turn);
  if (badge) { document.addEventListener("visibilitychange", look); look(); }
})();
