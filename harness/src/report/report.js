// @ts-check
// What a page gains with scripts: a list of operations with a filter, links to operations and into sections, copy
// buttons, a theme switch, keys. Everything above the list is complete without this file. Text from the run only ever enters through
// textContent.
(() => {
  "use strict";

  /** @param {string} id */
  const byId = (id) => document.getElementById(id);
  /** @param {string} text */
  const say = (text) => { const said = byId("said"); if (said) said.textContent = text; };

  /**
   * @param {string} name
   * @param {{text?: string, className?: string}} [with_]
   * @param {Node[]} [children]
   */
  const element = (name, with_ = {}, children = []) => {
    const made = document.createElement(name);
    if (with_.text !== undefined) made.textContent = with_.text;
    if (with_.className) made.className = with_.className;
    made.append(...children);
    return made;
  };

  // --- light and dark -------------------------------------------------------------------------------------------

  const root = document.documentElement;
  const systemDark = window.matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => root.dataset.theme ? root.dataset.theme === "dark" : systemDark.matches;
  const themeButton = byId("theme");

  const nameTheme = () => { if (themeButton) themeButton.textContent = isDark() ? "Light" : "Dark"; };
  /** @param {string} theme */
  const setTheme = (theme) => {
    root.dataset.theme = theme;
    nameTheme();
    // Some browsers refuse storage to pages from a file: the switch then lasts for this visit.
    try { localStorage.setItem("rashomon-theme", theme); } catch { /* as said */ }
  };
  const switchTheme = () => setTheme(isDark() ? "light" : "dark");

  const startTheme = () => {
    const asked = new URLSearchParams(location.search).get("theme");
    let kept = null;
    try { kept = localStorage.getItem("rashomon-theme"); } catch { /* see setTheme */ }
    const theme = asked ?? kept;
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
    nameTheme();
    systemDark.addEventListener("change", nameTheme);
    if (themeButton) {
      themeButton.hidden = false;
      themeButton.addEventListener("click", switchTheme);
    }
  };

  // --- copying --------------------------------------------------------------------------------------------------

  /** @param {Element} code */
  const select = (code) => {
    const range = document.createRange();
    range.selectNodeContents(code);
    const selection = window.getSelection();
    selection?.removeAllRanges();
    selection?.addRange(range);
  };

  /** @param {HTMLButtonElement} button */
  const wireCopy = (button) => {
    const code = button.previousElementSibling;
    if (!code) return;
    button.hidden = false;
    button.addEventListener("click", async () => {
      select(code);
      let done = "Selected";
      try {
        await navigator.clipboard.writeText(code.textContent ?? "");
        done = "Copied";
      } catch { /* no clipboard for pages from a file in this browser: the text is selected */ }
      button.textContent = done;
      say(done === "Copied" ? "Command copied" : "Command selected, copy it with the keyboard");
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
  };

  // --- operations around the failure ----------------------------------------------------------------------------

  const COLUMNS = ["#", "process", "f", "asked with", "answer", "outcome", "from", "took", "node", "error"];
  const [NUMBER, PROCESS, F, INPUT, ANSWER, OUTCOME, CALL, RET, NODE, ERROR] = COLUMNS.keys();

  /** @param {number | null} nanos */
  const moment = (nanos) => nanos === null ? "" : `${(nanos / 1e9).toFixed(4)} s`;
  /** @param {number | null} from @param {number | null} to */
  const span = (from, to) => {
    if (from === null || to === null) return "";
    const micros = Math.max(0, to - from) / 1e3;
    return micros < 999.5 ? `${micros.toFixed(0)} µs` : `${(micros / 1e3).toFixed(1)} ms`;
  };

  /** @type {HTMLTableRowElement[]} */
  let rows = [];
  let current = -1;
  let blocked = -1;

  /** @param {any[]} row @param {Set<number>} shown */
  const makeRow = (row, shown) => {
    const line = /** @type {HTMLTableRowElement} */ (element("tr"));
    line.id = `row-${row[NUMBER]}`;
    line.dataset.op = String(row[NUMBER]);
    line.dataset.outcome = row[OUTCOME];
    if (shown.has(row[NUMBER])) line.className = "is-shown";
    if (row[NUMBER] === blocked) line.className = "is-blocked";
    /** @type {[string, string][]} */
    const cells = [
      [String(row[NUMBER]), "num"], [`p${row[PROCESS]}`, ""], [row[F], ""], [row[INPUT], "value"], [row[ANSWER], "value"],
      ["", ""], [moment(row[CALL]), "num"], [span(row[CALL], row[RET]), "num"], [row[NODE] ?? "", ""], [row[ERROR] ?? "", "value words"],
    ];
    for (const [text, className] of cells) line.append(element("td", { text, className }));
    line.cells[OUTCOME].append(element("span", { text: row[OUTCOME], className: `chip ${row[OUTCOME]}` }));
    line.dataset.text = cells.map(([text]) => text).join(" ").toLowerCase() + " " + row[OUTCOME];
    line.addEventListener("click", () => go(line, false));
    return line;
  };

  /** @param {HTMLElement} place @param {any} data */
  const buildTable = (place, data) => {
    blocked = data.blocked;
    const shown = new Set(data.shown);
    rows = data.rows.map((/** @type {any[]} */ row) => makeRow(row, shown));
    const head = element("tr", {}, COLUMNS.map((text) => {
      const cell = element("th", { text, className: ["#", "from", "took"].includes(text) ? "num" : "" });
      cell.setAttribute("scope", "col");
      return cell;
    }));
    const table = element("table", {}, [element("thead", {}, [head]), element("tbody", {}, rows)]);
    const box = element("div", { className: "rows" }, [table]);
    box.tabIndex = 0;
    box.setAttribute("role", "region");
    box.setAttribute("aria-label", "Operations around the failure");
    place.append(filters(), box);
    const start = byId(`row-${blocked}`);
    if (start) box.scrollTop = Math.max(0, start.offsetTop - box.clientHeight / 2);
  };

  const filters = () => {
    const search = /** @type {HTMLInputElement} */ (element("input"));
    search.type = "search";
    search.id = "filter";
    search.placeholder = "p3, read, 41, n1 ...";
    const label = element("label", { text: "Filter " }, [search]);
    const boxes = ["ok", "fail", "info"].map((outcome) => {
      const box = /** @type {HTMLInputElement} */ (element("input"));
      box.type = "checkbox";
      box.checked = true;
      box.value = outcome;
      return box;
    });
    const labels = boxes.map((box) => element("label", {}, [box, document.createTextNode(` ${box.value}`)]));
    const count = element("span", { className: "dim" });
    const apply = () => {
      const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      const outcomes = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
      let visible = 0;
      for (const row of rows) {
        const text = row.dataset.text ?? "";
        const match = outcomes.has(row.dataset.outcome ?? "") && words.every((word) => text.includes(word));
        row.hidden = !match;
        if (match) visible += 1;
      }
      count.textContent = `${visible} of ${rows.length}`;
      say(`${visible} operations listed`);
    };
    search.addEventListener("input", apply);
    for (const box of boxes) box.addEventListener("change", apply);
    count.textContent = `${rows.length} of ${rows.length}`;
    return element("div", { className: "filters" }, [label, ...labels, count]);
  };

  /** @param {string} number */
  const light = (number) => {
    for (const lit of document.querySelectorAll(".lit")) lit.classList.remove("lit");
    for (const mark of document.querySelectorAll(`.op[data-op="${number}"], li[id="op-${number}"]`)) mark.classList.add("lit");
  };

  /** @param {HTMLTableRowElement} row @param {boolean} scroll */
  const go = (row, scroll) => {
    rows[current]?.classList.remove("current");
    current = rows.indexOf(row);
    row.classList.add("current");
    const number = row.dataset.op ?? "";
    light(number);
    try { history.replaceState(null, "", `#op-${number}`); } catch { /* a page from a file may not; the row is marked all the same */ }
    if (scroll) row.scrollIntoView({ block: "nearest" });
    say([...row.cells].map((cell) => cell.textContent).filter(Boolean).join(", "));
  };

  /** @param {number} step */
  const move = (step) => {
    for (let at = current + step; at >= 0 && at < rows.length; at += step) {
      if (!rows[at].hidden) { go(rows[at], true); return; }
    }
  };

  // Wide drawings begin at their left end, but what matters may be further right.
  /** @param {ParentNode} part */
  const showFailure = (part) => {
    for (const mark of part.querySelectorAll(".op.blocked, .timeline .failure")) {
      const box = mark.closest(".scroll");
      if (!box) continue;
      const [inner, outer] = [mark.getBoundingClientRect(), box.getBoundingClientRect()];
      // No further than needed: what came before is part of the story.
      const needed = Math.min(inner.right - outer.right + 24, inner.left - outer.left - 100);
      if (inner.right > outer.right) box.scrollLeft += needed;
    }
  };

  const followLink = () => {
    const match = /^#op-(\d+)$/.exec(location.hash);
    if (!match) return;
    light(match[1]);
    const listed = byId(`op-${match[1]}`);
    const lists = listed?.closest("details");
    if (listed && lists && !lists.open) {
      lists.open = true;
      listed.scrollIntoView({ block: "center" });
    }
    const row = /** @type {HTMLTableRowElement | null} */ (byId(`row-${match[1]}`));
    rows[current]?.classList.remove("current");
    if (row) {
      current = rows.indexOf(row);
      row.classList.add("current");
    }
    // The list of the counterexample has anchors of its own; other operations are found in the table only.
    if (row && !listed) row.scrollIntoView({ block: "center" });
  };

  // --- sections of files ----------------------------------------------------------------------------------------

  // Most browsers open what a link leads into; this is for the others.
  const openTarget = () => {
    const target = byId(location.hash.slice(1));
    let opened = false;
    for (let part = target?.closest("details"); part; part = part.parentElement?.closest("details")) {
      if (!part.open) { part.open = true; opened = true; }
    }
    if (opened) target?.scrollIntoView();
  };

  const startCases = () => {
    const cases = /** @type {HTMLDetailsElement[]} */ ([...document.querySelectorAll("details.case")]);
    const button = byId("open-all");
    const allOpen = () => cases.every((one) => one.open);
    const name = () => { if (button) button.textContent = allOpen() ? "Close all" : "Open all"; };
    for (const one of cases) {
      one.addEventListener("toggle", () => {
        name();
        if (one.open) showFailure(one);
      });
    }
    name();
    if (button && cases.length > 1) {
      button.hidden = false;
      button.addEventListener("click", () => {
        const open = !allOpen();
        for (const one of cases) one.open = open;
      });
    }
    openTarget();
    window.addEventListener("hashchange", openTarget);
  };

  // --- keys -----------------------------------------------------------------------------------------------------

  /** @param {KeyboardEvent} event */
  const onKey = (event) => {
    const target = /** @type {HTMLElement} */ (event.target);
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (target.matches("input, textarea, select")) {
      if (event.key === "Escape") target.blur();
      return;
    }
    const violation = /** @type {HTMLTableRowElement | null} */ (byId(`row-${blocked}`));
    /** @type {Record<string, () => void>} */
    const keys = {
      t: switchTheme,
      j: () => move(1),
      k: () => move(-1),
      n: () => { if (violation) go(violation, true); },
      "/": () => byId("filter")?.focus(),
    };
    const act = keys[event.key];
    if (act) { event.preventDefault(); act(); }
  };

  // --- start ----------------------------------------------------------------------------------------------------

  startTheme();
  for (const button of document.querySelectorAll("button.copy")) wireCopy(/** @type {HTMLButtonElement} */ (button));
  showFailure(document);
  if (document.querySelector("details.case")) startCases();
  const data = byId("operations");
  const place = byId("history-table");
  if (data && place) {
    buildTable(place, JSON.parse(data.textContent ?? "{}"));
    const keys = byId("keys");
    if (keys) keys.hidden = false;
    followLink();
    window.addEventListener("hashchange", followLink);
  }
  document.addEventListener("keydown", onKey);
})();
