// SPDX-License-Identifier: MIT
// A button a column: rows by what a cell says, no first; without script the page is the same.
for (const table of document.querySelectorAll("table.grid")) {
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const heads = [...table.tHead.rows[table.tHead.rows.length - 1].cells];
  const order = ["sn", "su", "sa", "sy", "sx", ""];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "↕";
    button.setAttribute("aria-label", "Sort by " + head.textContent.trim());
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      const rank = (row) => column ? order.indexOf(row.cells[column].className) : rows.indexOf(row);
      const sorted = [...rows].sort((a, b) => rank(a) - rank(b));
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      body.append(...(down ? sorted.reverse() : sorted));
    });
    head.append(" ", button);
  });
}
