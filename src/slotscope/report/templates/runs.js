// DataTables knows the dark by a class.
const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark", dark.matches);
dark.addEventListener("change", follow);
follow();

const text = atob(document.getElementById("library").textContent);
const bytes = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
const address = URL.createObjectURL(new Blob([bytes], { type: "text/javascript" }));
const { default: DataTable } = await import(address);
URL.revokeObjectURL(address);

// Whichever way a column of numbers is sorted, what is missing or no number comes last.
const last = (sign) => (a, b) => Number.isNaN(a) - Number.isNaN(b) || sign * (a - b) || 0;
DataTable.type("measured", {
  detect: () => false,
  order: { pre: (value) => (value === "" ? NaN : Number(value)), asc: last(1), desc: last(-1) },
});
new DataTable("#table[data-sort]", {
  autoWidth: false,
  columnControl: [{ target: 1, content: ["search"] }],
  columnDefs: [
    { targets: "number", type: "measured", columnControl: [{ target: 1, content: ["searchNumber"] }] },
    { targets: "choice", columnControl: [{ target: 1, content: [["searchList"]] }] },
  ],
  language: { search: "Find", lengthMenu: "_MENU_ runs a page", info: "_START_ to _END_ of _TOTAL_ runs",
    infoEmpty: "no run", infoFiltered: "(of _MAX_)", zeroRecords: "No run fits." },
  layout: { topStart: "search", topEnd: "info", bottomStart: "pageLength", bottomEnd: "paging" },
  lengthMenu: [25, 50, 100, { label: "all", value: -1 }],
  order: [],
  ordering: { indicators: true, handler: true },
  pageLength: 50,
});
document.documentElement.dataset.ready = "true";
