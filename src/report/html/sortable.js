// A heading of a table sorts by its column: first the largest on top. What is no number among numbers comes last.
for (const table of document.querySelectorAll('table.sortable')) {
  const body = table.tBodies[0], heads = [...table.tHead.rows[table.tHead.rows.length - 1].cells];
  heads.forEach((head, column) => head.querySelector('button').addEventListener('click', () => {
    const down = head.getAttribute('aria-sort') !== 'descending';
    heads.forEach(other => other.removeAttribute('aria-sort'));
    head.setAttribute('aria-sort', down ? 'descending' : 'ascending');
    const number = head.classList.contains('n');
    const key = row => {
      const cell = row.cells[column], text = cell.textContent.trim();
      if (!number) return text;
      const value = parseFloat(cell.dataset.key || text.replace(/,/g, ''));
      return isFinite(value) ? value : null;
    };
    const order = (a, b) => {
      const none = (a[0] === null) - (b[0] === null);
      return none || (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0) * (down ? -1 : 1);
    };
    const rows = [...body.rows].map(row => [key(row), row]).sort(order);
    body.append(...rows.map(pair => pair[1]));
  }));
}
