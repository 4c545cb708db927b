// Names in tables may break where their words do, so that a table fits on a phone.
for (const code of document.querySelectorAll("table.docutils td code.literal .pre")) {
  const words = code.textContent.split(/(?<=[a-z_.])(?=[A-Z])|(?<=[_.])/);
  code.replaceChildren(...words.flatMap((word) => [word, document.createElement("wbr")]));
}

// The table of commands, filtered by who asks and in which status. Without this script it is a
// plain table.
(() => {
  const section = document.getElementById("who-may-give-which-command-in-which-status");
  const table = section && section.querySelector("table");
  if (!table) return;

  const rows = [...table.tBodies[0].rows];
  const statuses = [...table.tHead.rows[0].cells].slice(1).map((cell) => cell.textContent.trim());
  const actors = ["practice", "client", "platform"];

  const choice = (label, all, names) => {
    const select = document.createElement("select");
    select.append(new Option(all, ""), ...names.map((name) => new Option(name, name)));
    const words = document.createElement("label");
    words.append(label, select);
    select.addEventListener("change", show);
    return { words, select };
  };
  const who = choice("Who asks ", "anybody", actors);
  const where = choice("Status ", "any", statuses);
  const search = document.createElement("input");
  search.type = "search";
  search.placeholder = "for example Access";
  search.addEventListener("input", show);
  const named = document.createElement("label");
  named.append("Command ", search);
  const count = document.createElement("output");

  const form = document.createElement("form");
  form.className = "filter";
  form.append(who.words, where.words, named, count);
  form.addEventListener("submit", (event) => event.preventDefault());
  // Before the box in which a wide table scrolls.
  const box = table.closest(".table-wrapper") || table;
  box.before(form);

  function show() {
    const actor = who.select.value;
    const column = where.select.selectedIndex; // 0 is any, and the first column is the command
    let shown = 0;
    for (const row of rows) {
      const cells = [...row.cells].slice(1);
      const allowed = cells.map((cell) => {
        const may = cell.textContent.split(",").map((name) => name.trim()).filter(Boolean);
        return actor ? may.includes(actor) : may.length > 0;
      });
      cells.forEach((cell, number) => {
        cell.classList.toggle("quiet", !allowed[number]);
        cell.classList.toggle("given", Boolean(actor) && allowed[number]);
      });
      const fits = column ? allowed[column - 1] : allowed.some(Boolean);
      const wanted = row.cells[0].textContent.toLowerCase().includes(search.value.toLowerCase());
      row.hidden = !(fits && wanted);
      shown += row.hidden ? 0 : 1;
    }
    for (const row of [table.tHead.rows[0], ...rows]) {
      [...row.cells].slice(1).forEach((cell, number) => {
        cell.hidden = column > 0 && number !== column - 1;
      });
    }
    count.textContent = `${shown} of ${rows.length} commands`;
  }
  show();
})();
