/* The script of the report: draws its charts, and sorts and filters its long tables. */
import './page.css';

import type { Chart } from '../chart.js';
import { drawCharts } from './draw.js';
import { makeSortable } from './tables.js';

const data = document.getElementById('charts');
if (data) drawCharts(JSON.parse(data.textContent ?? '[]') as Chart[]);
for (const section of document.querySelectorAll<HTMLElement>('.sortable')) makeSortable(section);
