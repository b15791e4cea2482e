"use strict";
// Lists the sections, and lets tables be sorted and filtered. Without this script a page shows all the same.
(() => {
  const contents = document.querySelector("#contents ul");
  for (const head of document.querySelectorAll("main h2[id]")) {
    const entry = document.createElement("li"), link = document.createElement("a");
    link.href = "#" + head.id;
    link.textContent = head.textContent;
    entry.append(link);
    contents.append(entry);
  }

  const key = (row, column) => {
    const cell = row.cells[column], order = cell.dataset.order ?? cell.textContent.trim();
    const number = Number(order);
    return order === "" || order === "-" ? null : Number.isNaN(number) ? order : number;
  };
  const compare = (one, other) => {
    if (typeof one === "number" && typeof other === "number") return one - other;
    return String(one).localeCompare(String(other), undefined, { numeric: true });
  };

  const sort = (table, head, column) => {
    const down = head.getAttribute("aria-sort") === "ascending";
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const rows = [...table.tBodies[0].rows].map((row) => [key(row, column), row]);
    const empty = rows.filter(([value]) => value === null), known = rows.filter(([value]) => value !== null);
    known.sort(([one], [other]) => (down ? compare(other, one) : compare(one, other)));
    table.tBodies[0].append(...[...known, ...empty].map(([, row]) => row));
  };

  for (const table of document.querySelectorAll("table.sortable")) {
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      if (head.textContent.trim() === "") return;
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      button.addEventListener("click", () => sort(table, head, column));
      head.append(button);
    });
  }

  for (const table of document.querySelectorAll("table.filterable")) {
    const label = document.createElement("label"), field = document.createElement("input");
    const count = document.createElement("span"), rows = [...table.tBodies[0].rows];
    label.className = "filter";
    field.type = "search";
    count.setAttribute("role", "status");
    label.append("Only rows with", field);
    field.addEventListener("input", () => {
      const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
      for (const row of rows) {
        const text = row.textContent.toLowerCase();
        row.hidden = !words.every((word) => text.includes(word));
      }
      count.textContent = ` ${rows.filter((row) => !row.hidden).length} of ${rows.length}`;
    });
    const around = table.closest(".wide") ?? table;
    around.before(label, count);
  }
})();
