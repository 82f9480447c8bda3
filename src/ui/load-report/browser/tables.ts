/** Rows in the order of the column whose title is pressed, and only those that the field beside the table names. */
export function makeSortable(section: HTMLElement): void {
  const body = section.querySelector('tbody');
  const filter = section.querySelector('input');
  if (!body) return;
  const rows = [...body.rows];
  section.querySelectorAll<HTMLButtonElement>('th button').forEach((button, column) => {
    button.addEventListener('click', () => {
      const header = button.closest('th')!;
      const isDescending = header.getAttribute('aria-sort') === 'descending';
      for (const other of section.querySelectorAll('th')) other.removeAttribute('aria-sort');
      header.setAttribute('aria-sort', isDescending ? 'ascending' : 'descending');
      const sign = isDescending ? 1 : -1;
      rows.sort((a, b) => sign * compare(a.cells[column]!, b.cells[column]!));
      body.append(...rows);
    });
  });
  filter?.addEventListener('input', () => {
    const wanted = filter.value.toLowerCase();
    for (const row of rows) row.hidden = !row.cells[0]!.textContent!.toLowerCase().includes(wanted);
  });
}

/** Cells with a number have it in `data-value`. */
function compare(a: HTMLElement, b: HTMLElement): number {
  const [left, right] = [a.dataset['value'], b.dataset['value']];
  if (left !== undefined && right !== undefined) return Number(left) - Number(right);
  return a.textContent!.localeCompare(b.textContent!);
}
