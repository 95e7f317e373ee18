"use strict";
/* Draws the single results: columns of data, filtered, sorted and shown a screenful at a time. */
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const text = data.texts, all = data.results, size = all.outcome.length, HEIGHT = 30, PRINTED = 1000;
  const $ = id => document.getElementById(id);
  const title = row => data.procedures[all.procedure[row]][1] + (all.number[row] > 1 ? ` (attempt ${all.number[row]})` : "");
  const slot = row => data.slots[all.slot[row]][0];
  const when = row => new Date(data.base + all.start[row]).toISOString().slice(0, 19).replace("T", " ");

  const make = (tag, content, kind) => {
    const element = document.createElement(tag);
    if (kind) element.className = kind;
    if (content !== undefined && content !== null) element.append(...[].concat(content));
    return element;
  };

  /* filter and sort */
  const hay = new Array(size);
  for (let row = 0; row < size; row++) {
    const procedure = data.procedures[all.procedure[row]];
    hay[row] = [procedure[1], procedure[0], slot(row), data.slots[all.slot[row]][1], text[all.sections[row]],
      text[all.verdict[row]], text[all.reason[row]], text[all.firmware[row]]].join(" ").toLowerCase();
  }
  const wanted = new Set();
  let shown = [], sort = { key: "start", down: false };
  const keys = {
    outcome: row => all.outcome[row] === 0 ? 9 : all.outcome[row], title, slot, section: row => text[all.sections[row]],
    start: row => all.start[row], duration: row => all.duration[row], reason: row => text[all.reason[row]],
  };

  const apply = () => {
    const words = $("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    const section = words.filter(word => word.startsWith("section:")).map(word => word.slice(8));
    const plain = words.filter(word => !word.startsWith("section:"));
    const one = $("slot").value, owner = $("owner").value, marginal = $("marginal").checked, earlier = $("earlier").checked;
    shown = [];
    for (let row = 0; row < size; row++) {
      if (wanted.size && !wanted.has(all.outcome[row])) continue;
      if (one && slot(row) !== one) continue;
      if (owner && text[all.owner[row]] !== owner) continue;
      if (marginal && !all.marginal[row]) continue;
      if (!earlier && !all.final[row]) continue;
      if (section.length && !section.every(id => (" " + text[all.sections[row]].toLowerCase() + " ").includes(" " + id + " "))) continue;
      if (!plain.every(word => hay[row].includes(word))) continue;
      shown.push(row);
    }
    const key = keys[sort.key], sign = sort.down ? -1 : 1;
    const values = new Map(shown.map(row => [row, key(row)]));
    shown.sort((a, b) => {
      const x = values.get(a), y = values.get(b);
      return (x < y ? -sign : x > y ? sign : a - b);
    });
    $("count").value = shown.length === size ? `${size.toLocaleString("en")} results` : `${shown.length.toLocaleString("en")} of ${size.toLocaleString("en")} results`;
    $("space").style.height = shown.length * HEIGHT + "px";
    $("view").scrollTop = 0;
    draw();
  };

  /* the rows in sight */
  const cells = row => {
    const [, , sign, colour] = data.outcomes[all.outcome[row]];
    const verdict = make("span", `${sign} ${text[all.verdict[row]]}`, "v");
    verdict.style.color = colour;
    return [verdict, make("span", title(row)), make("span", slot(row)), make("span", text[all.sections[row]]),
      make("span", when(row)), make("span", text[all.took[row]], "d"), make("span", text[all.reason[row]])];
  };
  const draw = () => {
    const view = $("view"), first = Math.max(0, Math.floor(view.scrollTop / HEIGHT) - 5);
    const last = Math.min(shown.length, first + Math.ceil(view.clientHeight / HEIGHT) + 10);
    const rows = $("rows");
    rows.style.transform = `translateY(${first * HEIGHT}px)`;
    rows.replaceChildren(...shown.slice(first, last).map(row => {
      const line = make("div", cells(row), all.final[row] ? "row" : "row old");
      line.setAttribute("role", "row");
      line.tabIndex = -1;
      line.dataset.row = row;
      for (const cell of line.children) cell.title = cell.textContent;
      return line;
    }));
  };

  /* one result, whole */
  const range = (table, row) => {
    const column = table.row;
    let low = 0, high = column.length;
    while (low < high) { const middle = (low + high) >> 1; if (column[middle] < row) low = middle + 1; else high = middle; }
    const found = [];
    for (; low < column.length && column[low] === row; low++) found.push(low);
    return found;
  };
  const table = (heads, rows) => {
    const head = make("thead", make("tr", heads.map(name => make("th", name))));
    return make("table", [head, make("tbody", rows)]);
  };
  const measured = row => {
    const m = data.measurements;
    const rows = range(m, row).map(n => {
      const [sign, colour] = data.judgements[text[m.judgement[n]]];
      const judgement = make("td", `${sign} ${text[m.judgement[n]].toLowerCase()}`, "j");
      judgement.style.color = colour;
      const bytes = make("td");
      if (m.last[n] >= m.first[n]) {
        const button = make("button", "bytes");
        button.addEventListener("click", () => mark(text[m.port[n]], m.first[n], m.last[n]));
        bytes.append(button);
      }
      return make("tr", [make("td", text[m.name[n]]), make("td", make("b", text[m.value[n]])), make("td", text[m.limit[n]]), judgement, make("td", text[m.source[n]]), bytes]);
    });
    return rows.length ? [make("h3", "Measurements"), table(["Quantity", "Value", "Limits", "Judgement", "Limit source", ""], rows)] : [];
  };
  const stepped = row => {
    const s = data.steps;
    const rows = range(s, row).map(n => make("tr", [make("td", text[s.name[n]]), make("td", text[s.duration[n]]), make("td", text[s.depends[n]]), make("td", text[s.problem[n]])]));
    return rows.length ? [make("h3", "Steps"), table(["Step", "Duration", "Depends on", "Problem"], rows)] : [];
  };
  const transcripts = row => {
    const t = data.traces, found = range(t, row);
    return found.flatMap(n => {
      const link = make("a", t.file[n]);
      link.href = t.file[n].split("/").map(encodeURIComponent).join("/");
      const head = make("h3", [`Transcript of ${text[t.port[n]]} `, make("span", t.all[n] ? "whole, also in " : t.lines[n] ? "excerpt of " : "in ", "quiet"), link]);
      if (!t.lines[n]) return [head];
      const lines = t.lines[n].split("\n").map(line => {
        const [sequence, seconds, direction, ...bytes] = line.split("\t");
        const kind = { ">": "tx", "<": "rx", "!": "ev" }[direction];
        const element = make("span", `${seconds.padStart(9)} s ${direction} ${bytes.join("\t")}`, kind);
        element.dataset.at = `${text[t.port[n]]} ${sequence}`;
        return element;
      });
      return [head, make("pre", lines)];
    });
  };
  const mark = (port, first, last) => {
    let seen = null;
    for (const line of $("body").querySelectorAll("pre span")) {
      const [name, sequence] = line.dataset.at.split(" ");
      const inside = name === port && +sequence >= first && +sequence <= last;
      line.classList.toggle("span", inside);
      if (inside && !seen) seen = line;
    }
    if (seen) seen.scrollIntoView({ block: "center" });
  };
  const listed = (name, side, row) => {
    const found = range(side, row).map(n => make("li", text[side.text[n]]));
    return found.length ? [make("h3", name), make("ul", found)] : [];
  };
  const captured = row => {
    const c = data.captures, found = range(c, row).map(n => {
      if (!text[c.file[n]]) return make("li", text[c.text[n]]);
      const link = make("a", "open");
      link.href = text[c.file[n]].split("/").map(encodeURIComponent).join("/");
      return make("li", [`${text[c.text[n]]} `, link]);
    });
    return found.length ? [make("h3", "Traces of the module"), make("ul", found)] : [];
  };
  const diagnosed = row => {
    const d = data.diagnoses;
    return range(d, row).map(n => text[d.lines[n]]
      ? make("details", [make("summary", text[d.text[n]]), make("pre", text[d.lines[n]])])
      : make("p", text[d.text[n]], "quiet"));
  };
  const open = row => {
    const [id, , document_] = data.procedures[all.procedure[row]];
    const [, , sign, colour] = data.outcomes[all.outcome[row]];
    const verdict = make("p", make("b", `${sign} ${text[all.verdict[row]]}`));
    verdict.style.color = colour;
    if (text[all.reason[row]]) verdict.append(": " + text[all.reason[row]]);
    const facts = [slot(row), data.slots[all.slot[row]][1], text[all.sections[row]], when(row) + " UTC", text[all.took[row]], text[all.firmware[row]], `attempt ${all.number[row]}${all.final[row] ? "" : ", repeated later"}`];
    $("body").replaceChildren(make("h2", title(row)), make("p", facts.filter(Boolean).join(" · "), "quiet"), verdict,
      ...listed("Evidence", data.evidence, row), ...diagnosed(row), ...listed("Firmware", data.firmware, row), ...measured(row), ...stepped(row), ...listed("Notes", data.notes, row), ...captured(row),
      ...transcripts(row), make("h3", "Procedure"), make("p", make("code", id)), ...(document_ ? [make("p", document_, "document")] : []));
    $("detail").showModal();
    $("detail").scrollTop = 0;
  };

  /* what the address names: #r=ROW opens a result, #s=SECTION filters by section */
  const follow = () => {
    const found = decodeURIComponent(location.hash).match(/^#(r|s)=(.+)$/);
    if (!found) return;
    if (found[1] === "s") {
      $("filter").reset();
      $("search").value = "section:" + found[2];
      apply();
      $("results").scrollIntoView();
    } else if (+found[2] < size) open(+found[2]);
  };

  /* controls */
  for (const [name, series] of data.slots) if (name) $("slot").append(new Option(series ? `${name}, ${series}` : name, name));
  for (const name of new Set(all.owner.map(n => text[n]))) if (name) $("owner").append(new Option(name, name));
  data.outcomes.forEach(([, words, sign, colour], outcome) => {
    const count = all.outcome.reduce((sum, one) => sum + (one === outcome), 0);
    if (!count) return;
    const chip = make("button", `${sign} ${words} ${count.toLocaleString("en")}`, "chip");
    chip.type = "button";
    chip.style.color = colour;
    chip.setAttribute("aria-pressed", "false");
    chip.addEventListener("click", () => {
      const on = !wanted.has(outcome);
      if (on) wanted.add(outcome); else wanted.delete(outcome);
      chip.setAttribute("aria-pressed", on);
      chip.style.background = on ? colour : "";
      apply();
    });
    $("chips").append(chip);
  });
  $("filter").addEventListener("input", apply);
  $("filter").addEventListener("submit", event => event.preventDefault());
  $("filter").addEventListener("reset", () => {
    wanted.clear();
    for (const chip of document.querySelectorAll(".chip")) { chip.setAttribute("aria-pressed", "false"); chip.style.background = ""; }
    setTimeout(apply);
  });
  for (const head of document.querySelectorAll(".head button")) head.addEventListener("click", () => {
    sort = { key: head.dataset.key, down: sort.key === head.dataset.key && !sort.down };
    for (const other of document.querySelectorAll(".head button")) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", sort.down ? "descending" : "ascending");
    apply();
  });
  $("view").addEventListener("scroll", draw, { passive: true });
  addEventListener("resize", draw);
  $("rows").addEventListener("click", event => {
    const line = event.target.closest(".row");
    if (line) location.hash = "r=" + line.dataset.row;
  });
  $("detail").addEventListener("close", () => history.replaceState(null, "", location.pathname + location.search));
  $("detail").addEventListener("click", event => { if (event.target === $("detail")) $("detail").close(); });
  addEventListener("hashchange", follow);

  /* on paper: the results as filtered, as a plain table */
  addEventListener("beforeprint", () => {
    const rows = shown.slice(0, PRINTED).map(row => make("tr", cells(row).map(cell => { const td = make("td", cell.textContent); td.style.color = cell.style.color; return td; })));
    const head = make("thead", make("tr", ["Verdict", "Procedure", "Slot", "Sections", "Started, UTC", "Duration", "Reason"].map(name => make("th", name))));
    const rest = shown.length - rows.length;
    $("printed").replaceChildren(head, make("tbody", rows));
    if (rest > 0) $("printed").append(make("caption", `The first ${PRINTED.toLocaleString("en")} of ${shown.length.toLocaleString("en")} results; filter the page to print others.`));
    for (const gap of document.querySelectorAll("details")) gap.open = true;
  });

  apply();
  follow();
})();
