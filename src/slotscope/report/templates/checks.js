for (const report of document.querySelectorAll(".report")) {
  const form = report.querySelector(".filter");
  const rows = [...report.querySelectorAll("tr[data-verdict]")];
  const show = () => {
    const sought = form.querySelector("input[type=search]").value.toLowerCase();
    const verdicts = [...form.querySelectorAll("input:checked")].map((box) => box.value);
    for (const row of rows) {
      const found = row.textContent.toLowerCase().includes(sought);
      row.hidden = !(found && verdicts.includes(row.dataset.verdict));
    }
    for (const theme of report.querySelectorAll(".checks tbody")) {
      theme.hidden = !theme.querySelector("tr[data-verdict]:not([hidden])");
    }
    const shown = rows.filter((row) => !row.hidden).length;
    form.querySelector("output").textContent = `${shown} of ${rows.length} shown`;
  };
  form.hidden = false;
  form.addEventListener("input", show);
  form.addEventListener("submit", (event) => event.preventDefault());
  show();
}
