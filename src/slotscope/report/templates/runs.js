const source = atob(document.getElementById("library").textContent);
const bytes = Uint8Array.from(source, (letter) => letter.charCodeAt(0));
const url = URL.createObjectURL(new Blob([bytes], { type: "text/javascript" }));
const { default: DataTable } = await import(url);
URL.revokeObjectURL(url);
new DataTable("#table", { order: [], pageLength: 50 });
document.documentElement.dataset.ready = "true";
